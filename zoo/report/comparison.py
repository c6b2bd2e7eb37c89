"""Comparison of trained models: the same metrics and figures for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from matplotlib.figure import Figure as MatplotlibFigure

from zoo.data import Data, Split
from zoo.drawing.panels import Panel, plot_panels
from zoo.drawing.style import in_pairs_of_rows, rows_of_classes, to_unit
from zoo.drawing.views import view_of
from zoo.errors import DataError, NotApplicableError, why_not
from zoo.evaluation.context import EvaluationContext
from zoo.evaluation.evaluate import (
    ChosenMetric,
    MetricChoice,
    SplitName,
    choose_metrics,
    evaluation_context,
    record,
)
from zoo.evaluation.measurement import FITTED, PRIOR, Measurement, Source
from zoo.evaluation.record import measurements_of
from zoo.evaluation.sampling import check_source, draw_samples
from zoo.evaluation.tables import number
from zoo.metrics.mse import MSE
from zoo.metrics.sample_quality import COVERAGE, DENSITY, FRECHET_DISTANCE
from zoo.model import Model
from zoo.report.gallery import words_for_data, write_below
from zoo.report.metric_table import MetricTable
from zoo.utils.seeds import seeded

_COLUMNS, _ROWS = 10, 2
"""Images in a row of a panel, and pairs of rows of reconstructions."""
_MOST_SAMPLES = 5000
"""Examples, and samples of each model, whose distributions are compared."""


@dataclass(frozen=True)
class Comparison:
    """The same metrics of several models.

    Attributes:
        records: by the name of the model, the content of its ``evaluation.json``.
        contexts: by the name of the model, its data and model.
    """

    records: Mapping[str, Mapping[str, Any]]
    contexts: Mapping[str, EvaluationContext]

    def table(self) -> MetricTable:
        """Return a row for each metric with its number for each model."""
        return MetricTable.of_models(self.records)

    def sorted_by(self, result: str) -> Comparison:
        """Return the models with the best value of a result first, and those without it last.

        Raises:
            InputError: nothing of this name was measured, or neither direction of it is better.
        """
        every = list(self.records)
        names = [every[column] for column in self.table().order(result)]
        records = {name: self.records[name] for name in names}
        return Comparison(records, {name: self.contexts[name] for name in names if name in self.contexts})

    def grouped(self, groups: Mapping[str, Sequence[str]]) -> MetricTable:
        """Return a row for each metric with its mean and standard deviation for each group of models.

        Args:
            groups: by the name of the group, the names of its models.
        """
        return MetricTable.of_groups(
            {group: {name: self.records[name] for name in names} for group, names in groups.items()}
        )

    def draw(self, seed: int = 0) -> MatplotlibFigure:
        """Return a figure of all models.

        Of images, a column for each model with reconstructions and samples from each source. Of tables and series, the
        distribution of the data with those of samples of each model.

        Raises:
            NotApplicableError: the data cannot be drawn, or the models take them in different scales.
        """
        shown = [context.shows_images for context in self.contexts.values()]
        figure = self._draw_images(seed) if all(shown) else self._draw_distributions(seed)
        write_below(figure, words_for_data(next(iter(self.contexts.values()))))
        return figure

    def _draw_images(self, seed: int) -> MatplotlibFigure:
        rows: dict[str, dict[str, Panel]] = {"reconstructions": {}}
        rows |= {f"samples\n{source.title}": {} for source in (PRIOR, FITTED)}
        for name, context in self.contexts.items():
            with seeded(seed):
                for title, panel in _panels(context, self.records[name]).items():
                    rows[title][name] = panel
        return plot_panels(list(self.contexts), {title: panels for title, panels in rows.items() if panels})

    def _draw_distributions(self, seed: int) -> MatplotlibFigure:
        first, *others = self.contexts.values()
        if any(other.model.data.scaling != first.model.data.scaling for other in others):
            raise NotApplicableError("the models take the data in different scales")
        view, count = view_of(first.model), min(_MOST_SAMPLES, len(first.split))
        sets = {"data": first.split.examples(torch.arange(count)).cpu()}
        for name, context in self.contexts.items():
            sources = {name: PRIOR}
            if context.model.has("fitted_prior"):
                sources[f"{name}, {FITTED.title}"] = FITTED
            for title, source in sources.items():
                with seeded(seed):
                    sets[title] = draw_samples(context, source, count, noise=True)
        return view.samples(sets)


def compare(
    models: Mapping[str, Model],
    data: Data | Mapping[str, Data | Split],
    metrics: MetricChoice | None = None,
    *,
    split: SplitName = "test",
    title: str | None = None,
    seed: int = 0,
) -> Comparison:
    """Measure several models on the same data; nothing is trained.

    Args:
        models: by the name to show.
        data: one for all models, or by the name of the model where they are prepared differently, such as scaled.
        split: the split to measure on, if the data have several.
        title: the name of the split in the records, if different.
        metrics: as for :func:`zoo.evaluate`; all that apply to each model if not given. A metric that applies to some
            of the models is measured on those.

    Raises:
        DataError: the data do not fit a model, or differ between models.

    Example:
        >>> import zoo
        >>> data = zoo.load_data(zoo.load_recipe("digits").data)
        >>> models = {name: zoo.build(name, data_shape=(1, 8, 8)) for name in ("ae-mlp-2d", "vae-mlp-2d")}
        >>> [row.heading for row in compare(models, data, ["active_units", "linear_probe"]).table().rows]
        ['active units', 'linear probe accuracy']
    """
    contexts = {
        name: evaluation_context(model.eval(), data if isinstance(data, Data) else data[name], split)
        for name, model in models.items()
    }
    _check_same(contexts)
    chosen = _choose(contexts, None if metrics is None else list(metrics))
    return Comparison({name: record(contexts[name], chosen[name], title or split, seed) for name in contexts}, contexts)


def _choose(contexts: Mapping[str, EvaluationContext], metrics: Sequence[Any] | None) -> dict[str, list[ChosenMetric]]:
    """Return the metrics of each model: of those that were named, the ones that apply to it.

    Raises:
        NotApplicableError: a metric applies to none of the models.
    """
    if metrics is None:
        return {name: choose_metrics(context, None) for name, context in contexts.items()}
    chosen: dict[str, list[ChosenMetric]] = {name: [] for name in contexts}
    for metric in metrics:
        refusals = []
        for name, context in contexts.items():
            try:
                chosen[name] += choose_metrics(context, [metric])
            except NotApplicableError as refusal:
                refusals.append(refusal)
        if len(refusals) == len(contexts):
            raise refusals[0]
    return chosen


def _check_same(contexts: Mapping[str, EvaluationContext]) -> None:
    """Check that models are compared on the same data; the ranges of the prepared data may differ."""
    if len({context.split.digest() for context in contexts.values()}) > 1:
        found = "; ".join(
            f"{name}: {len(context.split):,} examples of {context.split.info.name}"
            for name, context in contexts.items()
        )
        raise DataError(f"expected the same examples for all models, got different ones ({found})", where="compare")


def _panels(context: EvaluationContext, record: Mapping[str, Any]) -> dict[str, Panel]:
    """Return the panels of a model, by the titles of the rows."""
    data_range = context.split.info.data_range
    measured = {each.key: each for each in measurements_of(record)}
    panels = {}
    if why_not(context.require_reconstruction) is None:
        chosen, columns = rows_of_classes(context.split.labels, len(context.split), _COLUMNS, _ROWS)
        batch = context.take(chosen)
        outputs = context.model.reconstruct(batch.x, batch.labels)
        pairs = to_unit(in_pairs_of_rows(batch.x, outputs, columns), data_range)
        error = measured.get(MSE.name)
        caption = "" if error is None else _words(error)
        panels["reconstructions"] = Panel(pairs, columns, caption, row_names=("in", "out"))
    for source in (PRIOR, FITTED):
        if why_not(check_source, context, source) is None:
            drawn = to_unit(draw_samples(context, source, _COLUMNS * _COLUMNS // 2), data_range)
            panels[f"samples\n{source.title}"] = Panel(drawn, _COLUMNS, _caption(measured, source))
    return panels


def _caption(measured: Mapping[str, Measurement], source: Source) -> str:
    """Return the caption of a panel of samples: their quality."""
    keys = [Measurement(result, 0, source=source).key for result in (FRECHET_DISTANCE, DENSITY, COVERAGE)]
    return ", ".join(_words(measured[key]) for key in keys if key in measured)


def _words(measurement: Measurement) -> str:
    return f"{measurement.result.heading} {number(measurement.value, 3)}"  # type: ignore[arg-type]
