"""Training throughput of the whole trainer beside a loop tuned by hand and pythae's trainer: same work, same batch.

Every contender trains the same networks on the same images from random weights, validates after each epoch, and uses
Adam at the same rate. The zoo's trainer besides logs, writes checkpoints and the state to resume from, and is fed by a
recipe. The losses at the end are printed: they agree within noise, or the comparison is worth nothing. Beside them
stand the large matrix products of the MLP alone: the floor, under which no loop can be.

    python -m benchmarks training --data DIR                      # 784-512-2 on MNIST, torchvision's layout in DIR
    python -m benchmarks training --network conv
    python -m benchmarks training --network pythae-conv --images 2048 --validation 512
    python -m benchmarks training --device cuda --step captured --epochs 15      # on any CUDA machine

Without ``--data`` the images are blobs of MNIST's size.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import zoo
from benchmarks import _peers
from benchmarks._measure import images_like_mnist, print_ratios, ratios, spread, write
from zoo.training.devices import uses_bf16
from zoo.training.progress import Silent
from zoo.training.state import Position

NETWORKS: dict[str, dict[str, Any]] = {
    "mlp": {"encoder": {"name": "mlp", "widths": [512]}, "decoder": {"name": "mlp", "widths": [512]}},
    "conv": {"encoder": {"name": "conv", "channels": [32, 64]}, "decoder": {"name": "conv", "channels": [64, 32]}},
    "pythae-conv": {"encoder": "pythae_conv", "decoder": "pythae_conv"},
}
PLAIN = {"mlp": _peers.plain_mlp, "conv": _peers.plain_conv, "pythae-conv": _peers.plain_pythae_conv}
GOALS = """zoo fp32 / by hand fp32 ≥ 0.95; zoo fp32 / pythae ≥ 2 (mlp), 1.1 (pythae-conv); \
zoo auto / pythae ≥ 3 (mlp), 1.8 (pythae-conv)"""


class Stopwatch(Silent):
    """Measures from the first step to the last checkpoint; ``late``: from the end of the first step, which compiles."""

    began = seconds = 0.0

    def __init__(self, *, late: bool = False) -> None:
        self.late = late

    def start(self, position: Position, total_steps: int, epochs: int, batch_size: int) -> None:
        """Training begins."""
        self.began = time.perf_counter()

    def steps(self, position: Position, loss: float) -> None:
        """Steps are done."""
        if self.late and position.step == 1:
            self.began = time.perf_counter()

    def stop(self) -> None:
        """Training is over."""
        self.seconds = time.perf_counter() - self.began


def main(arguments: list[str]) -> None:
    """Measure all contenders in turns."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks training", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--network", choices=NETWORKS, default="mlp", help="what is trained (%(default)s)")
    parser.add_argument("--latent-dim", type=int, default=2, help="latent dimensions (%(default)s)")
    parser.add_argument("--batch", type=int, default=128, help="examples a step (%(default)s)")
    parser.add_argument("--epochs", type=int, default=1, help="epochs of a round (%(default)s)")
    parser.add_argument("--images", type=int, default=55_000, help="images to train on (%(default)s)")
    parser.add_argument("--validation", type=int, default=5_000, help="images to validate on (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that are counted (%(default)s)")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="where to run (%(default)s)")
    parser.add_argument(
        "--step",
        choices=["eager", "compiled", "captured"],
        default="eager",
        help="one contender more (%(default)s: none)",
    )
    parser.add_argument("--data", type=Path, help="folder of MNIST")
    parser.add_argument("--only", nargs="+", help="leave the other contenders out")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    options = parser.parse_args(arguments)
    train, validation = images_like_mnist(options.images, options.validation, options.data)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "images.npz"
        # Without a test set of its own, one would be cut from the images to train on.
        np.savez(file, x_train=train.numpy(), x_validation=validation.numpy(), x_test=validation[:1].numpy())
        seconds, losses = race(contenders(options, file, train, validation), options.rounds)
    examples = options.images * options.epochs
    ours = [name for name in seconds if name.startswith("zoo")]
    pairs = [(name, other) for name in ours for other in seconds if other not in ours]
    # How far the products alone are ahead of pythae is what the best of loops could reach.
    pairs += [(name, "pythae") for name in seconds if name.startswith("products") and "pythae" in seconds]
    speeds = {f"{name} / {other}": ratios(seconds, other, name) for name, other in pairs}
    figures = {
        "settings": {name: str(value) for name, value in vars(options).items()},
        "goals": GOALS,
        "images_per_second": {name: spread([examples / value for value in s]) for name, s in seconds.items()},
        "speed_ratios": speeds,
        "validation_loss": {name: spread(values) for name, values in losses.items() if values},
    }
    print_ratios(f"speed, {options.network}", speeds)
    write(figures, options.out)


def contenders(
    options: argparse.Namespace, file: Path, train: Tensor, validation: Tensor
) -> dict[str, Callable[[], tuple[float, float | None]]]:
    """Return what works once and returns its seconds and, where it trains, its last loss, by name."""
    floats, checks = ((part.float() / 255).to(options.device) for part in (train, validation))
    fast = "bf16" if uses_bf16("auto", options.device) else "fp32"
    common = {"batch_size": options.batch, "epochs": options.epochs, "device": options.device}

    def by_hand(precision: str) -> tuple[float, float]:
        model = PLAIN[options.network](options.latent_dim)
        began = time.perf_counter()
        loss = _peers.train_by_hand(model, floats, checks, precision=precision, **common)
        return time.perf_counter() - began, loss

    def pythae() -> tuple[float, float]:
        network = "mlp" if options.network == "mlp" else "conv"
        began = time.perf_counter()
        loss = _peers.train_by_pythae(network, options.latent_dim, floats.cpu(), checks.cpu(), **common)
        return time.perf_counter() - began, loss

    def products(precision: str) -> tuple[float, None]:
        began = time.perf_counter()
        _peers.products_of_mlp(floats, checks, precision=precision, **common)
        return time.perf_counter() - began, None

    def ours(precision: str, step: str = "eager") -> tuple[float, float]:
        optimizer = {"name": "adam", "lr": _peers.LEARNING_RATE}
        recipe = {
            "name": "benchmark",
            "model": {"preset": "vae-mlp-2d", "latent_dim": options.latent_dim, **NETWORKS[options.network]},
            "data": {"name": "arrays", "path": str(file)},
            "train": {**common, "precision": precision, "step": step, "optimizer": optimizer},
            "evaluate": {"metrics": ["elbo"], "figures": []},
            "seed": int(torch.randint(2**31, ())),
        }
        watch = Stopwatch(late=step != "eager")
        with tempfile.TemporaryDirectory() as folder:
            run = zoo.train(recipe, out=Path(folder) / "run", reporter=watch)
        if run.metrics[-1]["step"] != options.epochs * -(-options.images // options.batch):
            raise RuntimeError(f"{run.metrics[-1]['step']} steps are not the same work")
        return watch.seconds, run.metrics[-1]["validation"]["loss"]

    everybody: dict[str, Callable[[], tuple[float, float | None]]] = {
        "by hand fp32": lambda: by_hand("fp32"),
        "zoo fp32": lambda: ours("fp32"),
        f"by hand {fast}": lambda: by_hand(fast),
        "zoo auto": lambda: ours("auto"),
    }
    if options.step != "eager":
        everybody[f"zoo auto, {options.step}"] = lambda: ours("auto", options.step)
    if options.network != "conv":
        everybody["pythae"] = pythae
    if options.network == "mlp":
        everybody["products fp32"] = lambda: products("fp32")
        everybody[f"products {fast}"] = lambda: products(fast)
    return {name: work for name, work in everybody.items() if not options.only or name in options.only}


def race(
    works: dict[str, Callable[[], tuple[float, float | None]]], rounds: int
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Let everybody work in turns, one round more than are counted; return seconds and losses."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    losses: dict[str, list[float]] = {name: [] for name in works}
    for round_ in range(rounds + 1):
        for name, work in works.items():
            elapsed, loss = work()
            if round_:
                seconds[name].append(elapsed)
            if round_ and loss is not None:
                losses[name].append(loss)
    return seconds, losses
