"""Measure a model on data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from torch import Tensor

from zoo.data import Data, DataInfo, Split, split_of_tensor
from zoo.errors import ComponentError, DataError
from zoo.metrics import Metric
from zoo.model import Model
from zoo.randomness import seeded
from zoo.registry import find_component, usable_components
from zoo.spec.component import ComponentSpec
from zoo.spec.options import check_options, construct

_LOOK_AT = 128
"""Examples whose scale is looked at before a model is measured on them."""


def evaluate(
    model: Model,
    data: Data | Split | Tensor,
    metrics: Iterable[str | Mapping[str, Any] | ComponentSpec] | None = None,
    *,
    seed: int = 0,
) -> dict[str, Any]:
    """Return named figures of a model on data, in nats where they are log-densities.

    Args:
        data: the test split of a :class:`zoo.data.Data`, one split, or a tensor (N, *data_shape).
        metrics: names, or mappings with options such as ``{"name": "log_likelihood", "num_samples": 5000}``;
            all that fit the model if not given.
        seed: of the draws; the same seed gives the same figures.

    Raises:
        DataError: the data have another shape or range than the model needs, or the split is empty.
        ComponentError: a metric is unknown, or does not fit the model.

    Example:
        >>> import torch, zoo
        >>> model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8))
        >>> sorted(zoo.evaluate(model, torch.rand(10, 1, 8, 8), metrics=["mse"]))
        ['mse']
    """
    split = _split(data)
    _check_fit(model, split)
    was_training = model.training
    model.eval()
    figures: dict[str, Any] = {}
    try:
        for metric in choose_metrics(model, split.info, metrics):
            with seeded(seed):
                figures |= metric.measure(model, split)
    finally:
        model.train(was_training)
    return figures


def choose_metrics(
    model: Model,
    info: DataInfo,
    metrics: Iterable[str | Mapping[str, Any] | ComponentSpec] | None,
    field: str = "metrics",
) -> list[Metric]:
    """Return the metrics asked for, or all that fit the model and the data.

    Args:
        field: the path of the list, named in errors.

    Raises:
        ComponentError: a metric is unknown, has a wrong option, or does not fit the model or the data.
    """
    asked = metrics is not None
    chosen = []
    for index, metric in enumerate(metrics if metrics is not None else usable_components("metric")):
        where = f"{field}[{index}]"
        spec = ComponentSpec.model_validate(metric) if not isinstance(metric, ComponentSpec) else metric
        found = find_component("metric", spec.name, where)
        made = cast(Metric, construct(found, check_options(found, spec.options, where), {}, where))
        unfit_model, unfit_data = made.unfit(model), made.unfit_data(info)
        reason = f"this model: {unfit_model}" if unfit_model else f"these data: {unfit_data}" if unfit_data else None
        if reason is None:
            chosen.append(made)
        elif asked:
            raise ComponentError(f"{spec.name!r} cannot measure {reason}", where=where)
    return chosen


def _split(data: Data | Split | Tensor) -> Split:
    if isinstance(data, Data):
        if data.test is None:
            raise DataError("there is no test split", where="data.test", remedy="Pass a split, or set `data.test`.")
        return data.test
    return split_of_tensor(data) if isinstance(data, Tensor) else data


def _check_fit(model: Model, split: Split) -> None:
    if len(split) == 0:
        raise DataError("the split is empty", where="data")
    if split.info.data_shape != model.data_shape:
        raise DataError(
            f"the model needs examples of shape {model.data_shape}, the data have {split.info.data_shape}",
            where="data",
            remedy="Use the data that the model was trained on, or `data.resize` and `data.pad`.",
        )
    if model.classes and split.labels is None:
        raise DataError("the model is conditional and needs labels, the data have none", where="data")
    model.objective.check_data(model, split.examples(_LOOK_AT), split.info.data_range, "data")
