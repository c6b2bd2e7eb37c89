"""Evaluates a model on data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from torch import Tensor

from zoo.checkpoints.checkpoint import unwrap
from zoo.data import Data, Split, load_data, split_of_tensor
from zoo.data.as_trained import prepared_for
from zoo.data.in_memory import is_in_memory
from zoo.data.validation import other_shape
from zoo.errors import ComponentError, DataError, InputError, NotApplicableError, unknown_name
from zoo.evaluation.collapse import collapse_note
from zoo.evaluation.context import EvaluationContext, evaluating, reason_against
from zoo.evaluation.measurement import Evaluation, Measurement
from zoo.evaluation.noise import notes_on_noise
from zoo.evaluation.record import describe
from zoo.model import Model
from zoo.preparation.raw import are_images, looks_prepared
from zoo.registry import find_component, usable_components
from zoo.spec.component import ComponentSpec
from zoo.spec.options import check_options, construct
from zoo.spec.validation import component_list, place_of_entry
from zoo.utils.arguments import Seed, checked
from zoo.utils.distributed import SINGLE_PROCESS, ProcessGroup

if TYPE_CHECKING:
    from zoo.metrics import Metric

SplitName = Literal["train", "validation", "test"]
MetricChoice = Iterable[str | Mapping[str, Any] | ComponentSpec]
_LOOK_AT = 128
"""Examples whose scale is looked at before a model is measured on them."""


@dataclass(frozen=True)
class ChosenMetric:
    """A metric, and the name and options that make it again."""

    metric: Metric
    spec: ComponentSpec


@checked
def evaluate(
    model: Model,
    data: Any,
    metrics: MetricChoice | None = None,
    *,
    seed: Seed = 0,
    split: SplitName = "test",
    features: Callable[[Tensor], Tensor] | None = None,
) -> Evaluation:
    """Measure a model on data, and return a dict of numbers, in nats where they are log-densities.

    Its attribute ``measurements`` has the standard error, unit and explanation of each number.

    Args:
        data: a :class:`zoo.data.Data` or one split, which are prepared as the training data were, whoever loaded
            them; or raw data in memory in any form that :func:`zoo.load_data` takes, with their labels as a pair
            (x, y), all of which are measured on. A tensor is raw as well, unless the model does not know how its data
            were prepared, or the tensor holds fractions where the data are stored as bytes. Metrics that compare with
            the training data (sample quality) need all of it.
        metrics: names, or mappings with options such as ``{"name": "log_likelihood", "num_samples": 5000}``;
            if not given, all that apply to the model and the data, except those that are slow or need a download.
        seed: of the draws; the same seed gives the same numbers.
        split: the split of ``data`` to measure on, where it has several.
        features: maps data (B, *data_shape) to features (B, F) in which samples are compared; those of a small
            classifier of the data if not given.

    Raises:
        DataError: the data have another shape or range than the model expects, or the split is empty.
        NotApplicableError: a metric that was named does not apply to the model or the data.
        ComponentError: a metric is unknown, or one of its options is wrong.
        InputError: there is no split of this name.
        RecipeError: ``metrics`` is not a list of metrics.
        TypeError: ``model`` is not a model of this package.

    Example:
        >>> import torch, zoo
        >>> model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8))
        >>> found = zoo.evaluate(model, torch.rand(10, 1, 8, 8), metrics=["mse"])
        >>> sorted(found), found.measurements["mse"].result.better
        (['mse'], 'lower')
    """
    context = evaluation_context(unwrap(model), data, split, features=features)
    return measure(context, choose_metrics(context, metrics), seed)


def evaluation_context(
    model: Model,
    data: Any,
    split: SplitName = "test",
    *,
    features: Callable[[Tensor], Tensor] | None = None,
    history: Iterable[Mapping[str, Any]] = (),
    group: ProcessGroup = SINGLE_PROCESS,
    needs_labels: bool = True,
) -> EvaluationContext:
    """Return a model with the split to evaluate it on, after checking that they fit each other.

    Args:
        needs_labels: whether data without labels are refused for a conditional model.
        group: the process group that shares the work on means over examples; each process calls this function
            and measures every metric.

    Raises:
        DataError: the split is absent or empty, or of another shape or range than the model needs.
    """
    chosen, train = _chosen_split(model, data, split)
    _check_fit(model, chosen, needs_labels=needs_labels)
    if isinstance(data, Data | Split):  # a bare tensor has no range but that of the values that it happens to hold
        _check_range(model, chosen)
    return EvaluationContext(model, chosen, tuple(history), train, features, group)


def final_split(data: Data) -> SplitName:
    """Return the name of the split for final metrics: test if there is one, else validation, else train."""
    if data.test is not None:
        return "test"
    return "validation" if data.validation is not None else "train"


def measure(context: EvaluationContext, chosen: Iterable[ChosenMetric], seed: int = 0) -> Evaluation:
    """Return the numbers of all chosen metrics, each with the same seed, the model in evaluation mode."""
    return Evaluation([measurement for _, measurement in _measured(context, chosen, seed)])


def record(
    context: EvaluationContext,
    chosen: Iterable[ChosenMetric],
    split: str,
    seed: int = 0,
    *,
    progress: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Return the content of ``evaluation.json``: the numbers, what they mean, and all that repeats them.

    Args:
        progress: told which metric is measured next.
    """
    chosen = list(chosen)
    measured = _measured(context, chosen, seed, progress)
    notes = [collapse_note(context), context.lacks_fitted_bound(), *notes_on_noise([each for _, each in measured])]
    return {
        "dataset": context.split.info.name,
        "split": split,
        "examples": len(context.split),
        "seed": seed,
        "metrics": {each.key: each.value for _, each in measured},
        "details": {each.key: describe(each, metric) for metric, each in measured},
        "settings": [{"name": each.spec.name, **each.spec.options} for each in chosen],
        "notes": [note for note in notes if note],
    }


def _measured(
    context: EvaluationContext,
    chosen: Iterable[ChosenMetric],
    seed: int,
    progress: Callable[[str], None] = lambda text: None,
) -> list[tuple[str, Measurement]]:
    """Return what each chosen metric measured, with the metric's name."""
    found: list[tuple[str, Measurement]] = []
    chosen = list(chosen)
    for number, each in enumerate(chosen, 1):
        progress(f"Measuring {each.spec.name}, metric {number} of {len(chosen)} …")
        with evaluating(context, seed):
            measured = _checked(each.metric, each.metric.measure(context))
        found += [(each.spec.name, measurement) for measurement in measured]
    return found


def _checked(metric: Metric, measured: object) -> Sequence[Measurement]:
    """Return what a metric measured, if it is what the metric declares."""
    where = type(metric).__name__
    if not isinstance(measured, Sequence) or not all(isinstance(each, Measurement) for each in measured):
        raise ComponentError(
            f"expected a list of Measurement, got {type(measured).__name__}",
            where=f"{where}.measure",
            remedy="Return for example `[Measurement(RESULT, 0.5)]`, with RESULT in the metric's `results`.",
        )
    undeclared = [each.result.name for each in measured if each.result not in metric.results]
    if undeclared:
        raise ComponentError(
            f"{undeclared[0]!r} is measured, but not declared", where=f"{where}.results", remedy="Add its Result."
        )
    return measured


def choose_metrics(
    context: EvaluationContext, metrics: MetricChoice | None, field: str = "metrics"
) -> list[ChosenMetric]:
    """Return the metrics that were named, or all that apply to the model and the data.

    Args:
        field: the path of the list, named in errors.

    Raises:
        ComponentError: a metric is unknown, or one of its options is wrong.
        NotApplicableError: a metric that was named does not apply to the model or the data.
    """
    if metrics is None:
        found = {name: cast("type[Metric]", component) for name, component in usable_components("metric").items()}
        names = [name for name, component in found.items() if component.by_default]
        made = [_make(ComponentSpec(name=name), place_of_entry(field, index)) for index, name in enumerate(names)]
        return [each for each in made if reason_against(each.metric, context) is None]
    chosen = []
    for index, metric in enumerate(component_list(metrics, field)):
        where = place_of_entry(field, index)
        chosen.append(_make(metric, where))
        reason = reason_against(chosen[-1].metric, context)
        if reason is not None:
            raise NotApplicableError(f"metric {chosen[-1].spec.name!r} does not apply: {reason}", where=where)
    return chosen


def _make(spec: ComponentSpec, where: str) -> ChosenMetric:
    found = find_component("metric", spec.name, where)
    options = check_options(found, spec.options, where)
    return ChosenMetric(cast("Metric", construct(found, options, {}, where)), spec.with_options(options))


def _chosen_split(model: Model, data: Any, name: SplitName) -> tuple[Split, Split | None]:
    """Return the split to measure on and the training split, if it is known, both prepared as in training."""
    if isinstance(data, Data):
        if name not in get_args(SplitName):
            problem, remedy = unknown_name("split", name, get_args(SplitName))
            raise InputError(problem, where="split", remedy=remedy)
        split: Split | None = getattr(data, name)
        if split is None:
            raise DataError(
                f"there is no {name} split", where=f"data.{name}", remedy=f"Name another, or set `data.{name}`."
            )
        return prepared_for(model.data, split), prepared_for(model.data, data.train)
    if isinstance(data, Split):
        return prepared_for(model.data, data), None
    if isinstance(data, Tensor) and (not model.data.is_known or looks_prepared(data, model.data)):
        return split_of_tensor(data, takes_missing=model.takes_missing), None
    if not model.data.is_known or not is_in_memory(data) or are_images(data):
        return split_of_tensor(model.preprocess(data), takes_missing=model.takes_missing), None
    loaded = load_data(data, like=model.data, whole=True)
    return _chosen_split(model, loaded if isinstance(data, Mapping) else loaded.train, name)


def _check_fit(model: Model, split: Split, *, needs_labels: bool) -> None:
    if len(split) == 0:
        raise DataError("the split is empty", where="data")
    if split.info.data_shape != model.data_shape:
        remedy = "Use the data that the model was trained on, or `data.resize` and `data.pad`."
        raise other_shape(model.data_shape, split.info.data_shape, remedy)
    if model.classes and needs_labels:
        _check_classes(model, split)
    model.objective.check_data(model, split.examples(_LOOK_AT), split.info.data_range, "data")


def _check_classes(model: Model, split: Split) -> None:
    """Refuse data whose classes a conditional model does not know."""
    labels, known, names = split.labels, model.data.class_names, split.info.class_names
    if labels is None:
        raise DataError("the model is conditional and needs labels, the data have none", where="data")
    occurring = [int(number) for number in labels.unique()]
    if known and names and names != known:
        unknown = [names[number] for number in occurring if names[number] not in known]
        shown = ", ".join(known[:10]) + (" …" if len(known) > 10 else "")
        raise DataError(
            f"expected the classes that the model was trained on ({shown}), got {unknown[0]!r}",
            where="data",
            remedy="Leave out the examples of other classes, or name the classes as in training.",
        )
    if occurring and occurring[-1] >= (model.classes or 0):
        raise DataError(f"expected labels below {model.classes}, got {occurring[-1]}", where="data")


def _check_range(model: Model, split: Split) -> None:
    expected, found = model.spec.data_range, split.info.data_range
    if expected is not None and found is not None and tuple(expected) != tuple(found):
        raise DataError(
            f"expected data in [{expected[0]:g}, {expected[1]:g}], as in training, got those of {split.info.name} in "
            f"[{found[0]:g}, {found[1]:g}]",
            where="data.scale",
            remedy="Prepare them as in training: `zoo.load_data(…, like=model.data)`.",
        )
