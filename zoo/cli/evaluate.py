"""``zoo-cli evaluate``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from zoo.cli._model import DATA_HELP, SET_HELP, SPLIT_HELP, ModelData, open_data, place_of_results
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
    help="Metric, by name or in YAML with options; repeatable.  [default: all that fit]",
)
@click.option("--data", "dataset", help=DATA_HELP)
@set_option(SET_HELP)
@click.option("--split", type=click.Choice(["train", "validation", "test"]), help=SPLIT_HELP)
@SEED
@out_option(
    "Write the metrics to this JSON file.  [default: add to evaluation.json of a run, if data and seed are its]"
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

    Nats and data units are those of the data as the model takes them, such as standardised columns; `zoo-cli score`
    gives log p(x) in the units of the data.

    MODEL is a run or checkpoint directory, hf://user/name[@revision], or a pretrained name.
    """
    from zoo.checkpoints.checkpoint import load
    from zoo.evaluation.evaluate import choose_metrics, record
    from zoo.evaluation.tables import metrics_table
    from zoo.spec.documents import parse_yaml
    from zoo.training.progress import occasionally

    loaded = load(model)
    data = open_data(model, loaded, dataset, overrides, split)
    out = None if out is None else place_of_results(model, "", out, data)
    context = data.context(loaded)
    asked = [parse_yaml(metric, "--metric") for metric in metrics] or None
    progress = occasionally(lambda text: echo(text, err=True))
    made = record(context, choose_metrics(context, asked, "--metric"), data.title, seed, progress=progress)
    kept = _keep(model, data, made, out)
    if as_json:
        echo_json(made)
        return
    echo(metrics_table(made, f"{data.heading}, {made['examples']:,} examples"))
    for note in (*made.get("notes", ()), *([data.note] if data.note else ())):
        echo(f"\nNote: {note}")
    if kept:
        echo(f"\n{kept}")


def _keep(model: ModelDirectory, data: ModelData, made: dict[str, Any], out: Path | None) -> str:
    """Write the metrics where they belong, into a run only if they are of its data and seed; return what was done."""
    from zoo.evaluation.record import merged
    from zoo.runs.card import renew_card
    from zoo.runs.directory import EVALUATION, RunDirectory
    from zoo.utils.files import write_text

    if out is not None:
        document = {"model": model.asked, "data": data.spec.model_dump(mode="json"), **made}
        write_text(out, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        return f"Wrote {out}"
    run = RunDirectory(model)
    recorded = run.read_evaluation() if model.own else None
    if recorded is None:
        return ""
    recipe = run.read_recipe()
    if not data.own or any(recorded[fact] != made[fact] for fact in ("split", "seed")):
        return "Not kept: the run's own metrics are of other data, or of another seed. --out FILE keeps these."
    everything = merged(recorded, made)
    run.write_evaluation(everything)
    if renew_card(run.path, recipe, data.data.info, everything):
        return f"Wrote {run.path / EVALUATION} and the model card"
    card = ". README.md was edited, and is left as it is" if (run.path / "README.md").is_file() else ""
    return f"Wrote {run.path / EVALUATION}{card}"
