"""Cursive Japanese characters in the form of MNIST."""

from __future__ import annotations

from collections.abc import Callable

from zoo.datasets import Collection, Dataset
from zoo.datasets._mnist_family import MnistLike
from zoo.registry import register

_KMNIST = MnistLike(
    torchvision_name="KMNIST",
    class_names=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    citation="Clanuwat et al. (2018), Deep Learning for Classical Japanese Literature. https://arxiv.org/abs/1812.01718",
    licence="CC-BY-SA-4.0",
)


@register("dataset", "kmnist")
class Kmnist(Dataset):
    """70,000 cursive Japanese characters of 28×28 pixels (Kuzushiji-MNIST).

    Choose it over ``mnist`` for classes that each contain several very different shapes.

    Args:
        root: the folder that contains ``KMNIST/raw`` with the four files, compressed with gzip or not;
            None: a folder in the user's cache.
        download: whether missing files are downloaded, from the same servers as in torchvision.

    Shapes:
        examples (60000, 1, 28, 28) and (10000, 1, 28, 28), uint8 from 0 to 255; labels from 0 to 9.

    Source:
        Clanuwat et al. (2018), Deep Learning for Classical Japanese Literature, section 3.
        https://arxiv.org/abs/1812.01718

    Example:
        >>> from zoo.errors import DataError
        >>> try:
        ...     Kmnist(root="no/such/folder", download=False).load(print)
        ... except DataError as error:
        ...     print(error.problem)  # doctest: +ELLIPSIS
        the folder .../no/such/folder does not exist
    """

    path_options = ("root",)

    def __init__(self, *, root: str | None = None, download: bool = True) -> None:
        self._root, self._download = root, download

    def load(self, note: Callable[[str], None]) -> Collection:
        """Return the training and test splits of the source."""
        return _KMNIST.load(self._root, self._download, note)
