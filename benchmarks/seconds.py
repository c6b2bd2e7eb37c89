"""Seconds to the same test ELBO on MNIST: the zoo's trainer and pythae's, each as it comes, on the same networks.

Both train a VAE 784-512-d and back on the same 55,000 images, and validate on the other 5,000 after each epoch. The
trainer of pythae has its own defaults (batches of 64, Adam at the constant rate 1e-4), and in a second run the batch
size and the rate of the bundled recipe ``mnist``. The zoo trains that recipe, in which the rate rises and falls once
over the whole run, with a peak of 8e-3, which suits a short run better than the recipe's 3e-3: runs of 1, 2, 3, 5 and 8
epochs are made until one reaches the ELBO of pythae's last epoch. ELBOs are of the 10,000 test images, with one draw
each, and take no part of the time.

    python -m benchmarks seconds --data DIR
    python -m benchmarks seconds --data DIR --latents 16 --epochs 5

Seconds are those of the processor, on one thread, so that they hardly depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

import zoo
from benchmarks import _peers
from benchmarks._measure import ProcessorTime, write

BUDGETS = (1, 2, 3, 5, 8)
RATE = 8e-3
VALIDATION = 0.0834


class Trained(NamedTuple):
    """What a training came to.

    Attributes:
        epochs: how long it was.
        seconds: of the processor.
        elbo: of the test images, in nats.
    """

    epochs: int
    seconds: float
    elbo: float


def main(arguments: list[str]) -> None:
    """Let pythae train in two settings, and the zoo until it is as good as each."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks seconds", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of MNIST")
    parser.add_argument("--latents", type=int, default=2, help="latent dimensions (%(default)s)")
    parser.add_argument("--epochs", type=int, default=15, help="epochs of pythae (%(default)s)")
    parser.add_argument("--rate", type=float, default=RATE, help="peak rate of the zoo (%(default)s)")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    data = zoo.load_data("mnist", root=str(options.data), validation=VALIDATION)
    assert data.validation is not None
    assert data.test is not None
    train, validation, test = (part.examples(len(part)) for part in (data.train, data.validation, data.test))
    recipe = zoo.load_recipe("mnist").train
    settings = {
        "pythae, its defaults": {},
        "pythae, batch and rate of the recipe": {
            "per_device_train_batch_size": recipe.batch_size,
            "learning_rate": recipe.optimizer.options["lr"],
        },
    }
    peers = {name: of_pythae(train, validation, test, options, chosen) for name, chosen in settings.items()}
    for name, trained in peers.items():
        print(f"{name}: {trained}", flush=True)
    ours: list[Trained] = []
    for budget in BUDGETS:
        ours.append(of_zoo(test, options, budget))
        print(f"zoo: {ours[-1]}", flush=True)
        if all(ours[-1].elbo >= trained.elbo for trained in peers.values()):
            break
    ratios = {}
    for name, trained in peers.items():
        first = next((each for each in ours if each.elbo >= trained.elbo), None)
        if first is None:
            print(f"{name}: no run of the zoo came to {trained.elbo:.1f} nats")
            continue
        ratios[name] = trained.seconds / first.seconds
        print(
            f"{name}: {trained.epochs} epochs, {trained.seconds:.0f} s, {trained.elbo:.1f} nats; "
            f"zoo: {first.epochs} epochs, {first.seconds:.1f} s, {first.elbo:.1f} nats; {ratios[name]:.1f} times"
        )
    figures = {
        "pythae": {name: each._asdict() for name, each in peers.items()},
        "zoo": [each._asdict() for each in ours],
    }
    write({"settings": {k: str(v) for k, v in vars(options).items()}, **figures, "ratios": ratios}, options.out)


def of_pythae(
    train: Tensor, validation: Tensor, test: Tensor, options: argparse.Namespace, settings: Mapping[str, Any]
) -> Trained:
    """Return what pythae's trainer makes of its VAE."""
    model = _peers.pythae_model("mlp", options.latents)
    with _peers.quiet(), tempfile.TemporaryDirectory() as folder:
        trainer = _peers.pythae_trainer(
            model, train, validation, folder, num_epochs=options.epochs, no_cuda=True, **settings
        )
        began = time.process_time()
        trainer.train()
        seconds = time.process_time() - began
    model.eval()
    return Trained(options.epochs, seconds, elbo(lambda x: model({"data": x}).loss, test))


def of_zoo(test: Tensor, options: argparse.Namespace, epochs: int) -> Trained:
    """Return what the recipe ``mnist`` makes in so many epochs of the same networks."""
    watch = ProcessorTime()
    overrides = {
        "model.latent_dim": options.latents,
        "model.encoder.widths": [512],
        "model.decoder.widths": [512],
        "data.root": str(options.data),
        "data.validation": VALIDATION,
        "train.epochs": epochs,
        "train.optimizer.lr": options.rate,
        "train.device": "cpu",
        "evaluate.metrics": [],
        "evaluate.figures": [],
    }
    with tempfile.TemporaryDirectory() as folder:
        run = zoo.train("mnist", out=Path(folder) / "run", overrides=overrides, reporter=watch)
    return Trained(epochs, watch.seconds, elbo(lambda x: run.model.loss(x).total, test))


@torch.no_grad()
def elbo(loss: Callable[[Tensor], Tensor], test: Tensor) -> float:
    """Return the mean ELBO of images from the mean loss of a batch of them."""
    return -sum(loss(x).item() * len(x) for x in test.split(500)) / len(test)
