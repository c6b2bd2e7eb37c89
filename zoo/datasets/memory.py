"""The dataset of runs that were trained on data in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt

from zoo.datasets import Collection, Dataset
from zoo.errors import DataError
from zoo.registry import register
from zoo.tables.options import Choice


@register("dataset", "memory")
class Memory(Dataset):
    """Data in memory: an array, a tensor, a DataFrame, or a data set of torch or Hugging Face.

    Choose it by passing data, as in ``zoo.train(recipe, data=x)`` or ``zoo.fit(x, "vae-mlp-8d")``. The recipe of the
    run then describes the data, but does not contain them. To use the recipe again, pass the data again.

    Args:
        channels_last: whether images have the layout (N, H, W, C). None: (N, C, H, W), and a shape that looks like the
            other order, such as (N, 28, 28, 3), is refused.
        value_range: smallest and largest value that an example can have. None: 0 and 255 for bytes and for images of
            integers, 0 and 1 for booleans and for images whose values are between them, no range for other numbers.
        series: whether arrays (N, A, B) are series with A channels and B steps instead of images with A × B pixels, and
            arrays (N, T) are series with one channel instead of vectors.
        in_memory_limit_mb: the items of a data set are kept in memory up to this many megabytes (10⁶ bytes); larger
            data sets are read again in each epoch.
        label: for a DataFrame, the column of the labels. This and the following options are those of the dataset
            ``table``.
        columns: the type of columns by name.
        others: whether the type of columns that ``columns`` does not name is inferred, or they are ignored.
        max_categories: largest number of categories of a column.
        hash_buckets: number of categories of a hashed column.
        missing: texts that stand for a missing value.
        decimal: decimal separator in texts.
        thousands: thousands separator in texts.
        date_format: format of dates in texts.
        kind: the type of the data, such as ``numpy array``; filled in.
        shape: the shape of the data, (N, …); filled in.
        digest: a digest of values and labels; filled in.

    Raises:
        DataError: the recipe is used without passing the data.

    Example:
        >>> import torch, zoo
        >>> data = zoo.load_data(torch.rand(20, 5), y=["a", "b"] * 10)
        >>> data.info.name, len(data.train), data.info.class_names
        ('memory', 15, ('a', 'b'))
    """

    def __init__(
        self,
        *,
        channels_last: bool | None = None,
        value_range: list[float] | None = None,
        series: bool = False,
        in_memory_limit_mb: int = 1024,
        label: str | None = None,
        columns: dict[str, Choice] = {},  # noqa: B006 - only read
        others: Literal["infer", "ignore"] = "infer",
        max_categories: PositiveInt = 100,
        hash_buckets: Annotated[int, Field(ge=2)] = 32,
        missing: list[str] | None = None,
        decimal: Literal[".", ","] | None = None,
        thousands: Annotated[str, Field(min_length=1, max_length=1)] | None = None,
        date_format: str | None = None,
        kind: str = "data",
        shape: list[int] | None = None,
        digest: str = "",
    ) -> None:
        if value_range is not None and not (len(value_range) == 2 and value_range[0] < value_range[1]):
            raise DataError(f"expected [smallest, largest], got {value_range}", where="value_range")
        self.channels_last, self.in_memory_limit = channels_last, in_memory_limit_mb * 1_000_000
        self.series = series
        self.value_range = None if value_range is None else (float(value_range[0]), float(value_range[1]))
        self.table_options = {
            "label": label,
            "columns": dict(columns),
            "others": others,
            "max_categories": max_categories,
            "hash_buckets": hash_buckets,
            "missing": missing,
            "decimal": decimal,
            "thousands": thousands,
            "date_format": date_format,
        }
        self._kind, self._shape = kind, shape

    @classmethod
    def describe_data(cls, options: Mapping[str, Any]) -> str:
        """Return the type and shape of the data.

        Example:
            >>> Memory.describe_data({"kind": "numpy array", "shape": [500, 8]})
            'data in memory: a numpy array of shape (500, 8)'
        """
        shape = f" of shape {tuple(options['shape'])}" if options.get("shape") else ""
        return f"data in memory: a {options.get('kind', 'table')}{shape}"

    def load(self, note: Callable[[str], None]) -> Collection:
        """Raise an error, because only the user has the data."""
        shape = f" of shape {tuple(self._shape)}" if self._shape else ""
        raise DataError(
            f"the data were passed in memory ({self._kind}{shape}), so the recipe does not contain them",
            remedy="Pass them again: `data=x` in Python, or a file on the command line, for example `--data x.npy` or "
            "`--data table.csv`.",
        )
