"""``zoo-cli report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoo.cli._model import DATA_HELP, SET_HELP, data_spec_of, same_data
from zoo.cli._reference import MODEL, ModelDirectory

if TYPE_CHECKING:
    from zoo.evaluation.evaluate import SplitName


@click.command(epilog="Example: zoo-cli report runs/digits --out report.html")
@click.argument("model", type=MODEL)
@click.option("--data", "dataset", help=DATA_HELP)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help=SET_HELP)
@click.option("--split", type=click.Choice(["train", "validation", "test"]), help="[default: test, or what there is]")
@click.option("--out", type=click.Path(path_type=Path), help="File.  [default: MODEL/report.html, or report.html]")
@click.option("--seed", default=0, show_default=True, help="Seed of the draws.")
def command(
    model: ModelDirectory,
    dataset: str | None,
    overrides: tuple[str, ...],
    split: SplitName | None,
    out: Path | None,
    seed: int,
) -> None:
    """Write one HTML page on MODEL: its latent space to explore, its figures of merit, pictures and recipe.

    The page asks no other host for anything, so it can be mailed, kept, or put on any web server. MODEL
    is a run or checkpoint directory, hf://user/name[@revision], or a pretrained name.
    """
    from zoo.checkpoints.checkpoint import load
    from zoo.data import load_data
    from zoo.evaluation.evaluate import choose_metrics, evaluation_context, final_split, record
    from zoo.report.page import render_report
    from zoo.runs.directory import REPORT, RunDirectory
    from zoo.utils.files import write_text

    loaded, run = load(model), RunDirectory(model)
    spec = data_spec_of(model, dataset, overrides)
    data = load_data(spec)
    name: SplitName = split or final_split(data)
    recipe = run.read_recipe() if run.exists() else None
    context = evaluation_context(loaded, data, name, history=run.training.read_metrics())
    evaluation = run.read_evaluation()
    # A run has been measured on its own data; on others it is measured now.
    if evaluation is None or recipe is None or evaluation["split"] != name or not same_data(spec, recipe.data):
        click.echo(f"Measuring on {len(context.split):,} examples …", err=True)
        evaluation = record(context, choose_metrics(context, None), name, seed)
    page = render_report(context, evaluation, recipe=recipe, seed=seed)
    path = out or model.for_results / REPORT
    write_text(path, page)
    click.echo(f"Made {path}, {len(page.encode()) / 1e6:.2f} MB")
