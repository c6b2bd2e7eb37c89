"""Data that were given in memory, as a recipe records them."""

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
    """Data that were given in memory: an array, a tensor, a DataFrame, or a data set of torch or Hugging Face.

    Choose it by giving data, ``zoo.train(recipe, data=x)`` or ``zoo.fit(x, "vae-mlp-8d")``: the recipe of the run then
    says what the data were, but does not hold them. To use the recipe again, give the data again.

    Args:
        channels_last: whether images are laid out (N, H, W, C). None: (N, C, H, W), and a shape that looks like the
            other order, such as (N, 28, 28, 3), is refused.
        value_range: smallest and largest value that an example can hold. None: 0 and 255 for bytes and for whole
            numbers of images, 0 and 1 for booleans and for images within these bounds, no range for other numbers.
        series: whether arrays (N, A, B) are series of A channels and B steps, and no images of A × B pixels; and arrays
            (N, T) series of one channel, and no vectors.
        in_memory_limit_mb: up to this many megabytes (10⁶ bytes), the items of a data set are read once and kept;
            above, they are read again each time.
        label: of a DataFrame, as of the dataset ``table``; so are the next options.
        columns: the type of columns by name.
        others: whether columns that ``columns`` does not name are inferred or left out.
        max_categories: the most categories that a column may have.
        hash_buckets: number of categories of a column that is hashed.
        missing: texts that stand for a missing value.
        decimal: what separates the fraction of a number in texts.
        thousands: what separates thousands in texts.
        date_format: how dates are written in texts.
        kind: what the data were, such as ``numpy array``; filled in.
        shape: their shape, the number of training examples first; filled in.
        digest: of their values and labels; filled in.

    Raises:
        DataError: always, when it is loaded without the data.

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
        self.of_table = {
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
    def in_words(cls, options: Mapping[str, Any]) -> str:
        """Return in which form the data were given.

        Example:
            >>> Memory.in_words({"kind": "numpy array", "shape": [500, 8]})
            'data that were given in memory: a numpy array of shape (500, 8)'
        """
        shape = f" of shape {tuple(options['shape'])}" if options.get("shape") else ""
        return f"data that were given in memory: a {options.get('kind', 'table')}{shape}"

    def load(self, note: Callable[[str], None]) -> Collection:
        """Refuse, because only the user has the data."""
        shape = f" of shape {tuple(self._shape)}" if self._shape else ""
        raise DataError(
            f"the data were given in memory ({self._kind}{shape}), and a recipe does not hold them",
            remedy="Give them again: `data=x` in Python; on the command line as a file, for example `--data x.npy` or "
            "`--data table.csv`.",
        )
