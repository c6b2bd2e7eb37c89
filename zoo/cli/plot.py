"""``zoo-cli plot``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from zoo.cli._data import DATA_HELP, SET_HELP, SPLIT_HELP, open_data, path_of_results
from zoo.cli._options import SEED, check_new, out_option, set_option
from zoo.cli._output import echo
from zoo.cli._reference import MODEL, ModelDirectory


@click.command(epilog="Example: zoo-cli plot runs/digits latent_grid --format svg")
@click.argument("model", type=MODEL)
@click.argument("figures", nargs=-1, metavar="[FIGURE]...")
@click.option("--data", "dataset", help=DATA_HELP)
@set_option(SET_HELP)
@click.option("--split", type=click.Choice(["train", "validation", "test"]), help=SPLIT_HELP)
@out_option("Folder for the figures.  [default: MODEL/figures; for other data, figures]")
@click.option("--format", "image_format", type=click.Choice(["png", "svg", "pdf"]), default="png", show_default=True)
@SEED
def command(
    model: ModelDirectory,
    figures: tuple[str, ...],
    dataset: str | None,
    overrides: tuple[str, ...],
    split: Any,
    out: Path | None,
    image_format: str,
    seed: int,
) -> None:
    """Draw FIGUREs of MODEL, or all that apply; `zoo-cli list figure` lists them.

    MODEL is a run or checkpoint directory, hf://user/name[@revision], or a pretrained name.
    """
    from zoo.checkpoints.checkpoint import load
    from zoo.report.gallery import applicable_figures, draw_figures
    from zoo.runs.directory import RunDirectory

    loaded = load(model)
    data = open_data(model, loaded, dataset, overrides, split)
    folder = path_of_results(model, "figures", out, data)
    context = data.context(loaded, history=RunDirectory(model).training.read_metrics())
    if out is not None or not model.contains(folder):
        check_new(folder / f"{name}.{image_format}" for name, _ in applicable_figures(context, figures or None))
    for path in draw_figures(context, folder, figures or None, image_format=image_format, seed=seed):
        echo(path)
    if data.note:
        echo(f"Note: {data.note}", err=True)
