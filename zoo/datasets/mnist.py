"""Handwritten digits, the standard benchmark of small models."""

from __future__ import annotations

from collections.abc import Callable

from zoo.datasets import Collection, Dataset
from zoo.datasets._mnist_family import MnistLike
from zoo.registry import register

_MNIST = MnistLike(
    torchvision_name="MNIST",
    class_names=tuple("0123456789"),
    citation="LeCun, Bottou, Bengio & Haffner (1998), Gradient-based learning applied to document "
    "recognition. https://doi.org/10.1109/5.726791",
    licence="CC-BY-SA-3.0",
)


@register("dataset", "mnist")
class Mnist(Dataset):
    """70,000 handwritten digits of 28×28 pixels (MNIST).

    Choose it to compare with published results, and state whether pixels are binarised, since results differ.

    Args:
        root: the folder that contains ``MNIST/raw`` with the four files, compressed with gzip or not;
            None: a folder in the user's cache.
        download: whether missing files are downloaded, from the same servers as in torchvision.

    Shapes:
        examples (60000, 1, 28, 28) and (10000, 1, 28, 28), uint8 from 0 to 255; labels from 0 to 9.

    Source:
        LeCun, Bottou, Bengio & Haffner (1998), Gradient-based learning applied to document recognition.
        https://doi.org/10.1109/5.726791

    Example:
        >>> from zoo.errors import DataError
        >>> try:
        ...     Mnist(root="no/such/folder", download=False).load(print)
        ... except DataError as error:
        ...     print(error.problem)  # doctest: +ELLIPSIS
        the folder .../no/such/folder does not exist
    """

    path_options = ("root",)

    def __init__(self, *, root: str | None = None, download: bool = True) -> None:
        self._root, self._download = root, download

    def load(self, note: Callable[[str], None]) -> Collection:
        """Return the training and test splits of the source."""
        return _MNIST.load(self._root, self._download, note)
