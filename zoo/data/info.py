"""A description of prepared data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from zoo.preparation.transforms import Scaling
from zoo.spec.data_description import DataDescription


@dataclass(frozen=True)
class DataInfo:
    """The description of prepared data, the same for all splits.

    Attributes:
        name: the dataset's registered name.
        data_shape: shape of one example: (channels, height, width) or (features,).
        data_range: smallest and largest value that an example can hold; None without a bound.
        class_names: names of the classes in the order of the labels; empty without labels.
        citation: how the dataset asks to be cited.
        licence: under which terms it comes.
        facts: what the dataset knows of itself, such as the parameters of a mixture.
        missing: whether some values are missing; they are NaN in the examples, and batches have a mask.
        title: what people call the data, such as the name of their file; "" where it is ``name``.
        scaling: how stored values become prepared ones, for facts in stored units.
        description: what a model that is trained on them knows of them; None for a bare tensor.
    """

    name: str
    data_shape: tuple[int, ...]
    data_range: tuple[float, float] | None
    class_names: tuple[str, ...] = ()
    citation: str = ""
    licence: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    missing: bool = False
    title: str = ""
    scaling: Scaling = field(default=Scaling(), compare=False)
    description: DataDescription | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        """Return one line: the name, shape, range and classes."""
        bounds = "" if self.data_range is None else f" in [{self.data_range[0]:g}, {self.data_range[1]:g}]"
        classes = f", {len(self.class_names)} classes" if self.class_names else ""
        missing = ", some values missing" if self.missing else ""
        return f"DataInfo({self.name}: examples of shape {self.data_shape}{bounds}{classes}{missing})"
