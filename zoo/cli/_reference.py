"""The argument MODEL of commands: whatever names a model becomes the directory that it lies in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


class ModelDirectory(str):
    """The directory of a model.

    Attributes:
        asked: what the user called it.
        own: whether it is a directory that the user named, and may be written to; no for the cache of the Hub and
            for what came with the package.
    """

    asked: str
    own: bool

    def __new__(cls, folder: str, asked: str) -> ModelDirectory:
        made = super().__new__(cls, folder)
        made.asked, made.own = asked, folder == asked
        return made

    @property
    def for_results(self) -> Path:
        """Where results go if nothing else is said: beside the model, or here."""
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
