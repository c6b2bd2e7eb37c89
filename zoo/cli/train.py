"""``zoo-cli train``."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.cli._options import OUT, set_option
from zoo.cli._output import echo, echo_json

IN_EVERY_PROCESS = True
"""The processes that a launcher starts compute together."""


@click.command(
    epilog="Example: zoo-cli train digits --set train.epochs=30 --set model.posterior=full_gaussian --out runs/full"
)
@click.argument("recipe")
@set_option("Set any field of the recipe; repeatable.", sections=("",))
@click.option(
    "--out",
    type=OUT,
    help="Run directory.  [default: runs/NAME; to resume runs/x/recipe.yaml, runs/x]",
)
@click.option("--resume", is_flag=True, help="Continue the run that is there.")
@click.option(
    "--change",
    "changes",
    multiple=True,
    metavar="KEY=VALUE",
    help="With --resume: continue with another value of a field of the optimiser or schedule, such as "
    "train.optimizer.lr=1e-4; it is recorded. Repeatable.",
)
@click.option("--overwrite", is_flag=True, help="Replace the run that is there.")
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
    """Train RECIPE, a bundled name or a YAML file; then evaluate, draw and save the model."""
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
        made = {"run": str(run.path), "evaluation": run.evaluation, "figures": [str(path) for path in run.figures]}
        echo_json(made)
        return
    where = f"{run.evaluation['split']} split of {run.evaluation['dataset']}, {run.evaluation['examples']:,} examples"
    echo(metrics_table(run.evaluation, where))
    for note in run.evaluation["notes"]:
        echo(f"\nNote: {note}")
    echo(f"\nMade {run.path}/")
    for name, what in (
        ("model.safetensors", f"the best model (epoch {run.evaluation['best_epoch']}); open it with zoo.load"),
        *([("figures/", ", ".join(path.stem for path in run.figures))] if run.figures else []),
        ("evaluation.json", "the metrics above"),
        ("README.md", "the model card"),
    ):
        echo(f"  {name:<20}{what}")
