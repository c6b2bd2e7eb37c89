"""Options that several commands have."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

from zoo.utils.files import check_replaceable

_Command = TypeVar("_Command", bound=Callable[..., Any] | click.Command)

LARGEST_SEED = 2**63 - 1
"""The largest seed that torch takes."""

SEED = click.option(
    "--seed",
    type=click.IntRange(0, LARGEST_SEED),
    default=0,
    show_default=True,
    metavar="INTEGER",
    help="Seed of the draws.",
)
_OVERWRITE = "zoo.overwrite"
"""Whether ``--overwrite`` was given, in the ``meta`` of a command's context."""

IMPORTED = "zoo.imports"
"""What ``--import`` named, in the ``meta`` of a command's context."""


class OutPath(click.Path):
    """A file or directory to write, refused before anything is computed for it where neither can be."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return a path that a file may replace, or a directory.

        Raises:
            InputError: it is a device, a pipe, or a link that leads to no directory.
        """
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if not path.is_dir():
            check_replaceable(path)
        return path


class NewFilePath(OutPath):
    """A file to write, or a folder for files, where a file that is there is only replaced with ``--overwrite``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return a path at which there is no file, unless ``--overwrite`` is given.

        Raises:
            InputError: there is a file; also as for any path to write.
        """
        path = super().convert(value, param, ctx)
        check_new([path])
        return path


def check_new(files: Iterable[Path]) -> None:
    """Refuse to replace files, unless the command was given ``--overwrite``.

    Raises:
        InputError: names the first file that is there.
    """
    from zoo.errors import InputError

    if not click.get_current_context().meta.get(_OVERWRITE):
        for path in files:
            if path.is_file():
                remedy = "Replace it with --overwrite, or choose another --out."
                raise InputError("there is a file already", where=str(path), remedy=remedy)


def out_option(help: str, **options: Any) -> Callable[[_Command], _Command]:
    """Return ``--out`` of a command that writes files, and ``--overwrite``, without which it replaces none.

    Args:
        options: as for an option of click, such as ``default``.
    """

    def note(ctx: click.Context, param: click.Parameter, value: bool) -> None:
        ctx.meta[_OVERWRITE] = value

    def decorate(command: _Command) -> _Command:
        # Eager: it is known before the path is looked at.
        flag: dict[str, Any] = {"is_flag": True, "is_eager": True, "expose_value": False, "callback": note}
        command = click.option("--overwrite", help="Replace files that are there.", **flag)(command)
        return click.option("--out", type=NewFilePath(), help=help, **options)(command)

    return decorate


OUT = OutPath()
COUNT = click.IntRange(1, 2**31 - 1)
"""A number of things that are made one by one."""


class SetOption(click.Option):
    """Sets fields of a recipe, ``--set KEY=VALUE``.

    Args:
        sections: beginnings of the paths of the fields that it sets, by which an unknown option such as ``--epochs``
            finds the field that was meant.
    """

    def __init__(self, *args: Any, sections: tuple[str, ...], **options: Any) -> None:
        super().__init__(*args, **options)
        self.sections = sections


def set_option(help: str, sections: tuple[str, ...] = ("data.",)) -> Callable[[_Command], _Command]:
    """Return the option ``--set`` of a command."""
    made = {"multiple": True, "metavar": "KEY=VALUE", "help": help, "sections": sections}
    return click.option("--set", "overrides", cls=SetOption, **made)


def _import(ctx: click.Context, param: click.Parameter, names: tuple[str, ...]) -> None:
    from zoo.registry.imports import import_script

    for name in names:
        import_script(name)
    ctx.meta[IMPORTED] = names


IMPORT = click.Option(
    ["--import", "imports"],
    multiple=True,
    metavar="FILE_OR_MODULE",
    is_eager=True,  # what is imported may be named by the other options
    expose_value=False,
    callback=_import,
    help="Import a Python file or module with components of your own first; repeatable.",
)
"""An option that every command has."""
