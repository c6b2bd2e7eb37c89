"""``zoo-cli evaluate``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from zoo.cli._data import DATA_HELP, SET_HELP, SPLIT_HELP, ModelData, open_data, path_of_results
from zoo.cli._options import SEED, out_option, set_option
from zoo.cli._output import echo, echo_json
from zoo.cli._reference import MODEL, ModelDirectory


@click.command(
    epilog="Example: zoo-cli evaluate runs/digits --metric elbo --metric '{name: log_likelihood, num_samples: 1000}'"
)
@click.argument("model", type=MODEL)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    help="Metric, by name or in YAML with options; repeatable.  [default: all that apply]",
)
@click.option("--data", "dataset", help=DATA_HELP)
@set_option(SET_HELP)
@click.option("--split", type=click.Choice(["train", "validation", "test"]), help=SPLIT_HELP)
@SEED
@out_option(
    "JSON file for the metrics.  [default: they are added to evaluation.json of a run, if data and seed are the run's]"
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    model: ModelDirectory,
    metrics: tuple[str, ...],
    dataset: str | None,
    overrides: tuple[str, ...],
    split: Any,
    seed: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Evaluate MODEL on data; print the metrics and write them to a file.

    Metrics are those of the data as the model sees them, for example with standardised columns; `zoo-cli score` writes
    log p(x) in the units of the data.

    MODEL is a run or checkpoint directory, hf://user/name[@revision], or a pretrained name.
    """
    from zoo.checkpoints.checkpoint import load
    from zoo.evaluation.evaluate import choose_metrics, record
    from zoo.evaluation.tables import metrics_table
    from zoo.runs.folder import check_own_folders
    from zoo.spec.documents import parse_yaml
    from zoo.training.progress import throttled

    loaded = load(model)
    data = open_data(model, loaded, dataset, overrides, split)
    if out is not None:
        out = path_of_results(model, "", out, data)
    elif model.is_writable and data.is_run_split:
        check_own_folders(Path(model))
    context = data.context(loaded)
    chosen = [parse_yaml(metric, "--metric") for metric in metrics] or None
    progress = throttled(lambda text: echo(text, err=True))
    evaluation = record(context, choose_metrics(context, chosen, "--metric"), data.title, seed, progress=progress)
    message = _write(model, data, evaluation, out)
    if as_json:
        echo_json(evaluation)
        return
    echo(metrics_table(evaluation, f"{data.heading}, {evaluation['examples']:,} examples"))
    for note in (*evaluation.get("notes", ()), *([data.note] if data.note else ())):
        echo(f"\nNote: {note}")
    if message:
        echo(f"\n{message}")


def _write(model: ModelDirectory, data: ModelData, evaluation: dict[str, Any], out: Path | None) -> str:
    """Write the metrics to ``out``, or add them to the run if data and seed are the run's; return a message."""
    from zoo.evaluation.record import merged
    from zoo.runs.card import update_card
    from zoo.runs.directory import EVALUATION, RunDirectory
    from zoo.utils.files import write_text

    if out is not None:
        document = {"model": model.reference, "data": data.spec.model_dump(mode="json"), **evaluation}
        write_text(out, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        return f"Wrote {out}"
    run = RunDirectory(model)
    recorded = run.read_evaluation() if model.is_writable else None
    if recorded is None:
        return ""
    recipe = run.read_recipe()
    if not data.is_run_split or any(recorded[field] != evaluation[field] for field in ("split", "seed")):
        return (
            "The metrics are not saved, because those of the run are of other data or of another seed. "
            "To save them: --out FILE"
        )
    combined = merged(recorded, evaluation)
    run.write_evaluation(combined)
    if update_card(run.path, recipe, data.data.info, combined):
        return f"Wrote {run.path / EVALUATION} and the model card"
    card = ". README.md was edited, so it is not changed" if (run.path / "README.md").is_file() else ""
    return f"Wrote {run.path / EVALUATION}{card}"
