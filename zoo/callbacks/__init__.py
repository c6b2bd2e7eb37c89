"""Callbacks: observers of training, which add to its record and may end it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from torch import Tensor

from zoo.data import Data
from zoo.model import Model
from zoo.spec.training import FullTrainSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

__all__ = ["Callback", "Training"]


class Training(Protocol):
    """The state of training that a callback can access.

    Attributes:
        model: on its device, with the weights that are validated and saved in ``on_epoch``.
        data: the training, validation and test splits.
        spec: the `train` section of the recipe.
        seed: of the run.
        step: optimiser steps of the model that are done.
        epoch: epochs that are done.
        steps_per_epoch: optimiser steps of an epoch.
        total_steps: optimiser steps of the whole run, if nothing stops it early.
    """

    model: Model
    data: Data
    spec: FullTrainSpec
    seed: int
    steps_per_epoch: int
    total_steps: int

    @property
    def step(self) -> int: ...

    @property
    def epoch(self) -> int: ...

    def stop(self) -> None:
        """End training after the epoch that is under way."""

    def log(self, values: Mapping[str, float]) -> None:
        """Send numbers to the experiment trackers, under the step that is done."""

    def show(self, name: str, figure: MatplotlibFigure) -> None:
        """Write a figure to ``figures/NAME.png`` of the run, and send it to the experiment trackers."""


class Callback:
    """Watches training: override the methods that you need.

    A recipe names callbacks under ``train.callbacks``, each with a key of your choice; from Python, give objects:
    ``zoo.train(recipe, callbacks={"mine": MyCallback()})``. Of several processes, the first one alone calls them, and
    ``stop`` ends training in all of them. The noise that a callback draws does not change training's. An exception ends
    training with an error that names the callback.

    Example:
        >>> import tempfile, zoo
        >>> class StopEarly(Callback):
        ...     def on_epoch(self, training, record):
        ...         if record["validation"]["kl"] > 0.1:
        ...             training.stop()
        ...         return {"latent_scale": 1.0}
        >>> numbers = ["evaluate={metrics: [elbo], figures: []}"]
        >>> run = zoo.train("digits", out=tempfile.mkdtemp(), overrides=numbers, callbacks={"early": StopEarly()})
        >>> run.metrics[0]["latent_scale"]
        1.0
    """

    def on_start(self, training: Training) -> None:
        """Training begins, or continues after an interruption, before its next step."""

    def on_steps(self, training: Training, loss: float) -> None:
        """A few more steps are done, 50 or those of about a second; ``loss`` is that of the last one."""

    def on_epoch(self, training: Training, record: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """An epoch is done and validated; the model is in evaluation mode.

        Args:
            record: the epoch's object in ``metrics.jsonl``: ``epoch``, ``step``, ``learning_rate``, ``train``, and
                where there are any ``validation``, ``adversaries``, and what other callbacks added.

        Returns:
            Fields to add to the record, JSON values under new names; or None.
        """
        return None

    def on_end(self, training: Training) -> None:
        """Training is over: the last epoch is done, or training was stopped early; not called on an interruption."""

    def state(self) -> Mapping[str, Tensor]:
        """Return the state that a resumed run needs, as tensors by name; it is saved with the state of training."""
        return {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Restore the state that :meth:`state` returned."""
