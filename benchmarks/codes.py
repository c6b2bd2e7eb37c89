"""One table of quantisers on MNIST: reconstructions, codes, nats and samples of models with 7×7 places.

Each row is a bundled recipe, trained on one CPU thread with a prior fitted to its codes, and measured on the test
split. Rows that are finished are not made again, so that the command can be interrupted and repeated:

    python -m benchmarks codes --data DIR --out FOLDER
    python -m benchmarks codes --data DIR --out FOLDER --only mnist-vq

FOLDER receives a run for each recipe, ``table.md``, and ``samples.png``. Seconds are those that the processor spent on
training, which hardly depend on what else the machine does: of the model, and of its prior.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

import zoo
from benchmarks._measure import ProcessorTime
from benchmarks._rows import cell, numbers_of, store, stored
from zoo.drawing.style import new_figure, show_image, tile, to_unit
from zoo.report.gallery import save_figure
from zoo.training.state import Position
from zoo.utils.files import write_text
from zoo.utils.seeds import seeded

RECIPES = ("mnist-vq", "mnist-fsq", "mnist-rvq")
METRICS: Mapping[str, Mapping[str, Any]] = {
    "elbo": {"num_samples": 1},
    "mse": {},
    "codebook": {},
    "sample_quality": {"examples": 5000},
}
COLUMNS: Mapping[str, tuple[str, str]] = {
    "mse": ("MSE", ".4f"),
    "reconstruction": ("reconstruction", ".1f"),
    "codebook_use": ("codes used", ".0%"),
    "codebook_perplexity": ("perplexity", ".1f"),
    "code_rate_prior": ("nats, uniform prior", ".1f"),
    "code_rate_fitted": ("nats, fitted prior", ".1f"),
    "elbo_fitted": ("ELBO, fitted prior", ".1f"),
    "frechet_distance_prior": ("Fréchet distance, uniform prior", ".0f"),
    "frechet_distance_fitted": ("Fréchet distance, fitted prior", ".0f"),
    "coverage_prior": ("coverage, uniform prior", ".2f"),
    "coverage_fitted": ("coverage, fitted prior", ".2f"),
    "seconds_model": ("seconds of the model", ".0f"),
    "seconds_prior": ("seconds of the prior", ".0f"),
}
_SIDE = 7


def main(arguments: list[str]) -> None:
    """Make the rows that are missing, then the table and the picture."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks codes", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of MNIST")
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs and of what comes of them")
    parser.add_argument("--only", nargs="+", choices=RECIPES, help="train these alone (all)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    found: dict[str, dict[str, float]] = {}
    for recipe in RECIPES:
        figures = stored(options.out / recipe / "figures.json", asked(recipe))
        if figures is None and options.only and recipe not in options.only:
            continue
        found[recipe] = figures or made(recipe, options)
        write_text(options.out / "table.md", table(found))
        print(f"{recipe}: {found[recipe]}", flush=True)
    draw(list(found), options)
    print(table(found))


class SecondsOfStages(ProcessorTime):
    """Keeps the time of the processor of each stage: of the model, and of the prior that is fitted after it."""

    def __init__(self) -> None:
        self.stages: list[float] = []

    def start(self, position: Position, total_steps: int, epochs: int, batch_size: int) -> None:
        """A stage begins."""
        super().start(position, total_steps, epochs, batch_size)
        self.stages.append(0.0)

    def stop(self) -> None:
        """A stage is over."""
        super().stop()
        self.stages[-1] = self.seconds


def asked(recipe: str) -> dict[str, Any]:
    """Return what the figures of a row depend on."""
    return {
        "recipe": zoo.load_recipe(recipe).model_dump(mode="json"),
        "metrics": {k: dict(v) for k, v in METRICS.items()},
    }


def made(recipe: str, options: argparse.Namespace) -> dict[str, float]:
    """Train a recipe unless that is done, and return its figures."""
    folder: Path = options.out / recipe
    seconds = stored(folder / "seconds.json", asked(recipe))
    if seconds is None:
        watch = SecondsOfStages()
        settings = {"data.root": str(options.data), "train.device": "cpu"}
        overrides = {**settings, "evaluate.metrics": [], "evaluate.figures": []}
        zoo.train(recipe, out=folder / "run", overwrite=True, overrides=overrides, reporter=watch)
        seconds = dict(zip(("seconds_model", "seconds_prior"), watch.stages, strict=True))
        store(folder / "seconds.json", asked(recipe), seconds)
    metrics = [{"name": name, **settings} for name, settings in METRICS.items()]
    data = zoo.load_data(zoo.load_recipe(recipe, [f"data.root={options.data}"]).data)
    values = zoo.evaluate(zoo.load(folder / "run"), data, metrics=metrics)
    figures = numbers_of(values) | seconds
    store(folder / "figures.json", asked(recipe), figures)
    return figures


def table(found: Mapping[str, Mapping[str, float]]) -> str:
    """Return the table in Markdown: a row for each number, a column for each recipe."""
    lines = [f"| | {' | '.join(f'`{recipe}`' for recipe in found)} |", f"|---|{'---:|' * len(found)}"]
    for key, (title, form) in COLUMNS.items():
        cells = [cell(figures, key, form) for figures in found.values()]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def draw(recipes: list[str], options: argparse.Namespace) -> None:
    """Draw samples of each model: above from its fitted prior, below from the uniform one."""
    figure = new_figure(2.6 * len(recipes), 5.6)
    panels = figure.subplots(2, len(recipes), squeeze=False)
    for column, recipe in zip(panels.T, recipes, strict=True):
        model = zoo.load(options.out / recipe / "run")
        name = model.spec.fitted_prior.name if model.spec.fitted_prior else ""
        for axes, fitted in zip(column, (True, False), strict=True):
            with seeded(0):
                images = model.sample(_SIDE**2, fitted=fitted)
            show_image(axes, tile(to_unit(images, model.spec.data_range), _SIDE).image)
            axes.set_title(f"{recipe}, {name if fitted else 'uniform_codes'}", fontsize=8)
    save_figure(figure, options.out / "samples.png")
