"""One table of presets on MNIST: the same encoder, decoder, latents and budget, and what each preset makes of them.

Each row is the bundled recipe ``mnist-presets`` with another preset, trained on one CPU thread and measured on the test
split. Rows that are finished are not made again, so that the command can be interrupted and repeated:

    python -m benchmarks presets --data DIR --out FOLDER
    python -m benchmarks presets --data DIR --out FOLDER --only vae-mlp-2d ae-mlp-2d --epochs 2

FOLDER receives a run for each preset, ``table.md``, and ``samples.png``. Seconds are those that the processor spent on
training, which hardly depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import zoo
from benchmarks._measure import ProcessorTime
from benchmarks._rows import cell, numbers_of, store, stored
from zoo.drawing.style import new_figure, show_image, tile, to_unit
from zoo.errors import NotApplicableError
from zoo.evaluation.evaluate import evaluation_context
from zoo.evaluation.sampling import draw_samples, source_named
from zoo.model import Model
from zoo.report.gallery import save_figure
from zoo.utils.files import write_text

RECIPE = "mnist-presets"
MLP = ("model.encoder={name: mlp, widths: [256]}", "model.decoder={name: mlp, widths: [256]}")
EPOCHS = 5


@dataclass(frozen=True)
class Row:
    """A preset, and what its command sets besides.

    Attributes:
        preset: its name.
        settings: further overrides.
    """

    preset: str
    settings: tuple[str, ...] = ()


ROWS = (
    Row("vae-mlp-2d"),
    Row("vae-mlp-full-2d"),
    Row("beta-vae-mlp-10d"),
    Row("capacity-vae-mlp-10d", ("model.objective.capacity.over.epochs=3",)),
    Row("beta-tc-vae-mlp-10d"),
    Row("factor-vae-mlp-10d", ("train.monitor=elbo",)),
    Row("dip-vae-mlp-10d"),
    Row("info-vae-mlp-10d"),
    Row("iwae-mlp-10d"),
    Row("vamp-vae-mlp-10d"),
    Row("iaf-vae-mlp-16d"),
    Row("hvae-mlp-12d"),
    Row("ladder-vae-mlp-12d"),
    Row("svae-mlp-3d"),
    Row("pvae-mlp-2d"),
    Row("cvae-mlp-2d"),
    Row("ms-ssim-vae-conv-10d", MLP),
    Row("dfc-vae-conv-10d", MLP),
    Row("vae-gan-conv-10d", MLP),
    Row("ae-mlp-2d"),
    Row("denoising-ae-mlp-8d"),
    Row("contractive-ae-mlp-10d"),
    Row("rae-mlp-10d"),
    Row("rae-sn-mlp-10d"),
    Row("wae-mmd-mlp-10d"),
    Row("adversarial-ae-mlp-10d"),
)

METRICS: Mapping[str, Mapping[str, Any]] = {
    "elbo": {},
    "log_likelihood": {"num_samples": 200, "examples": 1000},
    "active_units": {},
    "mse": {},
    "sample_quality": {"examples": 2000},
}
COLUMNS = {
    "elbo": "ELBO",
    "log_likelihood": "log p(x)",
    "active_units": "active units",
    "mse": "MSE",
    "frechet_distance_prior": "Fréchet distance",
    "coverage_prior": "coverage",
    "frechet_distance_fitted": "Fréchet distance, fitted prior",
    "coverage_fitted": "coverage, fitted prior",
    "seconds": "seconds",
}
FORMATS = {
    "active_units": ".0f",
    "mse": ".4f",
    "seconds": ".0f",
    "frechet_distance_prior": ".0f",
    "frechet_distance_fitted": ".0f",
    "coverage_prior": ".2f",
    "coverage_fitted": ".2f",
}


def main(arguments: list[str]) -> None:
    """Make the rows that are missing, then the table and the figure."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks presets", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of MNIST")
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs and of what comes of them")
    parser.add_argument("--only", nargs="+", choices=[row.preset for row in ROWS], help="train these alone (all)")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="epochs of each preset (%(default)s)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    found: dict[Row, dict[str, float]] = {}
    for row in ROWS:
        figures = finished(row, options)
        if figures is None and options.only and row.preset not in options.only:
            continue
        found[row] = figures or made(row, options)
        write_text(options.out / "table.md", table(found, options.epochs))
        print(f"{row.preset}: {found[row]}", flush=True)
    draw(list(found), options)
    print(table(found, options.epochs))


def command(row: Row, epochs: int) -> str:
    """Return the command that trains a row."""
    settings = [f"model.preset={row.preset}", *row.settings]
    if epochs != EPOCHS:
        settings.append(f"train.epochs={epochs}")
    return shlex.join(["zoo-cli", "train", RECIPE, *(word for each in settings for word in ("--set", each))])


def asked(row: Row, epochs: int) -> dict[str, Any]:
    """Return what the figures of a row depend on."""
    return {"command": command(row, epochs), "metrics": {name: dict(each) for name, each in METRICS.items()}}


def finished(row: Row, options: argparse.Namespace) -> dict[str, float] | None:
    """Return the figures of a row that was made before, by the same command."""
    return stored(options.out / row.preset / "figures.json", asked(row, options.epochs))


def made(row: Row, options: argparse.Namespace) -> dict[str, float]:
    """Train a row, and return its figures."""
    folder: Path = options.out / row.preset
    watch = ProcessorTime()
    overrides = [f"model.preset={row.preset}", *row.settings, f"data.root={options.data}", "train.device=cpu"]
    overrides += [f"train.epochs={options.epochs}", "evaluate.metrics=[]", "evaluate.figures=[]"]
    run = zoo.train(RECIPE, out=folder / "run", overwrite=True, overrides=overrides, reporter=watch)
    figures = {**evaluated(run.model, zoo.load_data(run.recipe.data)), "seconds": watch.seconds}
    store(folder / "figures.json", asked(row, options.epochs), figures)
    return figures


def evaluated(model: Model, data: zoo.data.Data) -> dict[str, float]:
    """Return every metric that applies to a model, measured on the test split."""
    figures: dict[str, float] = {}
    for name, settings in METRICS.items():
        try:
            figures |= zoo.evaluate(model, data, metrics=[{"name": name, **settings}])
        except NotApplicableError:
            continue
    return numbers_of(figures)


def table(found: Mapping[Row, Mapping[str, float]], epochs: int) -> str:
    """Return the table in Markdown, and the command of each row."""
    lines = [f"| preset | {' | '.join(COLUMNS.values())} |", f"|---|{'---:|' * len(COLUMNS)}"]
    for row, figures in found.items():
        cells = [cell(figures, key, FORMATS.get(key, ".1f")) for key in COLUMNS]
        lines.append(f"| `{row.preset}` | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *(command(row, epochs) for row in found)]) + "\n"


def draw(rows: Sequence[Row], options: argparse.Namespace, count: int = 12) -> None:
    """Draw samples of each model as it samples by itself: from its fitted prior where it has one, else its prior."""
    columns = 2
    height = -(-len(rows) // columns)
    figure = new_figure(11, 0.42 * height)
    panels = figure.subplots(height, columns, squeeze=False)
    for axes in panels.flat:
        axes.set_axis_off()
    # A column after the other, in the order of the table.
    for axes, row in zip(panels.T.flat, rows, strict=False):
        model = zoo.load(options.out / row.preset / "run")
        context = evaluation_context(model, zoo.load_data("mnist", root=str(options.data)), "test")
        torch.manual_seed(0)
        source = source_named("fitted" if model.has("fitted_prior") else "prior")
        images = draw_samples(context, source, count)
        show_image(axes, tile(to_unit(images, model.spec.data_range), count).image)
        axes.text(-0.02, 0.5, row.preset, transform=axes.transAxes, ha="right", va="center", fontsize=8)
    save_figure(figure, options.out / "samples.png")
