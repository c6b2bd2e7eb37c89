"""Measure a model on data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from torch import Tensor

from zoo.data import Data, Split, split_of_tensor
from zoo.errors import ComponentError, DataError, InputError, unknown_name
from zoo.evaluation.context import EvaluationContext
from zoo.metrics import Metric
from zoo.model import Model
from zoo.registry import find_component, usable_components
from zoo.spec.component import ComponentSpec
from zoo.spec.options import check_options, construct
from zoo.utils.distributed import SINGLE_PROCESS, ProcessGroup
from zoo.utils.seeds import process_seed, seeded

SplitName = Literal["train", "validation", "test"]
MetricChoice = Iterable[str | Mapping[str, Any] | ComponentSpec]
_LOOK_AT = 128
"""Examples whose scale is looked at before a model is measured on them."""


@dataclass(frozen=True)
class ChosenMetric:
    """A metric, and the name and options that make it again."""

    metric: Metric
    spec: ComponentSpec


def evaluate(
    model: Model,
    data: Data | Split | Tensor,
    metrics: MetricChoice | None = None,
    *,
    seed: int = 0,
    split: SplitName = "test",
    features: Callable[[Tensor], Tensor] | None = None,
) -> dict[str, Any]:
    """Return named figures of a model on data, in nats where they are log-densities.

    Args:
        data: a :class:`zoo.data.Data`, one split, or a tensor (N, *data_shape). Figures that compare with the
            training data (sample quality, the aggregate sampler) need all of it.
        metrics: names, or mappings with options such as ``{"name": "log_likelihood", "num_samples": 5000}``;
            all that fit the model and the data, and are neither slow nor need a download, if not given.
        seed: of the draws; the same seed gives the same figures.
        split: the split of ``data`` to measure on, where it has several.
        features: maps data (B, *data_shape) to features (B, F) in which samples are compared; those of a small
            classifier of the data if not given.

    Raises:
        DataError: the data have another shape or range than the model needs, the split is empty, or a metric
            lacks something: labels, enough examples.
        ComponentError: a metric is unknown, or does not fit the model.
        InputError: there is no split of this name.

    Example:
        >>> import torch, zoo
        >>> model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8))
        >>> sorted(zoo.evaluate(model, torch.rand(10, 1, 8, 8), metrics=["mse"]))
        ['mse']
    """
    context = evaluation_context(model, data, split, features=features)
    return measure(context, choose_metrics(context, metrics), seed)


def evaluation_context(
    model: Model,
    data: Data | Split | Tensor,
    split: SplitName = "test",
    *,
    features: Callable[[Tensor], Tensor] | None = None,
    history: Iterable[Mapping[str, Any]] = (),
    processes: ProcessGroup = SINGLE_PROCESS,
) -> EvaluationContext:
    """Return a model with the split that it is measured on, once it is clear that they fit each other.

    Args:
        processes: share the work on figures that are means over examples; each calls this, and all metrics.

    Raises:
        DataError: the split is absent or empty, or of another shape or range than the model needs.
    """
    chosen, train = _chosen_split(data, split)
    _check_fit(model, chosen)
    if not isinstance(data, Tensor):  # whose range is but that of the values it happens to hold
        _check_range(model, chosen)
    return EvaluationContext(model, chosen, tuple(history), train, features, processes)


def final_split(data: Data) -> SplitName:
    """Return the name of the split that final figures are of: test, or what there is."""
    if data.test is not None:
        return "test"
    return "validation" if data.validation is not None else "train"


def measure(context: EvaluationContext, chosen: Iterable[ChosenMetric], seed: int = 0) -> dict[str, Any]:
    """Return the figures of all chosen metrics, each with the same seed, the model in evaluation mode."""
    was_training = context.model.training
    context.model.eval()
    figures: dict[str, Any] = {}
    try:
        for each in chosen:
            with seeded(process_seed(seed, context.processes.rank)):
                figures |= each.metric.measure(context)
    finally:
        context.model.train(was_training)
    return figures


def record(context: EvaluationContext, chosen: Iterable[ChosenMetric], split: str, seed: int = 0) -> dict[str, Any]:
    """Return what ``evaluation.json`` holds: the figures, and all that it takes to measure them again."""
    chosen = list(chosen)
    return {
        "dataset": context.split.info.name,
        "split": split,
        "examples": len(context.split),
        "seed": seed,
        "metrics": measure(context, chosen, seed),
        "settings": [{"name": each.spec.name, **each.spec.options} for each in chosen],
    }


def merged(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with new figures, of the same split and seed, in place of those of the same name."""
    settings = {each["name"]: each for each in (*before.get("settings", ()), *after["settings"])}
    figures = {**before["metrics"], **after["metrics"]}
    return {**before, **after, "metrics": figures, "settings": list(settings.values())}


def choose_metrics(
    context: EvaluationContext, metrics: MetricChoice | None, field: str = "metrics"
) -> list[ChosenMetric]:
    """Return the metrics asked for, or all that fit the model and the data.

    Args:
        field: the path of the list, named in errors.

    Raises:
        ComponentError: a metric is unknown, has a wrong option, or does not fit the model or the data.
        DataError: a metric that was asked for lacks something of the data.
    """
    if metrics is None:
        found = {name: cast(type[Metric], component) for name, component in usable_components("metric").items()}
        names = [name for name, component in found.items() if component.by_default]
        made = [_make(name, f"{field}[{index}]") for index, name in enumerate(names)]
        return [each for each in made if _refusal(each, context, field) is None]
    chosen = []
    for index, metric in enumerate(metrics):
        where = f"{field}[{index}]"
        chosen.append(_make(metric, where))
        refusal = _refusal(chosen[-1], context, where)
        if refusal is not None:
            raise refusal
    return chosen


def _make(metric: str | Mapping[str, Any] | ComponentSpec, where: str) -> ChosenMetric:
    spec = metric if isinstance(metric, ComponentSpec) else ComponentSpec.model_validate(metric)
    found = find_component("metric", spec.name, where)
    options = check_options(found, spec.options, where)
    return ChosenMetric(cast(Metric, construct(found, options, {}, where)), spec.with_options(options))


def _refusal(chosen: ChosenMetric, context: EvaluationContext, where: str) -> ComponentError | DataError | None:
    """Return the error that says why a metric cannot be measured, or None if it can."""
    metric, name = chosen.metric, chosen.spec.name
    unfit = metric.unfit(context.model)
    if unfit is not None:
        return ComponentError(f"{name!r} cannot measure this model: {unfit}", where=where)
    unfit = metric.unfit_data(context.split.info)
    if unfit is not None:
        return ComponentError(f"{name!r} cannot measure these data: {unfit}", where=where)
    lack = metric.lack(context)
    return None if lack is None else DataError(f"{name!r} cannot be measured: {lack}", where=where)


def _chosen_split(data: Data | Split | Tensor, name: SplitName) -> tuple[Split, Split | None]:
    """Return the split to measure on and the training split, if it is known."""
    if isinstance(data, Data):
        if name not in get_args(SplitName):
            problem, remedy = unknown_name("split", name, get_args(SplitName))
            raise InputError(problem, where="split", remedy=remedy)
        split: Split | None = getattr(data, name)
        if split is None:
            raise DataError(
                f"there is no {name} split", where=f"data.{name}", remedy=f"Name another, or set `data.{name}`."
            )
        return split, data.train
    return split_of_tensor(data) if isinstance(data, Tensor) else data, None


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


def _check_range(model: Model, split: Split) -> None:
    needed, came = model.spec.data_range, split.info.data_range
    if needed is not None and came is not None and tuple(needed) != tuple(came):
        raise DataError(
            f"the model needs data in [{needed[0]:g}, {needed[1]:g}], those of {split.info.name} are in "
            f"[{came[0]:g}, {came[1]:g}]",
            where="data.scale",
            remedy="Prepare them as in training.",
        )
