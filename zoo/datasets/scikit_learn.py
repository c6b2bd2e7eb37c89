"""Small tables that are part of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from zoo.datasets import Collection, Dataset, Stored
from zoo.registry import register
from zoo.spec.data_description import DataDescription
from zoo.tables.libraries import library
from zoo.tables.options import TableOptions
from zoo.tables.reading import FrameSource, read_tables

_SOURCES = {
    "iris": "Fisher (1936), The Use of Multiple Measurements in Taxonomic Problems. "
    "https://doi.org/10.1111/j.1469-1809.1936.tb02137.x",
    "wine": "Aeberhard & Forina (1992), Wine, UCI Machine Learning Repository. https://doi.org/10.24432/C5PC7J",
    "breast_cancer": "Wolberg, Mangasarian, Street & Street (1993), Breast Cancer Wisconsin (Diagnostic), UCI Machine "
    "Learning Repository. https://doi.org/10.24432/C5DW2B",
    "diabetes": "Efron, Hastie, Johnstone & Tibshirani (2004), Least Angle Regression. "
    "https://doi.org/10.1214/009053604000000067",
}


@register("dataset", "scikit_learn")
class ScikitLearn(Dataset):
    """Small tables that are part of scikit-learn; nothing is downloaded.

    Choose it for a first run, a lesson or a test of a model of tables. It needs scikit-learn and pandas:
    ``pip install 'latent-zoo[tables,sklearn]'``.

    Args:
        table: ``iris`` (150 flowers, 4 measurements, 3 species), ``wine`` (178 wines, 13 measurements, 3 growers),
            ``breast_cancer`` (569 tumours, 30 measurements, benign or malignant), ``diabetes`` (442 patients, 10
            measurements and the progression of the disease; no classes).

    Shapes:
        rows (N, columns), float64; labels (N,) if the table has classes.

    Raises:
        DataError: scikit-learn or pandas is not installed.

    Source:
        https://scikit-learn.org/stable/datasets/toy_dataset.html

    Example:
        >>> collection = ScikitLearn(table="iris").load(print)
        >>> collection.splits["train"].examples.shape, collection.class_names
        (torch.Size([150, 4]), ('setosa', 'versicolor', 'virginica'))
    """

    def __init__(self, *, table: Literal["iris", "wine", "breast_cancer", "diabetes"] = "wine") -> None:
        self._table = table

    @classmethod
    def options_adapted_to(cls, options: Mapping[str, Any], like: DataDescription) -> dict[str, Any]:
        """Return the options unchanged, since the tables always have the same columns."""
        return dict(options)

    def load(self, note: Callable[[str], None]) -> Collection:
        """Return all rows as ``train``, in the order of the source."""
        library("pandas", f"the table {self._table}", where="table")
        bunch = getattr(library("sklearn.datasets", f"the table {self._table}"), f"load_{self._table}")(as_frame=True)
        frame, label = bunch.frame, None
        if hasattr(bunch, "target_names"):
            label = "target"
            frame = frame.assign(target=[str(bunch.target_names[number]) for number in bunch.target])
        read = read_tables({"train": FrameSource(frame, self._table)}, TableOptions(label=label))["train"]
        return Collection(
            splits={"train": Stored(read.examples, read.labels)},
            stored_range=None,
            class_names=read.class_names,
            citation=_SOURCES[self._table],
            licence="" if self._table == "diabetes" else "CC-BY-4.0",
            columns=read.columns,
            label=label,
            title=self._table,
        )
