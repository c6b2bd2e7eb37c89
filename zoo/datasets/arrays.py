"""Arrays in files: vectors, images or series."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import Tensor

from zoo.datasets import SPLITS, Collection, Dataset, Indexable, Stored
from zoo.datasets._array_values import StreamedRows, Values
from zoo.errors import DataError, ZooWarning, nearest, unknown_name
from zoo.formats.array_file import ArrayFiles
from zoo.formats.array_rows import ArrayRows
from zoo.formats.labels import Labels, check_form, class_numbers
from zoo.formats.names import listed, split_named
from zoo.registry import register
from zoo.spec.paths import absolute_path


@register("dataset", "arrays")
class Arrays(Dataset):
    """Vectors, images or series from ``.npy``, ``.npz`` or ``.safetensors`` files; nothing is ever unpickled.

    Choose it for numeric data that are saved as arrays. A file with several arrays contains the examples as ``x``, or
    as ``x_train``, ``x_validation`` and ``x_test``, and labels as ``y``, ``y_train``, … Other usual names of the splits
    are accepted in any case (``val``, ``valid``, ``dev``; ``testing``, ``eval``), before or after (``train_x``). A
    missing split is taken from ``train``, with the size that the recipe states. Arrays that are not used are named in a
    note.

    The data may be larger than memory: above the limit, rows are read from disk on demand.

    Args:
        path: the file, or a pattern of files (``data/train-*.npy``) that are parts of one array, in the order of
            their names.
        examples: name of the array of examples.
        labels: name of the array of labels; for ``.npy``, the path or pattern of other files. None: ``y``, if there is
            such an array.
        channels_last: whether images are stored as (N, H, W, C). None: as (N, C, H, W), and a shape that looks like the
            other order, such as (N, 28, 28, 1), is refused.
        series: whether arrays (N, A, B) are series with A channels and B steps instead of images with A × B pixels, and
            arrays (N, T) are series with one channel instead of vectors.
        value_range: smallest and largest value that an example can have;
            None: 0 and 255 for bytes, 0 and 1 for booleans, no range for other numbers.
        in_memory_limit_mb: examples of up to this many megabytes (10⁶ bytes) on disk, all files together, are held in
            memory; larger ``.npy`` and ``.safetensors`` files are read on demand.

    Shapes:
        vectors (N, D); images (N, H, W), which become (N, 1, H, W), or (N, C, H, W); series (N, C, T), or (N, T),
        which become (N, 1, T). Labels (N,): whole numbers or texts, numbered from 0 in sorted order.

    Raises:
        DataError: a file or an array in it is missing, rows differ in shape or type between files, values are not
            finite or outside ``value_range``, labels are not classes or not one for each example, or an ``.npz`` file
            is larger than the limit.

    Example:
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "table.npz"
        >>> np.savez(path, x=np.eye(4), y=["no", "no", "yes", "yes"])
        >>> collection = Arrays(path=str(path)).load(print)
        >>> collection.splits["train"].examples.shape, collection.class_names
        (torch.Size([4, 4]), ('no', 'yes'))
    """

    path_options = ("path",)

    @classmethod
    def options_for(cls, path: str) -> dict[str, Any] | None:
        """Return the option for an ``.npy``, ``.npz`` or ``.safetensors`` file."""
        return {"path": path} if path.lower().endswith((".npy", ".npz", ".safetensors")) else None

    @classmethod
    def with_absolute_paths(cls, options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
        """Return options in which relative paths start from ``folder``, including ``labels`` if it is a file."""
        changed = super().with_absolute_paths(options, folder)
        path, labels = options.get("path"), options.get("labels")
        if isinstance(path, str) and path.endswith(".npy") and isinstance(labels, str):
            changed["labels"] = absolute_path(labels, folder)
        return changed

    def __init__(
        self,
        *,
        path: str,
        examples: str = "x",
        labels: str | None = None,
        channels_last: bool | None = None,
        series: bool = False,
        value_range: list[float] | None = None,
        in_memory_limit_mb: int = 1024,
    ) -> None:
        if value_range is not None and not (len(value_range) == 2 and value_range[0] < value_range[1]):
            raise DataError(f"expected [smallest, largest], got {value_range}", where="value_range")
        self._path, self._examples, self._labels = path, examples, labels
        bounds = None if value_range is None else (value_range[0], value_range[1])
        self._values = Values(channels_last, bounds, series)
        self._limit = in_memory_limit_mb * 1_000_000

    def load(self, note: Callable[[str], None]) -> Collection:
        """Return the splits in the file."""
        files = ArrayFiles(self._path, self._examples, self._labels)
        found = _find_splits(files.names, self._examples, "examples")
        if "train" not in found:
            problem, remedy = unknown_name("array", self._examples, files.names)
            raise DataError(problem, where="examples", remedy=remedy)
        labels = self._find_labels(files.names, found)
        unused = [name for name in files.names if name not in {*found.values(), *labels.values()}]
        if unused:
            note(f"{self._path}: not used: the array{'s' if unused[1:] else ''} {listed(unused)}")
        rows = {split: files.rows(name) for split, name in found.items()}
        for split, name in found.items():
            self._values.check_form(rows[split], name)
        ranges = {self._values.range_of(part) for part in rows.values()}
        if len(ranges) > 1:
            types = ", ".join(f"{found[split]!r} of {part.dtype}" for split, part in rows.items())
            raise DataError(f"expected splits of one type, got {types} in {self._path}", where="examples")
        streamed = sum(part.nbytes for part in rows.values()) > self._limit
        examples = {split: self._read(part, found[split], streamed) for split, part in rows.items()}
        if range_problem := self._values.suspicious_range(examples["train"], rows["train"]):
            warnings.warn(f"{found['train']} in {self._path} {range_problem}", ZooWarning, stacklevel=2)
        numbers, class_names = self._read_labels(files, rows, found, labels)
        return Collection(
            splits={split: Stored(examples[split], numbers.get(split)) for split in found},
            stored_range=ranges.pop(),
            class_names=class_names,
            layout=self._layout(rows["train"]),
            title=Path(self._path).name,
        )

    def _layout(self, rows: ArrayRows) -> Literal["channels_first", "channels_last", "no_channels"]:
        if len(rows.shape) == (2 if self._values.series else 3):
            return "no_channels"
        return "channels_last" if self._values.channels_last else "channels_first"

    def _read(self, rows: ArrayRows, name: str, streamed: bool) -> Tensor | Indexable:
        if not streamed:
            return self._values.read_all(rows, name)
        if rows.unstreamable is not None:
            raise DataError(
                f"the data in {rows.unstreamable.path} are larger than {self._limit // 1_000_000} MB and cannot be "
                "read on demand, because the file is an archive or stored column by column",
                where="in_memory_limit_mb",
                remedy="Save the array row by row, `np.save(path, np.ascontiguousarray(x))`, or raise the limit.",
            )
        return StreamedRows(rows, self._values)

    def _find_labels(self, names: list[str], examples: dict[str, str]) -> dict[str, str]:
        """Return the name of the labels of each split; {} if there are no labels."""
        base = self._labels or "y"
        found = _find_splits(names, base, "labels")
        missing = [split for split in examples if split not in found]
        if missing and (self._labels is not None or len(missing) < len(examples)):
            wanted = base if len(examples) == 1 else f"{base}_{missing[0]}"
            hint = nearest(wanted, set(names) - set(examples.values()) - set(found.values()))
            raise DataError(
                f"there is no array {wanted!r} in {self._path}",
                where="labels",
                remedy=f"{hint}Either all splits or none need labels. Available: {', '.join(names)}.",
            )
        return {} if missing else {split: found[split] for split in examples}

    def _read_labels(
        self, files: ArrayFiles, rows: dict[str, ArrayRows], examples: dict[str, str], names: dict[str, str]
    ) -> tuple[dict[str, Tensor], tuple[str, ...]]:
        if not names:
            return {}, ()
        labels = {}
        for split, name in names.items():
            stored = files.rows(name)
            where = repr(name) if name == self._labels and Path(name).suffix == ".npy" else f"{name!r} in {self._path}"
            check_form(stored.shape, stored.nbytes, where, f"{examples[split]!r} {rows[split].shape}", len(rows[split]))
            labels[split] = Labels(np.concatenate([*stored.blocks()]), where)
        return class_numbers(labels)


def _find_splits(names: list[str], base: str, where: str) -> dict[str, str]:
    """Return the name of the array of each split: ``base`` alone for ``train``, or ``base`` with the name of a split.

    The case of letters matters only if two names differ in nothing else.

    Args:
        where: the name of the option, for messages.

    Raises:
        DataError: two arrays belong to the same split.
    """
    found: dict[str, list[str]] = {}
    for name in names:
        split = _split_of(name, base)
        if split is not None:
            found.setdefault(split, []).append(name)
    for split, several in found.items():
        exact = [name for name in several if base in name]
        if len(several) > 1 and len(exact) != 1:
            raise DataError(
                f"expected one array for the {split} split, got {several[0]!r} and {several[1]!r}",
                where=where,
                remedy=f"Choose one with `{where}: NAME`, or save only one of them.",
            )
        found[split] = exact or several
    return {split: found[split][0] for split in SPLITS if split in found}


def _split_of(name: str, base: str) -> str | None:
    folded, base = name.casefold(), base.casefold()
    if folded == base:
        return "train"
    if folded.startswith(f"{base}_"):
        return split_named(folded.removeprefix(f"{base}_"))
    return split_named(folded.removesuffix(f"_{base}")) if folded.endswith(f"_{base}") else None
