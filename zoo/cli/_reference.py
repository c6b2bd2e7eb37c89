"""The argument MODEL of commands: the name of a model is resolved to its directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


class ModelDirectory(str):
    """The directory of a model.

    Attributes:
        asked: the name that the user gave.
        own: whether it is a directory that the user named, which may be written to, rather than the cache of the Hub or
            a model of the package.
    """

    asked: str
    own: bool

    def __new__(cls, folder: str, asked: str) -> ModelDirectory:
        made = super().__new__(cls, folder)
        made.asked, made.own = asked, folder == asked
        return made

    @property
    def for_results(self) -> Path:
        """Where results go by default: the directory of the model if it is the user's, else the working directory."""
        return Path(self) if self.own else Path()

    def holds(self, path: Path) -> bool:
        """Whether a path is inside the directory, and the directory is the user's."""
        return self.own and path.resolve().is_relative_to(Path(self).resolve())


class ModelReference(click.ParamType):
    """A run or checkpoint directory, hf://user/name[@revision], or a pretrained name.

    Args:
        sweeps: whether the directory of a sweep is accepted too.
    """

    name = "model"

    def __init__(self, *, sweeps: bool = False) -> None:
        self.sweeps = sweeps

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ModelDirectory:
        """Return the directory; a model on the Hub is fetched and checked first."""
        if isinstance(value, ModelDirectory):
            return value
        from zoo.checkpoints.checkpoint import CONFIG
        from zoo.hub.locate import locate

        folder = locate(value)
        if not self.sweeps and not (folder / CONFIG).is_file():
            _refuse_sweep(folder, str(value))
        return ModelDirectory(str(folder), str(value))


def _refuse_sweep(folder: Path, asked: str) -> None:
    from zoo.errors import InputError
    from zoo.sweeps.directory import SweepDirectory

    if SweepDirectory(folder).exists():
        raise InputError(
            "expected a model, got a sweep",
            where=asked,
            remedy=f"Name one of its runs, {asked}/runs/NAME; `zoo-cli compare {asked}` compares all of them.",
        )


MODEL = ModelReference()
MODEL_OR_SWEEP = ModelReference(sweeps=True)
