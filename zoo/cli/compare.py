"""``zoo-cli compare``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo.cli._model import DATA_HELP, SET_HELP, SPLIT_HELP, DataCache, ModelData, open_data, place_of_results
from zoo.cli._options import SEED
from zoo.cli._reference import MODEL, ModelDirectory

if TYPE_CHECKING:
    from zoo.report.comparison import Comparison

_COLUMNS = 100
"""Letters in a line of the table."""


@click.command(epilog="Example: zoo-cli compare runs/digits-ae runs/digits-vae --out comparison")
@click.argument("models", type=MODEL, nargs=-1, required=True, metavar="MODEL MODEL...")
@click.option("--metric", "metrics", multiple=True, help="Metric, by name or in YAML; repeatable.  [default: all]")
@click.option("--data", "dataset", help=DATA_HELP)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help=SET_HELP)
@click.option("--split", type=click.Choice(["train", "validation", "test"]), help=SPLIT_HELP)
@click.option("--sort", help="Result to sort the models by, the best first, such as elbo.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("comparison"),
    show_default=True,
    help="A folder for records, table and picture; or a table alone, .csv or .html.",
)
@click.option("--format", "image_format", type=click.Choice(["png", "svg", "pdf"]), default="png", show_default=True)
@SEED
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    models: tuple[ModelDirectory, ...],
    metrics: tuple[str, ...],
    dataset: str | None,
    overrides: tuple[str, ...],
    split: Any,
    sort: str | None,
    out: Path,
    image_format: str,
    seed: int,
    as_json: bool,
) -> None:
    """Put trained MODELs side by side: figures, reconstructions, samples of prior and aggregate. Trains nothing.

    MODEL is a run or checkpoint directory, hf://user/name[@revision], or a pretrained name.
    """
    from zoo.checkpoints.checkpoint import load
    from zoo.report.comparison import compare
    from zoo.spec.documents import parse_yaml

    names = _names(models)
    loaded, cache = {name: load(folder) for name, folder in names.items()}, DataCache()
    data = {name: open_data(names[name], model, dataset, overrides, split, cache) for name, model in loaded.items()}
    _check_same(data)
    for name, folder in names.items():
        place_of_results(folder, "", out, data[name])
    asked = [parse_yaml(metric, "--metric") for metric in metrics] or None
    first = next(iter(data.values()))
    shown = {name: each.shown for name, each in data.items()}
    compared = compare(loaded, shown, asked, split=first.split, title=first.title, seed=seed)
    if sort is not None:
        compared = compared.sorted_by(sort)
    title = f"{first.heading}, {_examples(compared):,} examples"
    files = _write(compared, out, image_format, seed, title)
    if as_json:
        click.echo(json.dumps({"models": names, "records": dict(compared.records)}, indent=2, ensure_ascii=False))
        return
    click.echo(_table(compared, title))
    for note in _notes(compared, data):
        click.echo(f"Note: {note}")
    click.echo(f"\nWrote {', '.join(str(file) for file in files)}")


def _names(models: Sequence[ModelDirectory]) -> dict[str, ModelDirectory]:
    """Return the models by the shortest names that tell them apart."""
    from zoo.errors import InputError

    if len(set(models)) < 2:
        raise InputError(f"expected at least two models, got {len(set(models))}", where="compare")
    short = [Path(model.asked).name for model in models]
    return {s if short.count(s) == 1 else model.asked: model for s, model in zip(short, models, strict=True)}


def _check_same(data: dict[str, ModelData]) -> None:
    """Refuse to measure models on the data of one of them, where those of another differ."""
    from zoo.errors import DataError

    (first, expected), *others = data.items()
    for name, each in others:
        same_split = (each.title, each.split) == (expected.title, expected.split)
        if not same_split or _digest(each) != _digest(expected):
            raise DataError(
                f"{first} and {name} were trained on different data, or on data prepared differently",
                where="compare",
                remedy="Name the data to compare them on: --data digits",
            )


def _digest(data: ModelData) -> str:
    from zoo.data import Split

    chosen: Split = getattr(data.data, data.split)
    return chosen.digest()


def _notes(compared: Comparison, data: dict[str, ModelData]) -> list[str]:
    """Return what a reader must know of single models."""
    said = {name: [*record.get("notes", ()), data[name].note] for name, record in compared.records.items()}
    return [f"{name}: {note}" for name, notes in said.items() for note in notes if note]


def _examples(compared: Comparison) -> int:
    return int(next(iter(compared.records.values()))["examples"])


def _table(compared: Comparison, title: str) -> str:
    """Return the table in lines of at most 100 letters: as many models beside each other as fit, the others below."""
    names, cells = list(compared.records), compared.marked_cells()
    heading = 2 + max(26, *(len(row[0]) for row in cells)) if cells else 28
    lines, marked = [title], any(cell.endswith("*") for row in cells for cell in row)
    start = 0
    while start < len(names):
        widths: list[int] = []
        for place in range(start, len(names)):
            width = 2 + max(10, len(names[place]), *(len(row[1 + place]) for row in cells), 0)
            if widths and 2 + heading + sum(widths) + width > _COLUMNS:
                break
            widths.append(width)
        shown = range(start, start + len(widths))
        rows = [["", *(names[place] for place in shown)], *([row[0], *(row[1 + p] for p in shown)] for row in cells)]
        lines += [""] if start else []
        lines += [
            f"  {name:<{heading}}" + "".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
            for name, *row in rows
        ]
        start += len(widths)
    return "\n".join([*lines, *(["  * the best of the row"] if marked else [])])


def _write(compared: Comparison, out: Path, image_format: str, seed: int, title: str) -> list[Path]:
    """Write the records, the table, and of images the picture, or a table alone; return the files."""
    from zoo.report.gallery import save_figure
    from zoo.utils.files import write_text

    if out.suffix.lower() in (".csv", ".html"):
        write_text(out, compared.to_csv() if out.suffix.lower() == ".csv" else compared.to_html(title))
        return [out]
    files = [out / "comparison.json", out / "comparison.md"]
    write_text(files[0], json.dumps(dict(compared.records), indent=2, ensure_ascii=False) + "\n")
    write_text(files[1], compared.to_markdown())
    if all(context.shows_images for context in compared.contexts.values()):
        files.append(out / f"comparison.{image_format}")
        save_figure(compared.draw(seed), files[-1])
    return files
