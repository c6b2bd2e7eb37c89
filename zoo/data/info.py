"""Information on prepared data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from zoo.preparation.transforms import Scaling
from zoo.spec.data_description import DataDescription


@dataclass(frozen=True)
class DataInfo:
    """Information on prepared data, the same for all splits.

    Attributes:
        name: the registered name of the dataset.
        data_shape: shape of one example, such as (channels, height, width) or (features,).
        data_range: smallest and largest value that an example can have; None: there is no limit.
        class_names: names of the classes in the order of the class numbers; () without labels.
        citation: the citation that the dataset's authors ask for.
        licence: the licence, as an SPDX identifier or a sentence.
        facts: other facts about the data, such as the parameters of a mixture.
        missing: whether values are missing; they are NaN in the examples, and batches have a mask.
        title: a name for these data in particular, such as the name of their file; "": ``name``.
        scaling: the scaling from stored to prepared values.
        description: the description that is saved with a model trained on the data; None for a plain tensor.
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
