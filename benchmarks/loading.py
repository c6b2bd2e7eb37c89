"""Throughput of loading alone, without a model: images a second, beside what one writes with torch and torchvision.

Data in memory stand beside a DataLoader over a TensorDataset, a streamed ``.npy`` file beside a DataLoader over the
same file mapped into memory, and a folder of PNG files beside torchvision's ImageFolder. All end as float32 in [0, 1],
in batches, in a new order each time. A ratio above 1 says that ours takes less time.

    python -m benchmarks loading
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, TensorDataset
from torchvision import datasets, transforms

import zoo
from benchmarks._measure import images_like_mnist, interleaved, print_ratios, ratios, spread, write
from zoo.spec import DataSpec

Work = Callable[[], None]


def main(arguments: list[str]) -> None:
    """Measure each source of images."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks loading", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=20_000, help="images 28 × 28 as an array (%(default)s)")
    parser.add_argument("--files", type=int, default=2_000, help="PNG files (%(default)s)")
    parser.add_argument("--size", type=int, default=64, help="height and width of a PNG file (%(default)s)")
    parser.add_argument("--batch", type=int, default=128, help="images of a batch (%(default)s)")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2], help="loader processes")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that are counted (%(default)s)")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    options = parser.parse_args(arguments)
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        array, files = Path(folder) / "images.npy", Path(folder) / "files"
        images = images_like_mnist(options.images, 0)[0]
        np.save(array, images.numpy())
        write_files(files, options.files, options.size)
        sources = {
            "memory": (options.images, [0], memory(array, options.batch), tensor_dataset(images, options.batch)),
            "npy": (options.images, options.workers, streamed(array, options.batch), mapped(array, options.batch)),
            "png": (options.files, options.workers, ours(files, options.batch), image_folder(files, options.batch)),
        }
        for name, (count, workers, zoos, plain) in sources.items():
            works = {f"{who}, {n} workers": make(n) for n in workers for who, make in (("zoo", zoos), ("plain", plain))}
            figures[name] = compared(works, count, options.rounds)
            print_ratios(f"{name}: plain / zoo, in time", figures[name]["time_ratios"])
            for work, rate in figures[name]["images_a_second"].items():
                print(f"  {work:<34}{rate['median']:9,.0f} images/s")
    settings = {name: str(value) for name, value in vars(options).items()}
    write({"settings": settings, "sources": figures}, options.out)


def compared(works: Mapping[str, Work], count: int, rounds: int) -> dict[str, Any]:
    """Return the rates, and how many times as long the plain way takes with as many workers."""
    seconds = interleaved(works, rounds)
    numbers = [name.removeprefix("zoo, ") for name in works if name.startswith("zoo")]
    return {
        "images_a_second": {name: spread([count / s for s in values]) for name, values in seconds.items()},
        "time_ratios": {n: ratios(seconds, f"plain, {n}", f"zoo, {n}") for n in numbers},
    }


def passes(split: Any, batch: int) -> Work:
    """Return what reads a split once, in a new order."""

    def work() -> None:
        for _ in split.batches(batch, order=torch.randperm(len(split))):
            pass

    return work


def loader_passes(dataset: Dataset[Any], batch: int, workers: int, prepare: Callable[[Any], object]) -> Work:
    """Return what reads a dataset once, as people do; the workers stay, as ours do."""
    loader = DataLoader(
        dataset,
        batch,
        shuffle=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        prefetch_factor=4 if workers else None,
    )

    def work() -> None:
        for examples in loader:
            prepare(examples)

    return work


def load(name: str, workers: int, **options: object) -> Any:
    """Return all of a data set of the zoo as one split."""
    spec = {"name": name, "workers": workers, "validation": 0.0, "test": 0.0, **options}
    return zoo.load_data(DataSpec.model_validate(spec)).train


def memory(path: Path, batch: int) -> Callable[[int], Work]:
    """The zoo, with the array in memory."""
    return lambda _: passes(load("arrays", 0, path=str(path)), batch)


def streamed(path: Path, batch: int) -> Callable[[int], Work]:
    """The zoo, with the array on disk."""
    return lambda workers: passes(load("arrays", workers, path=str(path), in_memory_limit_mb=0), batch)


def ours(root: Path, batch: int) -> Callable[[int], Work]:
    """The zoo, with images in files."""
    return lambda workers: passes(load("image_folder", workers, root=str(root), in_memory_limit_mb=0), batch)


def tensor_dataset(images: torch.Tensor, batch: int) -> Callable[[int], Work]:
    """A DataLoader over the array in memory."""
    return lambda n: loader_passes(TensorDataset(images), batch, n, lambda read: read[0].float() / 255)


def mapped(path: Path, batch: int) -> Callable[[int], Work]:
    """A DataLoader over the array on disk."""
    return lambda n: loader_passes(MappedFile(path), batch, n, lambda read: read.float() / 255)


def image_folder(root: Path, batch: int) -> Callable[[int], Work]:
    """A DataLoader over torchvision's ImageFolder."""
    return lambda n: loader_passes(datasets.ImageFolder(root, transforms.ToTensor()), batch, n, lambda read: read[0])


class MappedFile(Dataset[torch.Tensor]):
    """A ``.npy`` file mapped into memory."""

    def __init__(self, path: Path) -> None:
        self._images = np.load(path, mmap_mode="r")

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.from_numpy(self._images[index].copy())


def write_files(root: Path, count: int, size: int) -> None:
    """Write smooth colour images, in two folders."""
    generator = torch.Generator().manual_seed(0)
    for number, colours in enumerate(blobs(count, size, generator)):
        folder = root / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(colours).save(folder / f"{number}.png")


def blobs(count: int, size: int, generator: torch.Generator) -> Iterator[np.ndarray]:
    """Yield images of chance at low resolution, enlarged: a PNG file of such is neither empty nor noise."""
    for _ in range(count):
        coarse = torch.randint(0, 256, (1, 3, 8, 8), generator=generator).float()
        fine = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bicubic").clamp(0, 255)
        yield fine[0].permute(1, 2, 0).to(torch.uint8).numpy()
