"""Several trained models side by side: the same figures, and the same kinds of pictures, of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from matplotlib.figure import Figure as MatplotlibFigure
from torch import Tensor

from zoo.data import Data
from zoo.errors import DataError, InputError
from zoo.evaluation.context import EvaluationContext
from zoo.evaluation.evaluate import MetricChoice, SplitName, choose_metrics, evaluation_context, record
from zoo.figures._panels import ModelPanels, plot_panels
from zoo.figures._style import first_of_each_class, to_unit
from zoo.metrics import labels_for
from zoo.model import Model
from zoo.samplers import draw_samples, fit_sampler
from zoo.utils.seeds import seeded

SAMPLERS = ("prior", "aggregate")
_ERROR = "_standard_error"


@dataclass(frozen=True)
class Comparison:
    """What was measured of each model.

    Attributes:
        records: by the name of the model, what ``evaluation.json`` would hold.
        contexts: by the name of the model, what was measured.
    """

    records: Mapping[str, Mapping[str, Any]]
    contexts: Mapping[str, EvaluationContext]

    def rows(self) -> list[tuple[str, list[float | None]]]:
        """Return each figure's name with its value for each model, None where it does not apply."""
        figures = [record["metrics"] for record in self.records.values()]
        names = dict.fromkeys(name for found in figures for name, value in found.items() if _is_figure(name, value))
        return [(name, [found.get(name) for found in figures]) for name in names]

    def cells(self) -> list[list[str]]:
        """Return the rows as a table shows them: a figure's name, then its value for each model with its error."""
        figures = [record["metrics"] for record in self.records.values()]
        return [
            [name.replace("_", " "), *(as_text(found.get(name), found.get(name + _ERROR)) for found in figures)]
            for name, _ in self.rows()
        ]

    def to_markdown(self) -> str:
        """Return the rows as a table in Markdown."""
        lines = [["figure", *self.records], ["---", *["---:"] * len(self.records)], *self.cells()]
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)

    def draw(self, seed: int = 0) -> MatplotlibFigure:
        """Return reconstructions, and samples by each sampler, in a column for each model.

        Raises:
            InputError: the data are not images.
        """
        if not all(context.shows_images for context in self.contexts.values()):
            raise InputError("only models of images can be shown side by side", where="compare")
        columns = []
        for name, context in self.contexts.items():
            with seeded(seed):
                columns.append(_panels(name, context, self.records[name]["metrics"]))
        return plot_panels(columns)


def compare(
    models: Mapping[str, Model],
    data: Data | Mapping[str, Data],
    metrics: MetricChoice | None = None,
    *,
    split: SplitName = "test",
    seed: int = 0,
) -> Comparison:
    """Measure several models on the same data; nothing is trained.

    Args:
        models: by the name under which they are shown.
        data: one for all, or of each model by its name, where they are prepared differently (scaled, say).
        metrics: as for :func:`zoo.evaluate`; all that fit each model if not given.

    Raises:
        DataError: the data do not fit a model, or are not the same for all.

    Example:
        >>> import zoo
        >>> data = zoo.load_data(zoo.load_recipe("digits").data)
        >>> models = {name: zoo.build(name, data_shape=(1, 8, 8)) for name in ("ae-mlp-2d", "vae-mlp-2d")}
        >>> [name for name, _ in compare(models, data, ["mse", "active_units"]).rows()]
        ['mse', 'active_units']
    """
    contexts = {
        name: evaluation_context(model.eval(), data if isinstance(data, Data) else data[name], split)
        for name, model in models.items()
    }
    _check_same(contexts)
    metrics = None if metrics is None else list(metrics)
    records = {}
    for name, context in contexts.items():
        records[name] = record(context, choose_metrics(context, metrics), split, seed)
    return Comparison(records, contexts)


def as_text(value: float | None, error: float | None = None) -> str:
    """Return a figure as a table shows it, with its standard error where there is one."""
    if value is None:
        return "–"
    if error is not None:
        return f"{as_text(value)} ± {error:.2g}"
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.4f}" if abs(value) < 1 else f"{value:.2f}"


def _is_figure(name: str, value: Any) -> bool:
    return isinstance(value, (int, float)) and not name.endswith((_ERROR, "_examples", "_samples"))


def _check_same(contexts: Mapping[str, EvaluationContext]) -> None:
    """Refuse to compare what was measured on other data."""
    facts = {name: (context.split.info.name, len(context.split)) for name, context in contexts.items()}
    if len(set(facts.values())) > 1:
        came = "; ".join(f"{name}: {count:,} examples of {data}" for name, (data, count) in facts.items())
        raise DataError(f"models are compared on the same data, {came}", where="compare")


def _panels(name: str, context: EvaluationContext, figures: Mapping[str, Any]) -> ModelPanels:
    model, data_range = context.model, context.split.info.data_range
    pairs = None
    if model.why_no_reconstruction() is None:
        chosen = first_of_each_class(context.split.labels, min(8, len(context.split)))
        labels = None if context.split.labels is None else context.split.labels[chosen].to(model.device)
        inputs = context.split.examples(chosen)
        outputs = model.reconstruct(inputs.to(model.device), labels_for(model, labels)).cpu()
        pairs = to_unit(torch.cat([inputs, outputs]), data_range)
    samples = {}
    for sampler in SAMPLERS:
        drawn = _samples(context, sampler, 32)
        if drawn is not None:
            samples[sampler] = (to_unit(drawn, data_range), _caption(figures, sampler))
    return ModelPanels(name, pairs, figures.get("mse"), samples)


def _samples(context: EvaluationContext, sampler: str, count: int) -> Tensor | None:
    if sampler == "prior":
        return draw_samples(context.model, count)
    if not context.model.has("prior"):
        return None
    return draw_samples(context.model, count, fit_sampler(sampler, context.model, context.train))


def _caption(figures: Mapping[str, Any], sampler: str) -> str:
    """Return the figures of quality that belong under a panel of samples."""
    names = {"frechet_distance": "Fréchet", "density": "density", "coverage": "coverage"}
    found = {text: figures.get(f"{name}_{sampler}") for name, text in names.items()}
    return ", ".join(f"{text} {as_text(value)}" for text, value in found.items() if value is not None)
