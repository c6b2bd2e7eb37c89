"""``zoo-cli compare``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo.cli._model import DATA_HELP, SET_HELP, data_spec_of, same_data
from zoo.cli._reference import MODEL, ModelDirectory

if TYPE_CHECKING:
    from zoo.report.comparison import Comparison
    from zoo.spec import DataSpec


@click.command(epilog="Example: zoo-cli compare runs/digits-ae runs/digits-vae --out comparison")
@click.argument("models", type=MODEL, nargs=-1, required=True, metavar="MODEL MODEL...")
@click.option("--metric", "metrics", multiple=True, help="Metric, by name or in YAML; repeatable.  [default: all]")
@click.option("--data", "dataset", help=DATA_HELP)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help=SET_HELP)
@click.option("--split", type=click.Choice(["train", "validation", "test"]), default="test", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("comparison"), show_default=True, help="Folder.")
@click.option("--format", "image_format", type=click.Choice(["png", "svg", "pdf"]), default="png", show_default=True)
@click.option("--seed", default=0, show_default=True, help="Seed of the draws.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    models: tuple[ModelDirectory, ...],
    metrics: tuple[str, ...],
    dataset: str | None,
    overrides: tuple[str, ...],
    split: Any,
    out: Path,
    image_format: str,
    seed: int,
    as_json: bool,
) -> None:
    """Put trained MODELs side by side: figures, reconstructions, samples of prior and aggregate. Trains nothing.

    MODEL is a run or checkpoint directory, hf://user/name[@revision], or a pretrained name.
    """
    from zoo.checkpoints.checkpoint import load
    from zoo.data import load_data
    from zoo.report.comparison import compare
    from zoo.spec.documents import parse_yaml

    names = _names(models)
    specs = {name: data_spec_of(model, dataset, overrides) for name, model in names.items()}
    _check_same(specs)
    by_scale = {spec.scale: spec for spec in specs.values()}
    loaded = {scale: load_data(spec) for scale, spec in by_scale.items()}
    data = {name: loaded[spec.scale] for name, spec in specs.items()}
    asked = [parse_yaml(metric, "--metric") for metric in metrics] or None
    compared = compare({name: load(path) for name, path in names.items()}, data, asked, split=split, seed=seed)
    files = _write(compared, out, image_format, seed)
    if as_json:
        click.echo(json.dumps({"models": names, "records": dict(compared.records)}, indent=2, ensure_ascii=False))
        return
    dataset = next(iter(specs.values())).name
    click.echo(_table(compared, f"{split} split of {dataset}, {_examples(compared):,} examples"))
    click.echo(f"\nWrote {', '.join(str(file) for file in files)}")


def _names(models: Sequence[ModelDirectory]) -> dict[str, str]:
    """Return the models by the shortest names that tell them apart."""
    from zoo.errors import InputError

    if len(set(models)) < 2:
        raise InputError("at least two models were needed to compare", where="compare")
    short = [Path(model.asked).name for model in models]
    return {s if short.count(s) == 1 else model.asked: str(model) for s, model in zip(short, models, strict=True)}


def _check_same(specs: dict[str, DataSpec]) -> None:
    from zoo.errors import DataError

    first, *others = specs.items()
    for name, spec in others:
        # A denoiser takes images in [-1, 1] and a VAE in [0, 1]: they are the same images.
        if not same_data(first[1], spec.model_copy(update={"scale": first[1].scale})):
            raise DataError(
                f"{first[0]} and {name} were trained on different data, or on data prepared differently",
                where="compare",
                remedy="Name the data to compare them on: --data digits",
            )


def _examples(compared: Comparison) -> int:
    return int(next(iter(compared.records.values()))["examples"])


def _table(compared: Comparison, title: str) -> str:
    cells = compared.cells()
    width = 2 + max(10, *(len(text) for text in (*compared.records, *(cell for row in cells for cell in row[1:]))))
    rows = [["", *compared.records], *cells]
    return "\n".join([title, *(f"  {name:<28}" + "".join(f"{c:>{width}}" for c in row) for name, *row in rows)])


def _write(compared: Comparison, out: Path, image_format: str, seed: int) -> list[Path]:
    """Write the records, the table, and of images the picture; return the files."""
    from zoo.report.gallery import save_figure
    from zoo.utils.files import write_text

    files = [out / "comparison.json", out / "comparison.md"]
    write_text(files[0], json.dumps(dict(compared.records), indent=2, ensure_ascii=False) + "\n")
    write_text(files[1], compared.to_markdown())
    if all(context.shows_images for context in compared.contexts.values()):
        files.append(out / f"comparison.{image_format}")
        save_figure(compared.draw(seed), files[-1])
    return files
