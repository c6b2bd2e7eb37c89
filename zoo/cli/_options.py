"""Options of several commands."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

from zoo.utils.files import check_replaceable

_Command = TypeVar("_Command", bound=Callable[..., Any] | click.Command)

LARGEST_SEED = 2**63 - 1
"""The largest seed that torch accepts."""

SEED = click.option(
    "--seed",
    type=click.IntRange(0, LARGEST_SEED),
    default=0,
    show_default=True,
    metavar="INTEGER",
    help="Seed of the draws.",
)
_OVERWRITE = "zoo.overwrite"
"""Key in the ``meta`` of a command's context: whether ``--overwrite`` was given."""

IMPORTED = "zoo.imports"
"""Key in the ``meta`` of a command's context: the names given to ``--import``."""


class OutPath(click.Path):
    """The path of a file or directory to write; an impossible one is refused before anything is computed."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path.

        Raises:
            InputError: it is a device, a pipe, or a link to something other than a directory.
        """
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if not path.is_dir():
            check_replaceable(path)
        return path


class NewFilePath(OutPath):
    """The path of a file to write, or of a folder; an existing file is replaced only with ``--overwrite``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path.

        Raises:
            InputError: a file exists and ``--overwrite`` is not given; or as :meth:`OutPath.convert`.
        """
        path = super().convert(value, param, ctx)
        check_new([path])
        return path


def check_new(files: Iterable[Path]) -> None:
    """Check that files do not exist, unless ``--overwrite`` is given.

    Raises:
        InputError: a file exists.
    """
    from zoo.errors import InputError

    if not click.get_current_context().meta.get(_OVERWRITE):
        for path in files:
            if path.is_file():
                remedy = "Replace it with --overwrite, or choose another --out."
                raise InputError("the file already exists", where=str(path), remedy=remedy)


def out_option(help: str, **options: Any) -> Callable[[_Command], _Command]:
    """Return a decorator that adds the options ``--out`` and ``--overwrite`` to a command that writes files.

    Args:
        options: arguments of click's option, such as ``default``.
    """

    def store(ctx: click.Context, param: click.Parameter, value: bool) -> None:
        ctx.meta[_OVERWRITE] = value

    def decorate(command: _Command) -> _Command:
        # Eager, so that it is parsed before the path is checked.
        flag: dict[str, Any] = {"is_flag": True, "is_eager": True, "expose_value": False, "callback": store}
        command = click.option("--overwrite", help="Replace existing files.", **flag)(command)
        return click.option("--out", type=NewFilePath(), help=help, **options)(command)

    return decorate


OUT = OutPath()
COUNT = click.IntRange(1, 2**31 - 1)
"""A number of objects that are created one by one."""


class SetOption(click.Option):
    """The option ``--set KEY=VALUE``, which sets fields of a recipe.

    Args:
        sections: prefixes of the fields that it sets; with them, an error about an unknown option such as ``--epochs``
            names the field that was meant.
    """

    def __init__(self, *args: Any, sections: tuple[str, ...], **options: Any) -> None:
        super().__init__(*args, **options)
        self.sections = sections


def set_option(help: str, sections: tuple[str, ...] = ("data.",)) -> Callable[[_Command], _Command]:
    """Return a decorator that adds the option ``--set`` to a command."""
    options = {"multiple": True, "metavar": "KEY=VALUE", "help": help, "sections": sections}
    return click.option("--set", "overrides", cls=SetOption, **options)


def _import(ctx: click.Context, param: click.Parameter, names: tuple[str, ...]) -> None:
    from zoo.registry.imports import import_script

    for name in names:
        import_script(name)
    ctx.meta[IMPORTED] = names


IMPORT = click.Option(
    ["--import", "imports"],
    multiple=True,
    metavar="FILE_OR_MODULE",
    is_eager=True,  # the other options may name imported components
    expose_value=False,
    callback=_import,
    help="First import a Python file or module with your own components; repeatable.",
)
"""An option of every command."""
