"""Loads a dataset by name or takes data in memory, and returns prepared splits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zoo.data.as_trained import all_prepared_for, as_in_training
from zoo.data.collecting import collect
from zoo.data.in_memory import as_memory, collect_given, is_in_memory
from zoo.data.preparing import prepare
from zoo.data.split import Data, Split
from zoo.errors import DataError
from zoo.spec import DataSpec
from zoo.spec.data_description import DataDescription
from zoo.spec.validation import validate
from zoo.utils.arguments import checked


def _silent(_: str) -> None: ...


@checked
def load_data(
    spec: Any,
    *,
    y: Any = None,
    note: Callable[[str], None] = _silent,
    like: DataDescription | None = None,
    whole: bool = False,
    **overrides: Any,
) -> Data:
    """Load a dataset by name, or take data in memory; split the data and prepare them.

    Splits depend only on the data, the shares and ``split_seed``, so they are the same on every machine.

    Args:
        spec: the name of a dataset, or the ``data`` of a recipe as a mapping or a spec. Or data in memory: an array
            (N, D), (N, H, W) or (N, C, H, W), a tensor, a DataFrame, a data set or DataLoader of torch, a data set of
            Hugging Face, a pair of any of these and its labels, or a mapping with these for each split.
        y: labels of data in memory, whole numbers or texts (N,), or the name of the column that contains them.
        note: called with a sentence before work that takes long, such as a download.
        like: ``model.data`` of a trained model. The data are scaled, resized and binarised, and their classes numbered,
            as for its training data. Nothing is learned from the data themselves.
        whole: use every split completely, and draw none from the training data. Choose it for data that are only
            evaluated.
        overrides: fields of the spec to set, including options of the dataset: ``binarise="dynamic"``,
            ``root="~/data"``. For data in memory, the options are those of the dataset ``memory``.

    Raises:
        RecipeError: a field has a wrong value; the message names it.
        ComponentError: the dataset or one of its options is unknown.
        DataError: the data cannot be found or read, or cannot be prepared in this way; the message names the field.

    Example:
        >>> import torch
        >>> data = load_data("digits", binarise="dynamic")
        >>> len(data.train), len(data.validation), len(data.test), data.info.data_shape
        (1374, 153, 270, (1, 8, 8))
        >>> data.train.examples(2).unique()
        tensor([0., 1.])
        >>> load_data(torch.rand(100, 5), validation=0.2).info.data_shape
        (5,)
    """
    if is_in_memory(spec):
        memory = validate(DataSpec, {**as_memory({}), **overrides}, "data")
        return load_given(spec, memory, y, note=note, like=like, whole=whole)[0]
    if y is not None:
        raise DataError(
            "expected no labels, since a dataset has its own", where="y", remedy="Pass `y` only with data in memory."
        )
    if not isinstance(spec, DataSpec):
        spec = validate(DataSpec, spec, "data")
    if overrides:
        spec = validate(DataSpec, {**spec.model_dump(exclude_unset=True), **overrides}, "data")
    if like is not None and like.is_known:
        spec = as_in_training(spec, like)
    else:
        like = None
    return prepare(collect(spec, note, like=like), spec, like=like, whole=whole)


def load_given(
    data: Any,
    spec: DataSpec,
    y: Any = None,
    *,
    note: Callable[[str], None] = _silent,
    like: DataDescription | None = None,
    whole: bool = False,
) -> tuple[Data, DataSpec]:
    """Split and prepare data in memory; return them with the spec that describes them in a recipe.

    Args:
        data: examples in any form that :func:`load_data` accepts, or a prepared :class:`Data` or :class:`Split`.
        spec: a spec of the dataset ``memory``.
        y: as for :func:`load_data`.
        note: as for :func:`load_data`.
        like: as for :func:`load_data`.
        whole: as for :func:`load_data`.

    Raises:
        DataError: the type of the data is not known, or the data are not what the spec or the model needs.
    """
    if isinstance(data, Split):
        data = Data(data.info, data, None, None)
    known = like if like is not None and like.is_known else None
    if isinstance(data, Data):
        if y is not None:
            raise DataError("expected no labels, since prepared data have their own", where="y", remedy="Omit `y`.")
        return (data if known is None else all_prepared_for(known, data)), _spec_of_prepared(data)
    if known is not None:
        spec = as_in_training(spec, known)
    collection, spec = collect_given(data, spec, y, like=known, note=note)
    return prepare(collection, spec, like=known, whole=whole), spec


def _spec_of_prepared(data: Data) -> DataSpec:
    """Return the spec that describes prepared data in a recipe."""
    known = data.info.description
    shape = [len(data.train), *data.info.data_shape]
    facts: dict[str, Any] = {
        "kind": f"prepared data of {data.info.name}",
        "shape": shape,
        "digest": data.train.digest(),
    }
    if known is not None and known.is_known:
        geometry = known.geometry
        facts |= {"scale": known.scaling.name, "binarise": known.binarise, **known.splitting.model_dump()}
        facts |= {"resize": geometry.resize, "fit": geometry.fit, "pad": geometry.pad}
    return DataSpec.model_validate(as_memory({}) | facts)
