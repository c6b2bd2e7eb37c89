"""``zoo-cli sweep``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo.cli._options import COUNT, IMPORTED, OUT
from zoo.cli._output import echo, echo_json

if TYPE_CHECKING:
    from zoo.sweeps.results import Sweep


@click.command(epilog="Example: zoo-cli sweep digits --grid model.objective.beta=0.5,1,2,4 --seeds 3 --jobs 2")
@click.argument("recipe")
@click.option(
    "--grid",
    multiple=True,
    metavar="KEY=V1,V2",
    help="A field with the values to try; repeatable: all combinations. With a search, also a range: "
    "uniform(LOW,HIGH), log(LOW,HIGH), integer(LOW,HIGH), log_integer(LOW,HIGH).",
)
@click.option("--seeds", type=COUNT, default=1, show_default=True, help="Number of seeds for each combination.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Set a field in all runs; repeatable.")
@click.option("--metric", help="Result to rank by, such as elbo, or validation.TERM.  [default: the bound on log p(x), "
    "or the monitored term, on validation data]")  # fmt: skip
@click.option(
    "--search",
    type=click.Choice(["grid", "optuna"]),
    default="grid",
    show_default=True,
    help="Try all combinations, or those that optuna proposes.",
)
@click.option("--trials", type=COUNT, help="Number of combinations that a search tries.")
@click.option("--out", type=OUT, help="Directory of the sweep.  [default: sweeps/NAME]")
@click.option("--resume", is_flag=True, help="Continue the existing sweep, also with more values or seeds.")
@click.option(
    "--jobs", type=COUNT, help="Number of runs at a time.  [default: 1; with Ray, as many as the cluster can run]"
)
@click.option(
    "--engine",
    type=click.Choice(["processes", "ray"]),
    default="processes",
    show_default=True,
    help="Train in processes on this machine, or on a Ray cluster whose machines share --out.",
)
@click.option("--cpus", type=click.FloatRange(0), default=1, show_default=True, help="With Ray: cores per run.")
@click.option("--gpus", type=click.FloatRange(0), default=0, show_default=True, help="With Ray: GPUs per run.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
def command(
    recipe: str,
    grid: tuple[str, ...],
    seeds: int,
    overrides: tuple[str, ...],
    metric: str | None,
    search: Any,
    trials: int | None,
    out: Path | None,
    resume: bool,
    jobs: int | None,
    engine: Any,
    cpus: float,
    gpus: float,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train RECIPE with each combination of values and each seed, and write one table and one figure."""
    from zoo.errors import InputError, TrainingError
    from zoo.sweeps.sweep import RESUME, sweep

    if not grid and seeds == 1:
        raise InputError(
            "expected several values or seeds, got a single run",
            where="sweep",
            remedy="Name a field with its values, --grid model.objective.beta=0.5,1,2,4, or several seeds, --seeds 3. "
            "For a single run, use `zoo-cli train`.",
        )
    imported = click.get_current_context().meta.get(IMPORTED, ())
    try:
        found = sweep(
            recipe,
            grid,
            seeds=seeds,
            search=search,
            trials=trials,
            metric=metric,
            out=out,
            resume=resume,
            overrides=[*overrides, *_imports(recipe, imported)],
            engine=engine,
            jobs=jobs,
            cpus=cpus,
            gpus=gpus,
            quiet=quiet,
        )
    except KeyboardInterrupt as error:  # before the first run, after the last one, or for a second time
        raise TrainingError("the sweep was interrupted", where="sweep", remedy=RESUME) from error
    echo_json(found.to_dict()) if as_json else echo(_text(found))
    _report_failures(found)


def _imports(recipe: str, names: tuple[str, ...]) -> list[str]:
    """Return ``--import`` as a field of the recipe, so that other processes and machines import the same files."""
    from zoo.spec.resolve import recipe_document

    if not names:
        return []
    files = [str(Path(name).expanduser().resolve()) if Path(name).expanduser().is_file() else name for name in names]
    return [f"imports={json.dumps([*recipe_document(recipe).get('imports', ()), *files])}"]


def _text(found: Sweep) -> str:
    """Return the table, the best combination with the differences from it, and the files."""
    from zoo.sweeps.directory import FIGURE, RESULTS, TABLE

    records = [run.record for run in found.runs if run.state == "done"]
    if not records:
        return "No run is done."
    seeds = len(found.spec.seeds)
    where = f"{records[0]['split']} split of {records[0]['dataset']}, {records[0]['examples']:,} examples"
    lines = [found.table.to_text(where)]
    if seeds > 1:
        lines.append(f"  ± is one standard deviation over {seeds} seeds")
    differences = found.differences.only(found.metric.name)
    if found.best is not None and len(found.groups) > 1:
        lines += ["", f"Best by {found.metric.name}: {found.best}"]
        if seeds > 1 and differences.rows:
            lines.append(differences.to_text(f"Difference from {found.best}, seed by seed"))
    written = [found.path / name for name in (TABLE, RESULTS, FIGURE)]
    lines += ["", f"Wrote {', '.join(str(path) for path in written if path.is_file())}, and a directory for each run "
              f"in {found.path / 'runs'}/"]  # fmt: skip
    return "\n".join(lines)


def _report_failures(found: Sweep) -> None:
    """Raise an error that names the failed runs with their messages, if there are any.

    Raises:
        TrainingError: runs have failed.
    """
    from zoo.errors import TrainingError

    if found.failed:
        messages = "\n".join(f"{run.name}: {run.problem}" for run in found.failed)
        count = len(found.failed)
        raise TrainingError(
            f"{count} of {len(found.runs)} runs failed\n{messages}",
            where=str(found.path),
            remedy="Fix the cause, then repeat the command with --resume to train "
            f"{'it' if count == 1 else 'them'} again.",
        )
