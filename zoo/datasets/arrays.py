"""Your own arrays, from files."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from torch import Tensor

from zoo.datasets import SPLITS, Collection, Dataset, Indexable, Stored
from zoo.datasets._array_file import ArrayFiles
from zoo.datasets._array_labels import class_numbers
from zoo.datasets._array_rows import ArrayRows
from zoo.datasets._array_values import StreamedRows, Values
from zoo.errors import DataError, ZooWarning, nearest, unknown_name
from zoo.registry import register

_SPELLINGS = {"train": ("train",), "validation": ("validation", "val"), "test": ("test",)}


@register("dataset", "arrays")
class Arrays(Dataset):
    """Vectors or images from ``.npy``, ``.npz`` or ``.safetensors`` files; nothing in them is ever unpickled.

    Choose it for tables and for images that are arrays already. A file with several arrays holds ``x``, or
    ``x_train`` with ``x_validation`` (or ``x_val``) and ``x_test``, and labels ``y``, ``y_train``, … beside
    them. Missing splits are cut from ``train`` by the recipe's shares.

    Data may be larger than memory: above the limit, rows are read from disk when they are wanted.

    Args:
        path: the file, or a pattern of files (``data/train-*.npy``), which hold one array between them, in the
            order of their names.
        examples: name of the examples, in place of ``x``.
        labels: name of the labels, in place of ``y``; for ``.npy``, the path or pattern of other files.
            None: ``y`` where it is there.
        channels_last: images are stored (N, H, W, C). None: (N, C, H, W), and a shape that looks otherwise, such as
            (N, 28, 28, 1), is refused.
        value_range: smallest and largest value that an example can hold;
            None: 0 and 255 for bytes, 0 and 1 for truth values, no range for other numbers.
        in_memory_limit_mb: megabytes (10⁶ bytes) on disk up to which the examples, all files together, are held
            in memory; above, ``.npy`` and ``.safetensors`` files are streamed.

    Shapes:
        vectors (N, D); images (N, H, W), which become (N, 1, H, W), or (N, C, H, W). Labels (N,): whole
        numbers or texts, numbered from 0 in their sorted order.

    Raises:
        DataError: a file or a name in it is missing, files differ in the shape or type of their rows, values are
            not finite numbers or lie outside ``value_range``, labels do not fit, or an ``.npz`` file is larger
            than the limit.

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
        channels_last: bool | None = None,
        value_range: list[float] | None = None,
        in_memory_limit_mb: int = 1024,
    ) -> None:
        if value_range is not None and not (len(value_range) == 2 and value_range[0] < value_range[1]):
            raise DataError(f"expected [smallest, largest], got {value_range}", where="value_range")
        self._path, self._examples, self._labels = path, examples, labels
        self._values = Values(channels_last, None if value_range is None else (value_range[0], value_range[1]))
        self._limit = in_memory_limit_mb * 1_000_000

    def load(self, note: Callable[[str], None]) -> Collection:
        """Return the splits that the file has."""
        files = ArrayFiles(self._path, self._examples, self._labels)
        found = _find_splits(files.names, self._examples)
        rows = {split: files.rows(name) for split, name in found.items()}
        for split, name in found.items():
            self._values.check_form(rows[split], name)
        streamed = sum(part.nbytes for part in rows.values()) > self._limit
        examples = {split: self._read(part, found[split], streamed) for split, part in rows.items()}
        if doubt := self._values.doubt(examples["train"], rows["train"]):
            warnings.warn(f"{found['train']} in {self._path} {doubt}", ZooWarning, stacklevel=2)
        ranges = {self._values.range_of(part) for part in rows.values()}
        labels, class_names = self._read_labels(files, found, examples)
        if len(ranges) > 1:
            raise DataError(f"the splits of {self._path} hold values of different types", where="examples")
        return Collection(
            splits={split: Stored(examples[split], labels.get(split)) for split in found},
            stored_range=ranges.pop(),
            class_names=class_names,
        )

    def _read(self, rows: ArrayRows, name: str, streamed: bool) -> Tensor | Indexable:
        if not streamed:
            return self._values.hold(rows, name)
        if rows.whole_only is not None:
            raise DataError(
                f"{rows.whole_only.path} is, or belongs to, more than {self._limit // 1_000_000} MB, and cannot be "
                "streamed: it is an archive, or stored column by column",
                where="in_memory_limit_mb",
                remedy="Save rows one after another, np.save(path, np.ascontiguousarray(x)), or raise the limit.",
            )
        return StreamedRows(rows, self._values)

    def _read_labels(
        self, files: ArrayFiles, found: dict[str, str], examples: dict[str, Tensor | Indexable]
    ) -> tuple[dict[str, Tensor], tuple[str, ...]]:
        names = {split: (self._labels or "y") + name.removeprefix(self._examples) for split, name in found.items()}
        missing = [name for name in names.values() if name not in files.names]
        if missing and (self._labels is not None or len(missing) < len(names)):
            hint = nearest(missing[0], set(files.names) - set(found.values()) - set(names.values()))
            raise DataError(
                f"there is no array {missing[0]!r} in {self._path}",
                where="labels",
                remedy=f"{hint}Each split needs labels, or none has any. Available: {', '.join(files.names)}.",
            )
        if missing:
            return {}, ()
        empty = np.empty(0, dtype=np.int64)
        raw = {split: np.concatenate([*files.rows(name).blocks()] or [empty]) for split, name in names.items()}
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
