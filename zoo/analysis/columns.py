"""The columns of a table in their own units, from prepared examples."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from torch import Tensor

from zoo.preparation.preprocessing import stored_values
from zoo.spec.data_description import DataDescription

Kind = Literal["number", "date", "category"]


class Column(NamedTuple):
    """The values of a column.

    Attributes:
        name: of the column.
        values: (N,) float64: numbers; days since 1970-01-01; or the numbers of categories. NaN: missing.
        kind: what they are.
        categories: the names of the categories.
    """

    name: str
    values: npt.NDArray[np.float64]
    kind: Kind = "number"
    categories: tuple[str, ...] = ()


def columns_of(prepared: Tensor, data: DataDescription) -> list[Column]:
    """Return the columns of prepared rows (N, d), in the units of the data if they are known.

    Values without a column are called x1, x2, ….

    Example:
        >>> import torch
        >>> pet = {"name": "pet", "type": "categorical", "categories": ("cat", "dog")}
        >>> data = DataDescription(shape=(2,), columns=[pet], stored={"dtype": "float64", "shape": (1,)})
        >>> columns_of(torch.tensor([[0.1, 0.9]]), data)
        [Column(name='pet', values=array([1.]), kind='category', categories=('cat', 'dog'))]
    """
    values = stored_values(prepared, data) if data.is_known else prepared
    rows = values.detach().cpu().double().numpy()
    if not data.columns or not data.is_known:
        names = data.value_names or tuple(f"x{place}" for place in range(1, rows.shape[1] + 1))
        return [Column(name, rows[:, place]) for place, name in enumerate(names)]
    found = []
    for place, column in enumerate(data.columns):
        if column.is_measured:
            found.append(Column(column.name, rows[:, place], "date" if column.type == "date" else "number"))
            continue
        # Draws of a boolean are 0 or 1; means lie between them.
        codes = rows[:, place] if column.type == "categorical" else np.round(rows[:, place])
        found.append(Column(column.name, codes, "category", column.categories or ("false", "true")))
    return found
