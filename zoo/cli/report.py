"""``zoo-cli report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoo.cli._data import DATA_HELP, SET_HELP, SPLIT_HELP, open_data, path_of_results
from zoo.cli._options import SEED, check_new, out_option, set_option
from zoo.cli._output import echo
from zoo.cli._reference import MODEL, ModelDirectory

if TYPE_CHECKING:
    from zoo.evaluation.evaluate import SplitName


@click.command(epilog="Example: zoo-cli report runs/digits --out report.html")
@click.argument("model", type=MODEL)
@click.option("--data", "dataset", help=DATA_HELP)
@set_option(SET_HELP)
@click.option("--split", type=click.Choice(["train", "validation", "test"]), help=SPLIT_HELP)
@out_option("HTML file.  [default: MODEL/report.html; for other data, report.html]")
@SEED
def command(
    model: ModelDirectory,
    dataset: str | None,
    overrides: tuple[str, ...],
    split: SplitName | None,
    out: Path | None,
    seed: int,
) -> None:
    """Write an HTML page on MODEL with its latent space to explore, its metrics, figures and recipe.

    The page loads nothing from the network, so it can be mailed, archived, or put on any web server. MODEL is a run or
    checkpoint directory, hf://user/name[@revision], or a pretrained name.
    """
    from zoo.checkpoints.checkpoint import load
    from zoo.evaluation.evaluate import choose_metrics, record
    from zoo.report.page import render_report
    from zoo.runs.directory import REPORT, RunDirectory
    from zoo.utils.files import write_text

    loaded, run = load(model), RunDirectory(model)
    data = open_data(model, loaded, dataset, overrides, split)
    path = path_of_results(model, REPORT, out, data)
    if not model.contains(path):  # `--out` is already checked
        check_new([path])
    recipe = run.read_recipe() if run.exists() else None
    context = data.context(loaded, history=run.training.read_metrics())
    evaluation = run.read_evaluation()
    # A run has metrics on its own data; on other data they are computed now.
    if evaluation is None or recipe is None or not data.is_run_split or evaluation["split"] != data.title:
        echo(f"Evaluating on {len(context.split):,} examples …", err=True)
        evaluation = record(context, choose_metrics(context, None), data.title, seed)
        evaluation["notes"] = [*evaluation.get("notes", ()), *([data.note] if data.note else ())]
    page = render_report(context, evaluation, recipe=recipe, seed=seed)
    write_text(path, page)
    echo(f"Wrote {path}, {len(page.encode()) / 1e6:.2f} MB")
