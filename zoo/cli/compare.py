"""``zoo-cli compare``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo.cli._data import DATA_HELP, SET_HELP, SPLIT_HELP, DataCache, ModelData, open_data, path_of_results
from zoo.cli._options import SEED, check_new, out_option, set_option
from zoo.cli._output import echo, echo_json
from zoo.cli._reference import MODEL_OR_SWEEP, ModelDirectory

if TYPE_CHECKING:
    from zoo.model import Model
    from zoo.report.comparison import Comparison
    from zoo.report.metric_table import MetricTable

RECORDS, TABLE = "comparison.json", "comparison.md"


@click.command(epilog="Example: zoo-cli compare runs/digits-ae runs/digits-vae --out comparison")
@click.argument("models", type=MODEL_OR_SWEEP, nargs=-1, required=True, metavar="MODEL MODEL...")
@click.option("--metric", "metrics", multiple=True, help="Metric, by name or in YAML; repeatable.  [default: all]")
@click.option("--data", "dataset", help=DATA_HELP)
@set_option(SET_HELP)
@click.option("--split", type=click.Choice(["train", "validation", "test"]), help=SPLIT_HELP)
@click.option(
    "--group",
    "fields",
    multiple=True,
    metavar="FIELD",
    help="Average models with the same value of this field of their recipes, such as model.objective.beta; repeatable.",
)
@click.option("--sort", help="Result by which models or groups are sorted, best first, such as elbo.")
@out_option(
    "A folder for records, table and figure; or a file for the table, .csv or .html.",
    default=Path("comparison"),
    show_default=True,
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
    fields: tuple[str, ...],
    sort: str | None,
    out: Path,
    image_format: str,
    seed: int,
    as_json: bool,
) -> None:
    """Compare trained MODELs: metrics, reconstructions, samples from both priors.

    MODEL is a run or checkpoint directory, hf://user/name[@revision], or a pretrained name; the directory of a sweep
    stands for all of its finished runs.
    """
    from zoo.checkpoints.checkpoint import load
    from zoo.report.comparison import compare
    from zoo.spec.documents import parse_yaml

    check_new(out / name for name in (RECORDS, TABLE, f"comparison.{image_format}"))
    names = _names([each for model in models for each in _runs_of(model)])
    loaded, cache = {name: load(folder) for name, folder in names.items()}, DataCache()
    _check_kinds(loaded)
    data = {name: open_data(names[name], model, dataset, overrides, split, cache) for name, model in loaded.items()}
    _check_same(data)
    for name, folder in names.items():
        path_of_results(folder, "", out, data[name])
    groups = _groups(names, loaded, fields) if fields else None
    chosen = [parse_yaml(metric, "--metric") for metric in metrics] or None
    first = next(iter(data.values()))
    measured = {name: each.measured for name, each in data.items()}
    compared = compare(loaded, measured, chosen, split=first.split, title=first.title, seed=seed)
    if sort is not None and groups is None:
        compared = compared.sorted_by(sort)
    table = compared.table() if groups is None else compared.grouped(groups)
    if sort is not None and groups is not None:
        table = table.in_order(table.order(sort))
    title = f"{first.heading}, {_examples(compared):,} examples"
    files = _write(compared, table, out, image_format, seed, title)
    if as_json:
        grouped = {} if groups is None else {"groups": groups}
        facts = {"models": names, **grouped, "records": dict(compared.records)}
        echo_json(facts)
        return
    echo(table.to_text(title))
    if groups is not None:
        echo(f"  ± is one standard deviation between the models of a group: {_sizes(groups)}")
    for note in _notes(compared, data):
        echo(f"Note: {note}")
    echo(f"\nWrote {', '.join(str(file) for file in files)}")


def _runs_of(model: ModelDirectory) -> list[ModelDirectory]:
    """Return the finished runs of a sweep's directory, or the model itself.

    Raises:
        InputError: no run of the sweep is finished.
    """
    from zoo.errors import InputError
    from zoo.sweeps.directory import SweepDirectory

    sweep = SweepDirectory(model)
    if not sweep.exists():
        return [model]
    runs = [str(run.path) for run in sweep.finished_runs()]
    if not runs:
        raise InputError(
            "no run of the sweep is finished", where=model.reference, remedy="Continue the sweep with --resume."
        )
    return [ModelDirectory(run, run) for run in runs]


def _names(models: Sequence[ModelDirectory]) -> dict[str, ModelDirectory]:
    """Return the models by their shortest unique names."""
    from zoo.errors import InputError

    if len(set(models)) < 2:
        raise InputError(f"expected at least two models, got {len(set(models))}", where="compare")
    short = [Path(model.reference).name for model in models]
    return {s if short.count(s) == 1 else model.reference: model for s, model in zip(short, models, strict=True)}


def _groups(
    names: Mapping[str, ModelDirectory], loaded: Mapping[str, Model], fields: Sequence[str]
) -> dict[str, list[str]]:
    """Return the names of models with the same values of fields of their recipes, by a label of these values.

    Raises:
        InputError: a model has no such field.
    """
    from zoo.errors import InputError, nearest
    from zoo.spec.documents import flat_document, read_yaml
    from zoo.spec.labels import short_names, value_at, values_label

    groups: dict[str, list[str]] = {}
    shorter = short_names(fields)
    for name, folder in names.items():
        recipe = Path(folder) / "recipe.yaml"
        document = read_yaml(recipe) if recipe.is_file() else {"model": loaded[name].spec.to_dict()}
        try:
            values = {shorter[field]: value_at(document, field) for field in fields}
        except KeyError as missing:
            hint = nearest(missing.args[0], flat_document(document))
            raise InputError(
                f"{name} has no field {missing.args[0]!r}",
                where="--group",
                remedy=f"{hint}A run's recipe.yaml shows its fields; a checkpoint alone has those of `model`.",
            ) from None
        groups.setdefault(values_label(values), []).append(name)
    return groups


def _sizes(groups: Mapping[str, Sequence[str]]) -> str:
    """Return the numbers of models in the groups, in words."""
    sizes = [len(names) for names in groups.values()]
    least, most = min(sizes), max(sizes)
    return f"{least} model{'s' if most > 1 else ''} each" if least == most else f"{least} to {most} models"


def _check_kinds(loaded: Mapping[str, Model]) -> None:
    """Check that all models are of the same kind of data: of one shape, or of tables with the same columns."""
    from zoo.errors import DataError

    (first, expected), *others = loaded.items()
    for name, model in others:
        kinds = [_kind(expected), _kind(model)]
        if kinds[0] != kinds[1]:
            raise DataError(
                f"{first} is a model of {kinds[0]}, and {name} is one of {kinds[1]}",
                where="compare",
                remedy="Compare models of the same kind of data.",
            )


def _kind(model: Model) -> str:
    """Return the kind of a model's data in words, without the size of images, which can be changed."""
    from zoo.errors import cut

    columns = ", ".join(repr(column.name) for column in model.data.columns)
    if columns:
        return f"tables with the columns {cut(columns, 200)}"
    shape = tuple(model.data_shape)
    if len(shape) == 3:
        return f"images with {shape[0]} channel{'s' if shape[0] != 1 else ''}"
    return f"data of shape {shape}"


def _check_same(data: dict[str, ModelData]) -> None:
    """Check that the data of all models are the same."""
    from zoo.errors import DataError

    (first, expected), *others = data.items()
    for name, each in others:
        shapes = [one.data.info.data_shape for one in (expected, each)]
        if shapes[0] != shapes[1]:
            raise DataError(
                f"{first} is a model of data of shape {shapes[0]}, and {name} is one of data of shape {shapes[1]}",
                where="compare",
                remedy="Compare models of the same kind of data.",
            )
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
    """Return the notes on the models; a note on several models appears once."""
    models: dict[str, list[str]] = {}
    for name, record in compared.records.items():
        for note in (*record.get("notes", ()), data[name].note):
            if note:
                models.setdefault(note, []).append(name)
    return [f"{'; '.join(names)}: {note}" for note, names in models.items()]


def _examples(compared: Comparison) -> int:
    return int(next(iter(compared.records.values()))["examples"])


def _write(compared: Comparison, table: MetricTable, out: Path, image_format: str, seed: int, title: str) -> list[Path]:
    """Write the records, the table and the figure, or only the table; return the files."""
    from zoo.errors import NotApplicableError
    from zoo.report.gallery import save_figure
    from zoo.utils.files import write_text

    if out.suffix.lower() in (".csv", ".html"):
        write_text(out, table.to_csv() if out.suffix.lower() == ".csv" else table.to_html(title))
        return [out]
    files = [out / RECORDS, out / TABLE]
    write_text(files[0], json.dumps(dict(compared.records), indent=2, ensure_ascii=False) + "\n")
    write_text(files[1], table.to_markdown())
    try:
        figure = compared.draw(seed)
    except NotApplicableError as refusal:
        echo(f"Note: there is no figure: {refusal.problem}", err=True)
        return files
    files.append(out / f"comparison.{image_format}")
    save_figure(figure, files[-1])
    return files
