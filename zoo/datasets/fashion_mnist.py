"""Images of clothes in the form of MNIST."""

from __future__ import annotations

from collections.abc import Callable

from zoo.datasets import Collection, Dataset
from zoo.datasets._mnist_family import MnistLike
from zoo.registry import register

_FASHION_MNIST = MnistLike(
    torchvision_name="FashionMNIST",
    class_names=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    citation="Xiao, Rasul & Vollgraf (2017), Fashion-MNIST. https://arxiv.org/abs/1708.07747",
    licence="MIT",
)


@register("dataset", "fashion_mnist")
class FashionMnist(Dataset):
    """70,000 images of clothes of 28×28 pixels (Fashion-MNIST).

    Choose it over ``mnist`` for greyscale textures and classes that are harder to distinguish.

    Args:
        root: the folder that contains ``FashionMNIST/raw`` with the four files, compressed with gzip or not;
            None: a folder in the user's cache.
        download: whether missing files are downloaded, from the same servers as in torchvision.

    Shapes:
        examples (60000, 1, 28, 28) and (10000, 1, 28, 28), uint8 from 0 to 255; labels from 0 to 9.

    Source:
        Xiao, Rasul & Vollgraf (2017), Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
        Algorithms. https://arxiv.org/abs/1708.07747

    Example:
        >>> from zoo.errors import DataError
        >>> try:
        ...     FashionMnist(root="no/such/folder", download=False).load(print)
        ... except DataError as error:
        ...     print(error.problem)  # doctest: +ELLIPSIS
        the folder .../no/such/folder does not exist
    """

    path_options = ("root",)

    def __init__(self, *, root: str | None = None, download: bool = True) -> None:
        self._root, self._download = root, download

    def load(self, note: Callable[[str], None]) -> Collection:
        """Return the training and test splits of the source."""
        return _FASHION_MNIST.load(self._root, self._download, note)
