"""``zoo-cli evaluate``."""

from __future__ import annotations

import json

import click

from zoo.cli._model import DATA_HELP, SET_HELP, data_of, split_of
from zoo.cli._output import figures_table


@click.command(epilog="Example: zoo-cli evaluate runs/digits --metric elbo --metric log_likelihood")
@click.argument("model")
@click.option("--metric", "metrics", multiple=True, help="Metric, by name; repeatable.  [default: all that fit]")
@click.option("--data", "dataset", help=DATA_HELP)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help=SET_HELP)
@click.option("--split", type=click.Choice(["train", "validation", "test"]), default="test", show_default=True)
@click.option("--seed", default=0, show_default=True, help="Seed of the draws.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    model: str,
    metrics: tuple[str, ...],
    dataset: str | None,
    overrides: tuple[str, ...],
    split: str,
    seed: int,
    as_json: bool,
) -> None:
    """Measure MODEL, a run or checkpoint directory, on data."""
    from zoo.checkpoint import load
    from zoo.evaluation import evaluate

    loaded = load(model)
    part = split_of(data_of(model, dataset, overrides), split)
    figures = evaluate(loaded, part, metrics or None, seed=seed)
    if as_json:
        click.echo(json.dumps(figures, indent=2))
    else:
        click.echo(figures_table(figures, f"{split} split of {part.info.name}, {len(part):,} examples"))
