"""DataFrames in memory, as data to train on or to use a model on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from zoo.data.as_trained import as_in_training
from zoo.data.loading import prepare
from zoo.data.split import Data
from zoo.datasets import SPLITS
from zoo.datasets.table import Table
from zoo.errors import DataError
from zoo.registry import find_component
from zoo.spec import DataSpec
from zoo.spec.data_description import DataDescription
from zoo.spec.options import check_options
from zoo.spec.resolve import validate


def _silent(_: str) -> None: ...


def from_frame(
    frame: Any,
    options: Mapping[str, Any] | DataSpec | None = None,
    *,
    like: DataDescription | None = None,
    whole: bool = False,
    note: Callable[[str], None] = _silent,
) -> Data:
    """Split and prepare a DataFrame as a recipe's ``data: {name: table, …}`` would with the same table in a file.

    Args:
        frame: a DataFrame of pandas or polars; or a mapping of ``train``, and perhaps ``validation`` and ``test``, to
            one each.
        options: what else the recipe's ``data`` would say: ``label``, ``columns``, ``validation``, ``subset``, …
        like: ``model.data`` of a trained model: the rows are prepared as its training data were, columns are found by
            name, and nothing is learned from them.
        whole: use every frame as it is, and cut no split.
        note: called with a sentence about what a reader should know, such as how many values are missing.

    Raises:
        DataError: a column or a value is not as expected; names it.

    Example:
        >>> import pandas
        >>> frame = pandas.DataFrame({"age": [3, None, 5, 9], "pet": ["cat", "dog", "cat", "dog"]})
        >>> data = from_frame(frame, {"label": "pet", "test": 0.0, "validation": 0.0})
        >>> data.train.examples(4).flatten(), data.info.class_names, data.info.missing
        (tensor([-1.0690,     nan, -0.2673,  1.3363]), ('cat', 'dog'), True)
    """
    spec = (
        options if isinstance(options, DataSpec) else validate(DataSpec, {"name": "table", **(options or {})}, "data")
    )
    frames = dict(frame) if isinstance(frame, Mapping) else {"train": frame}
    if "train" not in frames or not set(frames) <= set(SPLITS):
        raise DataError(
            f"expected frames `train`, `validation` and `test`, got {', '.join(map(str, frames))}", where="data"
        )
    if like is not None and not like.is_known:
        like = None
    if like is not None:
        spec = as_in_training(spec, like)
    component = find_component("dataset", "table", where="data")
    checked = check_options(component, spec.options, "data", also_valid=DataSpec.model_fields)
    collection = Table(**checked).collection_of(frames, note)
    return prepare(collection, spec, like=like, whole=whole)
