"""Completes the spec of a model from its training data, and checks that model and data match."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.data import Data, DataInfo, Split
from zoo.data.describing import with_digests
from zoo.errors import DataError, RecipeError
from zoo.model import Model
from zoo.registry.catalogue import preset_files
from zoo.spec.documents import read_yaml
from zoo.spec.model import ModelSpec

_CHECKED_EXAMPLES = 128
_NAMES_SHOWN = 10


def fit_to_data(spec: ModelSpec, data: Data) -> ModelSpec:
    """Return the spec with the fields that follow from the data: shape, range, classes, preparation and digests.

    Raises:
        RecipeError: the spec states another shape or number of classes than that of the data.
    """
    info = data.info
    if spec.data_shape is not None and spec.data_shape != info.data_shape:
        raise RecipeError(
            f"expected {list(info.data_shape)}, the shape of the examples of {info.name}, got {list(spec.data_shape)}",
            where="model.data_shape",
            remedy="Leave it out: it follows from the data.",
        )
    description = None if info.description is None else with_digests(info.description, data)
    changes: dict[str, object] = {"data_shape": info.data_shape, "data_range": info.data_range, "data": description}
    if spec.mask_input is None:
        changes["mask_input"] = info.missing and spec.encoder is not None
    return spec.model_copy(update={**changes, "classes": _classes(spec, info)})


def _classes(spec: ModelSpec, info: DataInfo) -> int | None:
    """Return the number of classes of the data, for a conditional model."""
    names = info.description.class_names if info.description else ()
    if spec.classes is None or not names or spec.classes == len(names):
        return spec.classes
    if spec.classes == _preset_classes(spec):  # in a preset, the number only says that the model is conditional
        return len(names)
    raise RecipeError(
        f"expected {len(names)}, the classes of {info.name} ({_shown(names)}), got {spec.classes}",
        where="model.classes",
        remedy=f"Use `classes: {len(names)}`.",
    )


def _preset_classes(spec: ModelSpec) -> int | None:
    files = preset_files()
    classes = read_yaml(files[spec.preset]).get("classes") if spec.preset in files else None
    return classes if isinstance(classes, int) else None


def check_data(model: Model, data: Data) -> None:
    """Check that a model can be trained, validated and tested on data; all splits are checked.

    Raises:
        DataError: values or labels of a split are not what the model needs.
    """
    model.objective.check_data(model, _examples(data), data.info.data_range)
    if model.classes is None:
        return
    for name, split in _splits(data).items():
        if split.labels is None:
            raise DataError(
                f"the model is conditional on {model.classes} classes, but the {name} split of {data.info.name} has no "
                "labels",
                where="model.classes",
                remedy="Leave `classes` out, or use data with labels.",
            )
        if len(split.labels) and int(split.labels.max()) >= model.classes:
            raise DataError(
                f"expected labels below {model.classes}, the number of classes, got {int(split.labels.max())} in the "
                f"{name} split",
                where="model.classes",
                remedy="Leave `classes` out, so that it follows from the data, or remove examples of other classes.",
            )


def _examples(data: Data) -> Tensor:
    """Return the first training examples, and one with a missing value if there is any."""
    examples = data.train.examples(_CHECKED_EXAMPLES)
    if data.info.missing and not bool(examples.isnan().any()):
        for batch in data.train.batches(_CHECKED_EXAMPLES):
            incomplete = batch.x.isnan().flatten(1).any(1)
            if bool(incomplete.any()):
                return torch.cat([examples, batch.x[incomplete][:1]])
    return examples


def notes_on(model: Model, data: Data) -> list[str]:
    """Return notes on a model and its data, for readers of the metrics."""
    caution = None
    if model.has("likelihood") and model.objective.unit == "nats":  # a squared error is not a log-density
        caution = model.likelihood.caution(data.train.examples(_CHECKED_EXAMPLES))
    cautions = [caution, model.encoder.caution() if model.has("encoder") else None]
    notes = [each for each in cautions if each is not None]
    untrained = model.data.untrained_classes
    if model.classes and untrained:
        where = [name for name, split in _splits(data).items() if name != "train" and _has_any(split, model, untrained)]
        also = f", but examples in the {' and '.join(where)} split, which the metrics include" if where else ""
        notes.append(
            f"the classes {_shown(untrained)} have no training examples{also}: the model has not learned them "
            "and does not sample from them"
        )
    return notes


def _has_any(split: Split, model: Model, names: tuple[str, ...]) -> bool:
    numbers = {model.data.class_number(name) for name in names}
    return split.labels is not None and not numbers.isdisjoint(split.labels.unique().tolist())


def _splits(data: Data) -> dict[str, Split]:
    splits = {"train": data.train, "validation": data.validation, "test": data.test}
    return {name: split for name, split in splits.items() if split is not None}


def _shown(names: tuple[str, ...]) -> str:
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more:,} more" if more > 0 else "")
