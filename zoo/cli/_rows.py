"""Shared by commands that write a row for each example: options, data, and the output file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from zoo.cli._data import open_data, open_whole
from zoo.cli._options import COUNT, SEED, out_option, set_option
from zoo.cli._output import echo, echo_json
from zoo.cli._reference import MODEL, ModelDirectory

if TYPE_CHECKING:
    from zoo.use.rows import Block, RowStream
    from zoo.use.source import Source

C = TypeVar("C", bound=Callable[..., Any])

DATA_OF_ROWS_HELP = (
    "A folder of images, a file of arrays or a table, or a dataset by name or as {name: NAME, OPTION: VALUE}; it is "
    "prepared as in training, and all examples are used.  [default: that of the recipe]"
)
SET_HELP = "Set a field of the data, such as examples=images or binarise=threshold; repeatable."


@dataclass(frozen=True)
class Request:
    """The options that these commands have in common."""

    model: ModelDirectory
    dataset: str | None
    overrides: tuple[str, ...]
    split: Any
    label: str | None
    count: int | None
    out: Path
    seed: int
    quiet: bool
    as_json: bool


def row_options(what: str) -> Callable[[C], C]:
    """Return a decorator that adds the argument and the common options to a command that writes ``what``."""
    options = (
        click.argument("model", type=MODEL),
        click.option("--data", "dataset", metavar="PATH", help=DATA_OF_ROWS_HELP),
        set_option(SET_HELP),
        click.option("--split", type=click.Choice(["train", "validation", "test"]), help="[default: all splits]"),
        click.option("--label", help="The class of all examples, by name or number, for a conditional model."),
        click.option("--count", type=COUNT, help="Use only this many examples of each split, from its start."),
        out_option(f"The file or folder for the {what}.", required=True),
        SEED,
        click.option("--quiet", is_flag=True, help="Show no progress."),
        click.option("--json", "as_json", is_flag=True, help="Print facts as JSON."),
    )

    def decorate(command: C) -> C:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def open_source(request: Request) -> Source:
    """Load the model and the data of a request.

    Raises:
        InputError: ``--out`` is inside the run directory, or is the file of the data.
    """
    from zoo.checkpoints.checkpoint import load
    from zoo.use.source import Source

    loaded = load(request.model)
    named = request.dataset is not None or bool(request.overrides)
    if named:
        spec, data = open_whole(request.model, loaded, request.dataset, request.overrides)
    else:
        opened = open_data(request.model, loaded, None, ())
        spec, data = opened.spec, opened.data
    _check_out(request, spec.options.values(), other_data=named)
    return Source(loaded, data, split=request.split, label=request.label, count=request.count)


def _check_out(request: Request, options: Any, *, other_data: bool) -> None:
    from zoo.errors import InputError

    out = request.out.resolve()
    if request.model.is_writable and other_data and out.is_relative_to(Path(request.model).resolve()):
        raise InputError(
            f"{request.out} is inside the run directory, which is only for results on the run's own data",
            where="--out",
            remedy="Choose a path outside the run directory.",
        )
    for value in options:
        if isinstance(value, str) and Path(value).expanduser().resolve() == out:
            raise InputError(
                f"{request.out} is the file that the data are read from", where="--out", remedy="Choose another name."
            )


def is_grid(out: Path) -> bool:
    """Return whether examples are written into a single image, with inputs above outputs."""
    return out.suffix.lower() in (".png", ".svg", ".pdf")


def write_rows(request: Request, stream: RowStream, facts: Callable[[], dict[str, Any]] = dict) -> None:
    """Write the rows with a progress bar, and print a summary.

    Args:
        facts: returns further facts for the summary, by name, when all rows are written.
    """
    from zoo.use.files import check, write

    check(stream, request.out)
    write(replace(stream, blocks=_shown(stream, quiet=request.quiet)), request.out)
    known = {
        "model": request.model.reference,
        "out": str(request.out),
        "rows": stream.count,
        "seed": request.seed,
        "columns": {each.name: _column_facts(each) for each in stream.all_quantities},
        **facts(),
    }
    if request.as_json:
        echo_json(known)
        return
    echo(f"Wrote {_counted(stream)} to {request.out}")
    for name, fact in facts().items():
        echo(f"  {name.replace('_', ' ')}: {fact}")


def _counted(stream: RowStream) -> str:
    """Return the number and the kind of the rows, such as ``12 scores``."""
    return f"{stream.count:,} {stream.what if stream.count != 1 else stream.what.removesuffix('s')}"


def _column_facts(quantity: Any) -> dict[str, Any]:
    facts = {"shape": list(quantity.shape), "meaning": quantity.meaning, "unit": quantity.unit}
    return {name: fact for name, fact in facts.items() if fact not in (None, "")}


def _shown(stream: RowStream, *, quiet: bool) -> Iterator[Block]:
    """Yield the blocks; show a progress bar on a terminal, and a line elsewhere."""
    if quiet:
        yield from stream.blocks
        return
    if not sys.stderr.isatty():
        echo(f"Computing {_counted(stream)} …", err=True)
        yield from stream.blocks
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from zoo.utils.console import ProgressConsole

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=ProgressConsole(stderr=True), transient=True) as bar:
        task = bar.add_task(stream.what, total=stream.count)
        for block in stream.blocks:
            yield block
            bar.advance(task, len(next(iter(block.values()))))
