"""Seconds of a training step of models of the literature, beside pythae's, in turns.

Both train the same fully connected networks, 784-512-d and back, with the same critics, on the same images, batch and
number of draws, each in its own trainer. After every so many steps of the zoo's trainer, pythae's makes as many: a
machine that others share is slow for both. Where pythae computes something else for the same model, a note says what.

    python -m benchmarks models --data DIR                   # MNIST, torchvision's layout in DIR
    python -m benchmarks models --models factor-vae vae-gan --turns 30

pythae comes with the extra ``bench``: ``pip install -e '.[bench]'``. If its requirements do not suit an environment,
``pip install --no-deps --target FOLDER pythae`` and ``PYTHONPATH=FOLDER`` are enough beside torch, scikit-learn and
imageio. Without ``--data`` the images are blobs of MNIST's size.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import zoo
from benchmarks import _pythae_models
from benchmarks._measure import images_like_mnist, print_ratios, ratios, spread, taking_turns, write
from zoo.data import Data
from zoo.spec import DataSpec
from zoo.spec.training import TrainSpec
from zoo.training.devices import make_accelerator
from zoo.training.loop import InterruptedTrainingError, Trainer
from zoo.training.resolve import resolve_training

LATENTS, DRAWS, COMPONENTS = 10, 5, 50
POINT = {"objective": "autoencoder", "posterior": "point"}
MMD = {"name": "mmd", "kernel": "imq"}


@dataclass(frozen=True)
class Contest:
    """A model in the zoo's words, and what pythae does otherwise.

    Attributes:
        spec: what differs from a VAE.
        note: why the two do not do the same work, or nothing.
    """

    spec: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


CONTESTS: Mapping[str, Contest] = {
    "beta-vae": Contest({"objective": {"name": "vae", "beta": 4.0}}),
    "beta-tc-vae": Contest({"regularisers": {"tc": {"name": "total_correlation", "weight": 5.0}}}),
    "factor-vae": Contest(
        {"regularisers": {"tc": {"name": "total_correlation_critic", "weight": 35.0, "depth": 5}}},
        "pythae decodes half of the batch, and shuffles the other half: half of the decoder's and the critic's work",
    ),
    "info-vae": Contest({"regularisers": {"mmd": {**MMD, "weight": 9.0}}}),
    "iwae": Contest({"objective": {"name": "iwae", "num_samples": DRAWS}}),
    "wae-mmd": Contest({**POINT, "regularisers": {"mmd": {**MMD, "weight": 10.0}}}),
    "adversarial-ae": Contest(
        {**POINT, "regularisers": {"critic": {"name": "code_critic", "width": 256, "depth": 1, "activation": "relu"}}}
    ),
    "vae-gan": Contest(
        {
            "objective": {"name": "vae", "reconstruction_weight": 0.0},
            "regularisers": {
                "gan": {"name": "data_critic", "width": 256, "depth": 1, "activation": "relu", "normalisation": "none"}
            },
        },
        "pythae's critic sees no reconstructions, and pythae leaves out updates of players that are ahead; the zoo "
        "decodes a second time, so that no adversarial gradient reaches the encoder",
    ),
    "vamp-vae": Contest({"prior": {"name": "vamp", "components": COMPONENTS}}),
    "vq-vae": Contest(
        {"posterior": {"name": "vector_quantized", "codes": 512}, "prior": "uniform_codes"},
        "one code for an image; the zoo also standardises what is quantised and restarts codes that are hardly used",
    ),
    "iaf-vae": Contest(
        {"posterior": {"name": "autoregressive_flow", "steps": 2, "widths": [128]}},
        "pythae's maps do not see the image, so that they have fewer weights",
    ),
}


def main(arguments: list[str]) -> None:
    """Measure one model after the other, each in turns with pythae's."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks models", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", choices=list(CONTESTS), default=list(CONTESTS), help="(all)")
    parser.add_argument("--batch", type=int, default=128, help="examples a step (%(default)s)")
    parser.add_argument("--steps", type=int, default=20, help="steps of a turn (%(default)s)")
    parser.add_argument("--turns", type=int, default=15, help="turns that are counted, at least 2 (%(default)s)")
    parser.add_argument(
        "--precision", choices=["fp32", "auto"], default="fp32", help="of the zoo; pythae has fp32 alone (%(default)s)"
    )
    parser.add_argument("--data", type=Path, help="folder of MNIST")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    options = parser.parse_args(arguments)
    images, _ = images_like_mnist(options.batch * options.steps, 0, options.data)
    figures: dict[str, Any] = {}
    for name in options.models:
        seconds = in_turns(name, images, options)
        ratio = ratios(seconds, "pythae", "zoo")
        figures[name] = {
            "speed_ratio": ratio,
            "milliseconds_of_a_step": {n: spread([1e3 * s / options.steps for s in v]) for n, v in seconds.items()},
            "note": CONTESTS[name].note,
        }
        medians = {n: value["median"] for n, value in figures[name]["milliseconds_of_a_step"].items()}
        print_ratios(
            f"{name}: zoo {medians['zoo']:.2f} ms a step, pythae {medians['pythae']:.2f}", {"pythae / zoo": ratio}
        )
        if CONTESTS[name].note:
            print(f"  {CONTESTS[name].note}")
    settings = {name: str(value) for name, value in vars(options).items()}
    write({"settings": settings, "models": figures}, options.out)


def in_turns(name: str, images: Tensor, options: argparse.Namespace) -> dict[str, list[float]]:
    """Return the seconds of each turn of both trainers; two turns more, which are not counted, come first."""
    seconds: dict[str, list[float]] = {"zoo": [], "pythae": []}
    with tempfile.TemporaryDirectory() as folder:
        peer_turn = _pythae_models.turns(
            name, images.float() / 255, folder, batch=options.batch, latents=LATENTS, draws=DRAWS, components=COMPONENTS
        )
        after_step = taking_turns(seconds, "pythae", peer_turn, options)
        train(CONTESTS[name].spec, stored(images, folder), options, after_step)
    return {who: values[2:] for who, values in seconds.items()}


def stored(images: Tensor, folder: str) -> Data:
    """Return the images as vectors of 784 pixels in [0, 1], held in memory as bytes."""
    np.save(Path(folder) / "images.npy", images.flatten(1).numpy())
    spec = {
        "name": "arrays",
        "path": f"{folder}/images.npy",
        "value_range": [0, 255],
        "scale": "unit",
        "validation": 0.0,
        "test": 0.0,
    }
    return zoo.load_data(DataSpec.model_validate(spec))


def train(
    spec: Mapping[str, Any], data: Data, options: argparse.Namespace, should_stop: Callable[[], str | None]
) -> None:
    """Let the zoo's trainer make steps, without recording anything, until ``should_stop`` gives a reason."""
    torch.manual_seed(0)
    fixed = {
        "data_shape": (784,),
        "data_range": (0.0, 1.0),
        "latent_dim": LATENTS,
        "train_examples": len(data.train),
        "encoder": {"widths": [512]},
        "decoder": {"widths": [512]},
    }
    model = zoo.build("vae-mlp-2d", **{**fixed, **spec})
    training = TrainSpec(batch_size=options.batch, epochs=10_000, precision=options.precision, device="cpu")
    training = resolve_training(training, model)
    trainer = Trainer(model, data, training, 0, make_accelerator(training), should_stop=should_stop)
    with contextlib.suppress(InterruptedTrainingError):
        trainer.run()
