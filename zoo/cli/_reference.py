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


class ModelReference(click.ParamType):
    """A run or checkpoint directory, hf://user/name[@revision], or a pretrained name."""

    name = "model"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ModelDirectory:
        """Return the directory; a model on the Hub is fetched and checked first."""
        if isinstance(value, ModelDirectory):
            return value
        from zoo.hub.locate import locate

        return ModelDirectory(str(locate(value)), str(value))


MODEL = ModelReference()
