"""``zoo-cli train``."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.cli._options import OUT, set_option
from zoo.cli._output import echo, echo_json

IN_EVERY_PROCESS = True
"""The command runs in every process that a launcher starts."""


@click.command(
    epilog="Example: zoo-cli train digits --set train.epochs=30 --set model.posterior=full_gaussian --out runs/full"
)
@click.argument("recipe")
@set_option("Set any field of the recipe; repeatable.", sections=("",))
@click.option(
    "--out",
    type=OUT,
    help="Run directory.  [default: runs/NAME; with --resume and runs/x/recipe.yaml, runs/x]",
)
@click.option("--resume", is_flag=True, help="Continue the run in the directory.")
@click.option(
    "--change",
    "changes",
    multiple=True,
    metavar="KEY=VALUE",
    help="With --resume: continue with another value of a field of the optimiser or schedule, such as "
    "train.optimizer.lr=1e-4, which is recorded; repeatable.",
)
@click.option("--overwrite", is_flag=True, help="Replace the run in the directory.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    recipe: str,
    overrides: tuple[str, ...],
    out: Path | None,
    resume: bool,
    changes: tuple[str, ...],
    overwrite: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train RECIPE, a bundled name or a YAML file; then evaluate the model, draw figures and save everything."""
    from zoo.evaluation.tables import metrics_table
    from zoo.hub.train import train

    run = train(
        recipe,
        out=out,
        resume=resume,
        overwrite=overwrite,
        overrides=overrides,
        changes=changes,
        quiet=quiet,
    )
    if run.rank:
        return
    if as_json:
        facts = {"run": str(run.path), "evaluation": run.evaluation, "figures": [str(path) for path in run.figures]}
        echo_json(facts)
        return
    where = f"{run.evaluation['split']} split of {run.evaluation['dataset']}, {run.evaluation['examples']:,} examples"
    echo(metrics_table(run.evaluation, where))
    for note in run.evaluation["notes"]:
        echo(f"\nNote: {note}")
    echo(f"\nWrote {run.path}/")
    for name, what in (
        ("model.safetensors", f"the best model (epoch {run.evaluation['best_epoch']}); load it with zoo.load"),
        *([("figures/", ", ".join(path.stem for path in run.figures))] if run.figures else []),
        ("evaluation.json", "the metrics above"),
        ("README.md", "the model card"),
    ):
        echo(f"  {name:<20}{what}")
