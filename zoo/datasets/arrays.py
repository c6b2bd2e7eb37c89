"""Your own arrays, from a file."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from zoo.datasets import SPLITS, Collection, Dataset, Indexable, Stored
from zoo.datasets._array_file import ArrayFile, open_array_file
from zoo.datasets._array_labels import class_numbers
from zoo.datasets._array_values import Values
from zoo.errors import DataError, unknown_name
from zoo.registry import register

_SPELLINGS = {"train": ("train",), "validation": ("validation", "val"), "test": ("test",)}


@register("dataset", "arrays")
class Arrays(Dataset):
    """Vectors or images from a ``.npy``, ``.npz`` or ``.safetensors`` file; nothing in it is ever unpickled.

    Choose it for tables and for images that are arrays already. A file with several arrays holds ``x``, or
    ``x_train`` with ``x_validation`` (or ``x_val``) and ``x_test``, and labels ``y``, ``y_train``, … beside
    them. Missing splits are cut from ``train`` by the recipe's shares.

    Args:
        path: the file. A ``.npy`` file larger than the limit is read from disk, an example at a time.
        examples: name of the examples, in place of ``x``.
        labels: name of the labels, in place of ``y``; for a ``.npy`` file, the path of another one.
            None: ``y`` where it is there.
        channels_last: images are stored (N, H, W, C).
        value_range: smallest and largest value that an example can hold;
            None: 0 and 255 for bytes, 0 and 1 for truth values, no range for other numbers.
        in_memory_limit_mb: size in megabytes (10⁶ bytes) up to which a ``.npy`` file is held in memory.

    Shapes:
        vectors (N, D); images (N, H, W), which become (N, 1, H, W), or (N, C, H, W). Labels (N,): whole
        numbers or texts, numbered from 0 in their sorted order.

    Raises:
        DataError: the file or a name in it is missing, values are not finite numbers or lie outside
            ``value_range``, or labels do not fit.

    Example:
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "table.npz"
        >>> np.savez(path, x=np.eye(4), y=["no", "no", "yes", "yes"])
        >>> collection = Arrays(path=str(path)).load(print)
        >>> collection.splits["train"].examples.shape, collection.class_names
        (torch.Size([4, 4]), ('no', 'yes'))
    """

    def __init__(
        self,
        *,
        path: str,
        examples: str = "x",
        labels: str | None = None,
        channels_last: bool = False,
        value_range: list[float] | None = None,
        in_memory_limit_mb: int = 1024,
    ) -> None:
        if value_range is not None and not (len(value_range) == 2 and value_range[0] < value_range[1]):
            raise DataError(f"[smallest, largest] was needed, {value_range} came", where="value_range")
        self._path, self._examples, self._labels = path, examples, labels
        self._values = Values(channels_last, None if value_range is None else (value_range[0], value_range[1]))
        self._limit = in_memory_limit_mb * 1_000_000

    def load(self, note: Callable[[str], None]) -> Collection:
        """Return the splits that the file has."""
        with open_array_file(self._path, self._examples, self._labels, self._limit) as file:
            found = _find_splits(file.names, self._examples)
            examples = {split: self._values.read(file, name) for split, name in found.items()}
            ranges = {self._values.range_of(file, name) for name in found.values()}
            labels, class_names = self._read_labels(file, found, examples)
        if len(ranges) > 1:
            raise DataError(f"the splits of {self._path} hold values of different types", where="examples")
        return Collection(
            splits={split: Stored(examples[split], labels.get(split)) for split in found},
            stored_range=ranges.pop(),
            class_names=class_names,
        )

    def _read_labels(
        self, file: ArrayFile, found: dict[str, str], examples: dict[str, Tensor | Indexable]
    ) -> tuple[dict[str, Tensor], tuple[str, ...]]:
        names = {split: (self._labels or "y") + name.removeprefix(self._examples) for split, name in found.items()}
        missing = [name for name in names.values() if name not in file.names]
        if missing and (self._labels is not None or len(missing) < len(names)):
            problem, remedy = unknown_name("array", missing[0], file.names)
            raise DataError(f"{problem} in {self._path}", where="labels", remedy=remedy)
        if missing:
            return {}, ()
        raw = {split: file.read(name) for split, name in names.items()}
        sizes = {split: len(values) for split, values in examples.items()}
        return class_numbers(raw, sizes, self._path)


def _find_splits(names: list[str], examples: str) -> dict[str, str]:
    """Return the name of each split's examples: ``x`` or ``x_train``, ``x_validation``, ``x_test``."""
    found: dict[str, str] = {}
    for split in SPLITS:
        candidates = [f"{examples}_{spelling}" for spelling in _SPELLINGS[split]]
        present = [name for name in ([examples] if split == "train" else []) + candidates if name in names]
        if len(present) > 1:
            raise DataError(f"{present[0]!r} and {present[1]!r} are both there", where="examples")
        if present:
            found[split] = present[0]
    if "train" not in found:
        problem, remedy = unknown_name("array", examples, names)
        raise DataError(problem, where="examples", remedy=remedy)
    return found
