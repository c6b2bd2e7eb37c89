"""Likelihoods: raw parameters become p(x|z), a distribution over data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn
from torch.distributions import Distribution

from zoo.errors import DataError


class Likelihood(nn.Module, ABC):
    """Turns what a decoder gives into a distribution with the data's event shape.

    Attributes:
        support: smallest and largest value that the data may take; None for any real number.
        parameter_shape: shape of the raw parameters of one example.
    """

    support: ClassVar[tuple[float, float] | None] = None

    def __init__(self, data_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.data_shape = tuple(data_shape)

    @property
    def parameter_shape(self) -> tuple[int, ...]:
        """Shape of the raw parameters of one example; that of the data unless a likelihood needs more."""
        return self.data_shape

    @abstractmethod
    def forward(self, raw: Tensor) -> Distribution:
        """Map raw parameters (*batch, *parameter_shape) to p(x|z) with event shape ``data_shape``."""

    def check_range(self, data_range: tuple[float, float] | None, where: str = "data.scale") -> None:
        """Refuse data outside the support.

        Raises:
            DataError: the stated range of the data is wider than the support.
        """
        if self.support is None:
            return
        low, high = self.support
        if data_range is None or data_range[0] < low or data_range[1] > high:
            came = "unbounded data" if data_range is None else f"data in [{data_range[0]:g}, {data_range[1]:g}]"
            remedy = "Use `scale: unit` for images, or the `gaussian` likelihood."
            if data_range is None:
                remedy = "State the range of what `arrays` store, `data.value_range: [0, 1]` or [0, 255], or use the "
                remedy += "`gaussian` likelihood."
            raise DataError(
                f"the likelihood {type(self).__name__} needs data in [{low:g}, {high:g}], {came} came",
                where=where,
                remedy=remedy,
            )
