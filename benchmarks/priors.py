"""Samples of an autoencoder and of a VAE from their prior, and from priors fitted after training.

Each model is a bundled recipe of MNIST, trained once. Each prior is fitted to its latents, and samples are compared
with as many test images, in the features of a small classifier of the dataset. What is done is kept in the folder of
the runs: a command that was stopped goes on where it was.

python -m benchmarks priors --data DIR --runs FOLDER --plot samples.png
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

import zoo
from benchmarks._measure import write
from zoo.data import Data
from zoo.drawing.style import new_figure, show_image, tile, to_unit
from zoo.model import Model
from zoo.spec import DataSpec
from zoo.utils.files import write_text
from zoo.utils.seeds import seeded

MODELS = ("mnist-ae", "mnist-vae")
OWN = "prior"
PRIORS: Mapping[str, Mapping[str, Any] | None] = {
    OWN: None,
    "mixture": {"name": "mixture", "components": 50},
    "flow": {"name": "flow"},
    "two_stage": {"name": "two_stage"},
    "latent_denoiser": {"name": "latent_denoiser"},
}
COLUMNS = {"frechet_distance": "Fréchet distance", "density": "density", "coverage": "coverage"}
_COUNT, _ROWS = 20, 2


def main(arguments: list[str]) -> None:
    """Fit and measure what has not been measured yet, and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks priors", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of MNIST")
    parser.add_argument("--runs", type=Path, required=True, help="folder of the runs and of what was measured")
    parser.add_argument("--models", nargs="+", default=list(MODELS), help="recipes (%(default)s)")
    parser.add_argument("--priors", nargs="+", choices=list(PRIORS), default=list(PRIORS), help="(all)")
    parser.add_argument("--epochs", type=int, help="of the fit of a prior (as many as the prior asks for)")
    parser.add_argument("--examples", type=int, default=5000, help="samples that are compared (%(default)s)")
    parser.add_argument("--plot", type=Path, help="a picture of the samples")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    options = parser.parse_args(arguments)
    rows: dict[str, Any] = {}
    samples: dict[str, torch.Tensor] = {}
    for name in options.models:
        run = options.runs / name
        if not (run / "evaluation.json").exists():
            settings = {"data.root": str(options.data), "evaluate.figures": [], "evaluate.metrics": []}
            zoo.train(zoo.load_recipe(name), out=run, resume=run.exists(), overrides=settings)
        model = zoo.load(run)
        data = zoo.load_data(DataSpec(name="mnist", root=str(options.data), validation=0.0834))
        for prior in options.priors:
            fitted, found = measured(model, data, name, prior, options)
            rows[f"{name}, {prior}"] = found
            with seeded(0):
                samples[f"{name}, {prior}"] = fitted.sample(_COUNT, fitted=prior != OWN)
    print_table(rows)
    if options.plot:
        plot(samples, options.plot)
    write({"settings": {k: str(v) for k, v in vars(options).items()}, "samples": rows}, options.out)


def measured(
    model: Model, data: Data, name: str, prior: str, options: argparse.Namespace
) -> tuple[Model, dict[str, float]]:
    """Return the model with a fitted prior, and how good its samples are, from files if they are there."""
    folder = options.runs / f"{name}-{prior}"
    results = folder.with_suffix(".json")
    if results.exists():
        return (model if prior == OWN else zoo.load(folder)), json.loads(results.read_text(encoding="utf-8"))
    chosen, seconds = PRIORS[prior], 0.0
    if chosen is not None:
        fit = {} if options.epochs is None else {"epochs": options.epochs}
        began = time.perf_counter()
        model = zoo.fit_prior(model, data, chosen, fit)
        seconds = time.perf_counter() - began
        zoo.save(model, folder)
    source = "prior" if prior == OWN else "fitted"
    metric = {"name": "sample_quality", "sources": [source], "examples": options.examples}
    values = zoo.evaluate(model, data, metrics=[metric])
    found = {column: float(values[f"{column}_{source}"]) for column in COLUMNS}
    found |= {f"{column}_of_training_data": float(values[f"{column}_data"]) for column in COLUMNS}
    found["seconds_of_the_fit"] = seconds
    write_text(results, json.dumps(found, indent=2))
    return model, found


def print_table(rows: Mapping[str, Mapping[str, float]]) -> None:
    """Print the table as Markdown."""
    print("| model, samples from | " + " | ".join(COLUMNS.values()) + " |\n|---|" + "---|" * len(COLUMNS))
    for name, found in rows.items():
        print(f"| {name} | {found['frechet_distance']:.1f} | {found['density']:.2f} | {found['coverage']:.2f} |")
    found = next(iter(rows.values()))
    print(
        f"| training images | {found['frechet_distance_of_training_data']:.1f} | "
        f"{found['density_of_training_data']:.2f} | {found['coverage_of_training_data']:.2f} |"
    )


def plot(samples: Mapping[str, torch.Tensor], out: Path) -> None:
    """Plot the samples of each model and prior, one below the other."""
    figure = new_figure(6, 0.75 * len(samples))
    panels = figure.subplots(len(samples), 1)
    for axes, (name, images) in zip(panels, samples.items(), strict=True):
        show_image(axes, tile(to_unit(images, (0.0, 1.0)), _COUNT // _ROWS).image)
        axes.set_ylabel(
            name.removeprefix("mnist-").replace(", ", "\n"), rotation=0, ha="right", va="center", fontsize=8
        )
    figure.savefig(out, dpi=80)
