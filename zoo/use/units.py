"""Examples and densities in the units of the data, rather than in those of prepared values."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.model import Model
from zoo.preparation.described import scaling_of
from zoo.preparation.preprocessing import stored_values, to_form
from zoo.spec.data_description import DataDescription
from zoo.use.rows import Block, Quantity


def log_volume(model: Model, mask: Tensor | None = None) -> Tensor:
    """Return the log-density of each stored value minus that of the prepared value, (*data_shape), in nats.

    For a value that is divided by its standard deviation s, it is −log s. Probabilities of discrete values do not
    depend on units: it is 0.

    Args:
        mask: (B, *data_shape) bool, True where a value was observed; the result is then (B, *data_shape), 0 elsewhere.

    Example:
        >>> import zoo
        >>> data = {"shape": (2,), "stored": {"dtype": "float32", "shape": (2,)},
        ...         "scaling": {"name": "standardise", "shift": (0.0, 0.0), "span": (1.0, 10.0)}}
        >>> model = zoo.build("vae-mlp-2d", data_shape=(2,), data_range=None, data=data, likelihood="gaussian")
        >>> log_volume(model)
        tensor([ 0.0000, -2.3026])
    """
    discrete = not model.has("likelihood") or model.likelihood.discrete
    span = 1.0 if discrete or not model.data.is_known else scaling_of(model.data).span
    volume = 0.0 - torch.as_tensor(span).abs().log()
    volume = volume.expand(model.data_shape).to(model.device)
    return volume if mask is None else torch.where(mask, volume, 0.0)


class InUnits:
    """Converts prepared examples to the units, size, layout and columns of data.

    If the description does not say how examples are stored, they are not converted.

    Attributes:
        quantities: a quantity for each column of a table, or else ``x``.
        images: the names of the quantities that are images.
    """

    def __init__(self, data: DataDescription) -> None:
        self.data = data
        if self.data.columns:
            self.quantities = tuple(Quantity(name) for name in self.data.column_names)
            self.images: tuple[str, ...] = ()
        else:
            shape = self._array(torch.zeros(1, *data.shape)).shape[1:]
            self.quantities = (Quantity("x", shape, meaning="in the units of the data"),)
            self.images = ("x",) if self.data.is_image and self.data.is_known else ()

    @property
    def inputs(self) -> tuple[Quantity, ...]:
        """The quantities of the original examples, which are shown beside the results."""
        return tuple(Quantity("input", each.shape, meaning="the original example") for each in self.quantities)

    def of(self, prepared: Tensor) -> Block:
        """Convert prepared examples (B, *data_shape); means of bytes are not rounded."""
        if not self.data.is_known:
            return {"x": prepared.cpu().numpy()}
        return self.of_stored(stored_values(prepared, self.data, rounded=False))

    def of_stored(self, stored: Tensor) -> Block:
        """Convert examples as the data set stores them, (B, *stored.shape)."""
        given = to_form(stored, self.data)
        if not self.data.columns:
            return {"x": given}
        return {name: np.asarray(given[name]) for name in self.data.column_names}

    def _array(self, prepared: Tensor) -> Any:
        return self.of(prepared)["x"]
