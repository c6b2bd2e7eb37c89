"""Figures drawn while training runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, PositiveInt

from zoo.callbacks import Callback, Training
from zoo.errors import NotApplicableError
from zoo.evaluation.context import reason_against
from zoo.evaluation.evaluate import SplitName, evaluation_context
from zoo.registry import register
from zoo.report.gallery import choose_figures, label_figure
from zoo.spec.component import ComponentSpec

Figures = Annotated[tuple[str | ComponentSpec, ...], Field(strict=False, min_length=1)]


@register("callback", "figures")
class DrawFigures(Callback):
    """Draw figures every few epochs, such as samples, into ``figures/NAME-epoch-0005.png`` and the trackers.

    Choose it to watch samples or reconstructions improve. The noise is the same each time, so that two figures differ
    only because of the model.

    Args:
        figures: names of figures, or mappings with options.
        every: epochs from one drawing to the next.

    Example:
        >>> import tempfile, zoo
        >>> callbacks = {"pictures": {"name": "figures", "every": 2}}
        >>> recipe = {"name": "demo", "model": "vae-mlp-2d", "data": "digits", "train": {"callbacks": callbacks}}
        >>> short = ["train.epochs=2", "evaluate={metrics: [mse], figures: []}"]
        >>> run = zoo.train(recipe, out=tempfile.mkdtemp(), overrides=short)
        >>> [path.name for path in run.figures]
        ['samples-epoch-0002.png']
    """

    def __init__(self, *, figures: Figures = ("samples",), every: PositiveInt = 5) -> None:
        self.figures, self.every = figures, every

    def on_start(self, training: Training) -> None:
        """Refuse figures that do not apply to the model, before the first step."""
        split: SplitName = "validation" if training.data.validation else "train"
        self._context = evaluation_context(training.model, training.data, split)
        self._chosen = choose_figures(self.figures)
        for index, (name, figure) in enumerate(self._chosen):
            reason = reason_against(figure, self._context)
            if reason is not None:
                raise NotApplicableError(f"figure {name!r} does not apply: {reason}", where=f"figures[{index}]")

    def on_epoch(self, training: Training, record: Mapping[str, Any]) -> None:
        """Draw the figures if this epoch is a multiple of ``every``."""
        if training.epoch % self.every == 0:
            for name, figure in self._chosen:
                drawn = figure.draw(self._context)
                label_figure(drawn, self._context)
                training.show(f"{name}-epoch-{training.epoch:04d}", drawn)
