"""The argument MODEL of commands, which is resolved to the directory of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


class ModelDirectory(str):
    """The directory of a model.

    Attributes:
        reference: the argument of the user.
        is_writable: whether results may be written to it: if the user named the directory itself, rather than a model
            on the Hub or a pretrained model.
    """

    reference: str
    is_writable: bool

    def __new__(cls, folder: str, reference: str) -> ModelDirectory:
        made = super().__new__(cls, folder)
        made.reference, made.is_writable = reference, folder == reference
        return made

    @property
    def for_results(self) -> Path:
        """The default directory for results: this one if it is writable, else the working directory."""
        return Path(self) if self.is_writable else Path()

    def contains(self, path: Path) -> bool:
        """Whether a path is inside the directory, and the directory is writable."""
        return self.is_writable and path.resolve().is_relative_to(Path(self).resolve())


class ModelReference(click.ParamType):
    """A run or checkpoint directory, hf://user/name[@revision], or a pretrained name.

    Args:
        sweeps: whether the directory of a sweep is accepted too.
    """

    name = "model"

    def __init__(self, *, sweeps: bool = False) -> None:
        self.sweeps = sweeps

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ModelDirectory:
        """Return the directory; a model on the Hub is downloaded and checked first."""
        if isinstance(value, ModelDirectory):
            return value
        from zoo.checkpoints.checkpoint import CONFIG
        from zoo.hub.locate import locate

        folder = locate(value)
        if not self.sweeps and not (folder / CONFIG).is_file():
            _refuse_sweep(folder, str(value))
        return ModelDirectory(str(folder), str(value))


def _refuse_sweep(folder: Path, reference: str) -> None:
    from zoo.errors import InputError
    from zoo.sweeps.directory import SweepDirectory

    if SweepDirectory(folder).exists():
        raise InputError(
            "expected a model, got a sweep",
            where=reference,
            remedy=f"Name one of its runs, {reference}/runs/NAME; `zoo-cli compare {reference}` compares all of them.",
        )


MODEL = ModelReference()
MODEL_OR_SWEEP = ModelReference(sweeps=True)
