"""Where the time of a training step goes, beside a loop tuned by hand: in short turns, and operator by operator.

The zoo's loop and the loop by hand train the MLP VAE 784-512-2, so many steps in turns: a machine that others share is
slow for seconds at a time, and then slow for both. The operators' times are torch's profiler's own, of the same loops:
medians of several turns. A small model's step is measured with Adam's kernel called directly, as the zoo calls it, and
with torch's own ``step`` around it, in turns as well.

    python -m benchmarks steps --data DIR
    python -m benchmarks steps --precision bf16 --turns 80
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

import zoo
from benchmarks import _peers
from benchmarks._measure import images_like_mnist, interleaved, print_ratios, ratios, spread, taking_turns, write
from zoo.spec import DataSpec
from zoo.spec.training import TrainSpec
from zoo.training.devices import make_accelerator
from zoo.training.fused import FusedSteps
from zoo.training.loop import InterruptedTrainingError, Trainer
from zoo.training.optimizers import check_optimizer

GROUPS = {
    "matrix products": ("aten::mm", "aten::addmm", "aten::bmm"),
    "optimiser": ("aten::_fused_adam_", "aten::_foreach_add_"),
    "copies and casts": ("aten::copy_", "aten::_to_copy", "aten::index_select", "aten::index"),
    "softplus and likelihood": (
        *("aten::softplus", "aten::softplus_backward", "aten::addcmul", "aten::binary_cross_entropy_with_logits"),
        *("aten::sigmoid", "aten::log_sigmoid_forward", "aten::log_sigmoid_backward", "aten::log1p", "aten::exp"),
    ),
}


def main(arguments: list[str]) -> None:
    """Measure both loops in turns, then each under the profiler."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks steps", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32", help="(%(default)s)")
    parser.add_argument("--batch", type=int, default=128, help="examples a step (%(default)s)")
    parser.add_argument("--images", type=int, default=55_000, help="images to train on (%(default)s)")
    parser.add_argument("--steps", type=int, default=50, help="steps of a turn (%(default)s)")
    parser.add_argument("--turns", type=int, default=40, help="turns that are counted (%(default)s)")
    parser.add_argument("--profiles", type=int, default=7, help="turns of each under the profiler (%(default)s)")
    parser.add_argument("--data", type=Path, help="folder of MNIST")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    options = parser.parse_args(arguments)
    images, _ = images_like_mnist(options.images, 0, options.data)
    by_hand = hand_steps(images, options)
    seconds: dict[str, list[float]] = {"zoo": [], "by hand": []}

    def hand_turn() -> None:
        for _ in range(options.steps):
            next(by_hand)

    train(images, options, taking_turns(seconds, "by hand", hand_turn, options))
    counted = {name: values[2:] for name, values in seconds.items()}
    # In turns as well: a neighbour's use of the cache makes a kernel several times slower, for seconds or minutes.
    turns = [
        {"zoo": operators_of_trainer(images, options), "by hand": operators_of(hand_turn, options.steps)}
        for _ in range(options.profiles)
    ]
    shares = {
        who: {name: statistics.median(turn[who][name] for turn in turns) for name in turns[0][who]} for who in turns[0]
    }
    figures = {
        "settings": {name: str(value) for name, value in vars(options).items()},
        "speed_ratios": {
            "zoo / by hand": ratios(counted, "by hand", "zoo"),
            "small model, kernel / torch's step": kernel_against_step(options),
        },
        "milliseconds_of_a_step": {n: spread([1e3 * s / options.steps for s in v]) for n, v in counted.items()},
        "milliseconds_of_a_step_by_operator": shares,
    }
    print_ratios(f"a step, {options.precision}", figures["speed_ratios"])
    for name in shares["zoo"]:
        print(f"  {name:<34}" + "".join(f"{who}: {shares[who][name]:5.2f} ms   " for who in shares))
    write(figures, options.out)


def train(images: Tensor, options: argparse.Namespace, should_stop: Callable[[], str | None]) -> None:
    """Let the zoo's trainer make steps, without recording anything, until ``should_stop`` gives a reason."""
    spec = TrainSpec(batch_size=options.batch, epochs=10_000, precision=options.precision, device="cpu")
    spec = spec.model_copy(update={"optimizer": check_optimizer(spec.optimizer)})
    wide: dict[str, Any] = {"encoder": {"widths": [512]}, "decoder": {"widths": [512]}}
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "images.npy", images.numpy())
        stored = {"name": "arrays", "path": f"{folder}/images.npy", "validation": 0.0, "test": 0.0}
        data = zoo.load_data(DataSpec.model_validate(stored))
    model = zoo.build("vae-mlp-2d", **wide)
    trainer = Trainer(model, data, spec, 0, make_accelerator(spec), should_stop=should_stop)
    with contextlib.suppress(InterruptedTrainingError):
        trainer.run()


def kernel_against_step(options: argparse.Namespace) -> dict[str, float]:
    """Return how many times as long a step of a VAE 64-64-2 takes with torch's ``step`` as with the kernel alone."""
    torch.manual_seed(0)
    x = torch.rand(options.batch, 1, 8, 8)

    def steps_of(direct: bool) -> Callable[[], None]:
        model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), encoder={"widths": [64]}, decoder={"widths": [64]})
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
        update: Callable[[], object] = FusedSteps(optimizer) if direct else optimizer.step

        def turn() -> None:
            for _ in range(options.steps):
                for parameter in model.parameters():
                    parameter.grad = None
                model(x).total.backward()
                update()

        return turn

    seconds = interleaved({"kernel": steps_of(direct=True), "step": steps_of(direct=False)}, options.turns)
    return ratios(seconds, "step", "kernel")


def hand_steps(images: Tensor, options: argparse.Namespace) -> Iterator[Tensor]:
    """Yield the loss after each step of the loop by hand, forever."""
    floats, model = images.float() / 255, _peers.plain_mlp(2)
    autocast = torch.autocast("cpu", torch.bfloat16, enabled=options.precision == "bf16")
    optimizer = torch.optim.Adam(model.parameters(), lr=_peers.LEARNING_RATE, fused=True)
    while True:
        for indices in torch.randperm(len(floats)).split(options.batch):
            yield _peers.step_by_hand(model, optimizer, autocast, floats[indices])


def operators_of_trainer(images: Tensor, options: argparse.Namespace) -> dict[str, float]:
    """Profile a turn of the zoo's loop in the midst of a training."""
    profiler = profile(activities=[ProfilerActivity.CPU])
    count = 0

    def after_step() -> str | None:
        nonlocal count
        count += 1
        if count == options.steps:
            profiler.start()
        if count < 2 * options.steps:
            return None
        profiler.stop()
        return "enough"

    train(images, options, after_step)
    return shared_out(profiler, options.steps)


def operators_of(turn: Callable[[], None], steps: int) -> dict[str, float]:
    """Profile a turn of a loop that has been running."""
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        turn()
    return shared_out(profiler, steps)


def shared_out(profiler: profile, steps: int) -> dict[str, float]:
    """Return the milliseconds that a step spends in each group of operators, and in all the others together."""
    own = {event.key: event.self_cpu_time_total / 1e3 / steps for event in profiler.key_averages()}
    found = {group: sum(own.pop(name, 0.0) for name in names) for group, names in GROUPS.items()}
    return {**found, "all other operators": sum(time for name, time in own.items() if name.startswith("aten::"))}
