"""What a training step of a sparse autoencoder costs, beside dictionary_learning, and what sparse products save.

Both make whole steps on the same batches, in turns: forward pass, auxiliary loss, gradient clipped to the norm 1, Adam,
directions of unit norm. ``--dead`` declares a share of the latents dead before each turn, so that the auxiliary loss of
both has work to do.

    pip install --no-deps dictionary-learning
    python -m benchmarks sparse
    python -m benchmarks sparse --batch 1024 --dead 0.5 --kinds top_k
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

import zoo
from benchmarks._measure import interleaved, print_ratios, ratios, spread, write
from zoo.data import Batch, split_of_tensor
from zoo.nn.layers.sparse import Places, combine
from zoo.spec.training import TrainSpec
from zoo.training.devices import make_accelerator
from zoo.training.optimizers import check_optimizer
from zoo.training.step import Stepper
from zoo.utils.distributed import SINGLE_PROCESS

PRESETS = {
    "top_k": "sparse-ae-top-k-512d",
    "batch_top_k": "sparse-ae-top-k-512d",
    "jump_relu": "sparse-ae-top-k-512d",
    "l1": "sparse-ae-l1-512d",
}
LONG = 10_000_000
"""Examples without firing after which dictionary_learning counts a latent as dead."""


def main(arguments: list[str]) -> None:
    """Measure a step of each kind, then the products by themselves."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks sparse", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kinds", nargs="+", choices=list(PRESETS), default=list(PRESETS), help="(all)")
    parser.add_argument("--inputs", type=int, default=1024, help="values of an example (%(default)s)")
    parser.add_argument("--latents", type=int, default=16_384, help="latents (%(default)s)")
    parser.add_argument("--k", type=int, default=32, help="latents that are kept (%(default)s)")
    parser.add_argument("--batch", type=int, default=512, help="examples a step (%(default)s)")
    parser.add_argument("--dead", type=float, default=0.0, help="share of latents that are dead (%(default)s)")
    parser.add_argument("--steps", type=int, default=2, help="steps of a turn (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="turns that are counted (%(default)s)")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    options = parser.parse_args(arguments)
    # Directions with noise, so that the tenth step has as much to do as the first.
    generator = torch.Generator().manual_seed(0)
    batches = torch.randn(options.steps, options.batch, options.inputs, generator=generator)
    figures: dict[str, Any] = {}
    for kind in options.kinds:
        works = {"zoo": zoo_steps(kind, batches, options), "dictionary_learning": peer_steps(kind, batches, options)}
        seconds = interleaved(works, options.rounds)
        figures[kind] = {
            "seconds_of_a_step": {
                name: spread([s / options.steps for s in values]) for name, values in seconds.items()
            },
            "time_ratios": {"zoo / dictionary_learning": ratios(seconds, "zoo", "dictionary_learning")},
        }
        print_ratios(f"a step of {kind}", figures[kind]["time_ratios"])
        print_ratios("  seconds", figures[kind]["seconds_of_a_step"])
    seconds = interleaved(decoding(batches[0], options), options.rounds)
    saved = {"sparse / dense": ratios(seconds, "sparse", "dense")}
    print_ratios(f"decoding {options.k} of {options.latents} latents, both passes", saved)
    settings = {name: str(value) for name, value in vars(options).items()}
    write(
        {"settings": settings, "goals": {"zoo / dictionary_learning": 1.0}, "steps": figures, "decoding": saved},
        options.out,
    )


def zoo_steps(kind: str, batches: Tensor, options: argparse.Namespace) -> Callable[[], None]:
    """Return what makes steps as ``zoo.train`` does."""
    torch.manual_seed(0)
    changes: dict[str, Any] = {}
    if kind != "l1":
        kept = {} if kind == "jump_relu" else {"k": options.k}
        changes = {"posterior": {"name": kind, **kept}, "regularisers": {"auxiliary": {"dead_after": LONG}}}
    model = zoo.build(PRESETS[kind], data_shape=(options.inputs,), latent_dim=options.latents, **changes)
    spec = TrainSpec(batch_size=options.batch, clip_norm=1.0, precision="fp32", device="cpu")
    spec = spec.model_copy(update={"optimizer": check_optimizer(spec.optimizer)})
    stepper = Stepper(model.train(), split_of_tensor(batches[0], None), spec, make_accelerator(spec), SINGLE_PROCESS)
    count = 0

    def turn() -> None:
        nonlocal count
        if options.dead and kind in ("top_k", "batch_top_k"):
            model.posterior.silent[: int(options.dead * options.latents)] = 2 * LONG
        for x in batches:
            stepper.step(Batch(x, None), 1.0, count)
            count += 1

    return turn


def peer_steps(kind: str, batches: Tensor, options: argparse.Namespace) -> Callable[[], None]:
    """Return what makes steps by the trainers of dictionary_learning."""
    trainers = _trainers()
    common = {
        "steps": 100_000,
        "activation_dim": options.inputs,
        "dict_size": options.latents,
        "layer": 0,
        "lm_name": "none",
        "device": "cpu",
        "lr": 1e-3,
    }
    torch.manual_seed(0)
    trainer: Any
    if kind == "top_k":
        trainer = trainers.TopKTrainer(k=options.k, **common)
    elif kind == "batch_top_k":
        trainer = trainers.BatchTopKTrainer(k=options.k, **common)
    elif kind == "jump_relu":
        trainer = trainers.JumpReluTrainer(**common)
    else:
        trainer = trainers.StandardTrainer(**common)
    count = 1  # at step 0 it looks for a bias to begin with

    def turn() -> None:
        nonlocal count
        if options.dead and kind in ("top_k", "batch_top_k"):
            trainer.num_tokens_since_fired[: int(options.dead * options.latents)] = 2 * LONG
        for x in batches:
            trainer.update(count, x)
            count += 1

    return turn


def decoding(x: Tensor, options: argparse.Namespace) -> dict[str, Callable[[], None]]:
    """Return both passes of a decoder, by the sum over the latents that are kept and by the whole product."""
    atoms = torch.randn(options.latents, options.inputs, requires_grad=True)
    activations = torch.randn(len(x), options.latents)
    kept = activations.topk(options.k)
    z = torch.zeros_like(activations).scatter(1, kept.indices, kept.values).requires_grad_()
    first = torch.arange(len(x))[:, None] * options.latents
    places = Places.of((kept.indices + first).flatten(), (len(x), options.latents))

    def sparse() -> None:
        torch.autograd.grad(combine(places.gather(z), places, atoms, unit_norm=True), (z, atoms), x)

    def dense() -> None:
        torch.autograd.grad(z @ F.normalize(atoms, dim=1), (z, atoms), x)

    return {"sparse": sparse, "dense": dense}


def _trainers() -> ModuleType:
    """Import the trainers of dictionary_learning without the language models that it reads activations from."""
    if "nnsight" not in sys.modules:
        try:
            import nnsight  # noqa: F401
        except ImportError:
            stand_in = ModuleType("nnsight")
            stand_in.LanguageModel = object  # type: ignore[attr-defined]
            sys.modules["nnsight"] = stand_in
    try:
        import dictionary_learning.trainers as trainers
    except ImportError as error:
        raise SystemExit(f"{error}: pip install --no-deps dictionary-learning") from error
    return trainers
