"""Folders of images: what they hold, and of which size."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from tests.datasets.documented.case import Case, Options
from tests.datasets.image_files import pixels, save


def folder(*files: str, **options: object):
    """Return what writes these files, images or texts, and loads the folder with these options."""

    def make(root: Path) -> Options:
        (root / "data").mkdir()
        for seed, name in enumerate(files):
            path = root / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if name.endswith("/"):
                path.mkdir(parents=True, exist_ok=True)
            elif path.suffix == ".png":
                save(path, seed)
            else:
                path.write_text("no image")
        return {"name": "image_folder", "root": "data", **options}

    return make


def images(*shapes: tuple[int, int], **options: object):
    """Return what writes images of these heights and widths."""

    def make(root: Path) -> Options:
        for number, (height, width) in enumerate(shapes):
            save(root / "data" / f"{number}.png", pixels(number, height, width))
        return {"name": "image_folder", "root": "data", **options}

    return make


def is_labelled(data) -> bool:
    return data.train.labels is not None


def of(shape):
    return lambda data: data.info.data_shape == shape


def write_bits(path: Path, side: int, rows: bytes) -> None:
    """Write a square PNG of one bit a pixel; each row begins with a byte that is zero."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")
    path.parent.mkdir()
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)


def big_scan(root: Path) -> Options:
    write_bits(root / "data" / "scan.png", 14_000, (b"\0" + bytes(875) + b"\xff" * 875) * 14_000)
    return {"name": "image_folder", "root": "data", "resize": [8, 8], "channels": 1}


def bomb(root: Path) -> Options:
    write_bits(root / "data" / "bomb.png", 100_000, bytes(1000))
    return {"name": "image_folder", "root": "data", "resize": [8, 8]}


def large_photograph(root: Path) -> Options:
    save(root / "data" / "photo.jpg", pixels(0, 1600, 1600))
    return {"name": "image_folder", "root": "data", "resize": [8, 8], "max_image_mb": 1}


SPLITS = tuple(f"{split}/{kind}/{n}.png" for split in ("train", "valid", "test") for kind in ("a", "b") for n in (1, 2))
RENAMED = tuple(name.replace("train", "Training").replace("valid", "DEV").replace("test", "Eval") for name in SPLITS)
MANY = tuple(f"{number}.png" for number in range(20))

LAYOUTS = {
    "`train/`, `valid/` and `test/` with class folders": Case(folder(*SPLITS), (4, 4, 4), ("a", "b")),
    "`Training/`, `DEV/` and `Eval/` with class folders": Case(folder(*RENAMED), (4, 4, 4), ("a", "b")),
    "`training_set/` and `test_set/` with class folders": Case(
        folder("training_set/a/1.png", "training_set/b/1.png", "test_set/a/1.png"), (2, 0, 1), ("a", "b")
    ),
    "`train/` and `test/` with images": Case(
        folder(*(f"train/{name}" for name in MANY), "test/1.png", validation=0.1, test=0.1),
        (18, 2, 1),
        check=lambda data: not is_labelled(data),
    ),
    "class folders": Case(
        folder(*(f"{kind}/{name}" for kind in ("a", "b") for name in MANY), validation=0.1, test=0.1),
        (32, 4, 4),
        ("a", "b"),
        check=is_labelled,
    ),
    "images": Case(folder(*MANY), (20, 0, 0), (), check=lambda data: not is_labelled(data)),
    "images and folders of images": Case(
        folder("1.png", "a/1.png", "b/1.png"), says=("1.png", "the folders a, b", "classes: false")
    ),
    "`val/` and `valid/`": Case(folder("train/1.png", "val/1.png", "valid/1.png"), says=("data/val and", "data/valid")),
    "`test/` beside class folders, without `train/`": Case(
        folder("a/1.png", "b/1.png", "test/1.png"), says=("'test'", "a folder of training images")
    ),
    "`train/` with class folders, `test/` without": Case(
        folder("train/a/1.png", "train/b/1.png", "test/1.png"), says=("class folders in all splits or in none",)
    ),
    "a class in `test/` that `train/` lacks": Case(
        folder("train/a/1.png", "test/a/1.png", "test/b/1.png"), says=("got 'b'", "Every class needs training images")
    ),
    "`cat/train/` and `cat/test/`": Case(
        folder("cat/train/1.png", "cat/test/1.png", "dog/train/1.png"), says=("splits inside a class",)
    ),
    "`images/` alone": Case(folder("images/1.png", "images/2.png"), (2, 0, 0), ()),
    "`train/images/` and `train/labels/` with text files": Case(
        folder("train/images/1.png", "train/labels/1.txt"), (1, 0, 0), (), says=("train/labels/",)
    ),
    "`images/` beside `masks/`": Case(
        folder("images/1.png", "masks/1.png"), says=("'images', which is not the name of a class",)
    ),
    "one folder that holds `train/` and `test/`": Case(
        folder("flowers/train/a/1.png", "flowers/test/a/1.png"), (1, 0, 1), ("a",)
    ),
    "one folder that holds folders of images": Case(
        folder("dog/2020/1.png", "dog/2021/1.png"), says=("expected several class folders", "root: {folder}/data/dog")
    ),
    "a class folder without images": Case(folder("a/1.png", "b/1.png", "c/"), (2, 0, 0), ("a", "b"), says=("c/",)),
    "text files and folders that are not splits": Case(
        folder("train/a/1.png", "train/b/1.png", "masks/1.png", "train/a/1.txt", "readme.md"),
        (2, 0, 0),
        ("a", "b"),
        says=("masks/", "readme.md", "train/a/1.txt"),
    ),
    "`.ipynb_checkpoints/` in a class": Case(
        folder("a/1.png", "b/1.png", "a/.ipynb_checkpoints/1.png"), (2, 0, 0), ("a", "b")
    ),
    "`__MACOSX/`, `.git/` and `@eaDir/` at the top and in a split": Case(
        folder(
            *("train/a/1.png", "train/b/1.png"),
            *(f"{top}{name}/x/1.png" for top in ("", "train/") for name in ("__MACOSX", ".git", "@eaDir")),
        ),
        (2, 0, 0),
        ("a", "b"),
    ),
    "`Thumbs.db` and `.DS_Store`": Case(
        folder("a/1.png", "b/1.png", "Thumbs.db", "a/.DS_Store"), (2, 0, 0), ("a", "b")
    ),
    "images at any depth, with `classes: false`": Case(
        folder("1.png", "a/2.png", "a/b/3.png", classes=False), (3, 0, 0), (), check=lambda data: not is_labelled(data)
    ),
    "nothing": Case(folder(), says=("there are no images in",)),
    "no folder of this name": Case(
        lambda root: {"name": "image_folder", "root": "nowhere"}, says=("{folder}/nowhere does not exist",)
    ),
}

SIZES = {
    "all of one size": Case(images((4, 6), (4, 6)), check=of((3, 4, 6))),
    "of several sizes": Case(
        images((4, 6), (4, 6), (5, 7)), says=("4 × 6 (2 files", "5 × 7 (1 file", "`resize: [4, 6]`")
    ),
    "of several sizes, with `resize`": Case(
        images((4, 6), (20, 7), resize=[8, 8]), check=of((3, 8, 8)), says=("stretched", "`fit: crop`")
    ),
    "of several sizes, with `resize` and `fit: crop`": Case(
        images((4, 6), (20, 7), resize=[8, 5], fit="crop"), check=of((3, 8, 5))
    ),
    "of several sizes, with `resize` and `fit: pad`": Case(
        images((4, 6), (20, 7), resize=[8, 8], fit="pad"),
        check=lambda data: data.info.data_shape == (3, 8, 8) and (data.train.examples(1)[:, :, 0] == 0).all(),
    ),
    "of one pixel, and of one by 500": Case(
        images((1, 1), (1, 500), (500, 1), resize=[8, 8], fit="crop"), (3, 0, 0), check=of((3, 8, 8))
    ),
    "of 200 million pixels, one bit each": Case(
        big_scan, check=lambda data: data.train.examples(1)[0, 0, 0].round().tolist() == [0] * 4 + [1] * 4
    ),
    "a file of 1 kB that claims 10 billion pixels": Case(bomb, says=("20,000 MB", "max_image_mb")),
    "a photograph larger than `max_image_mb`, with `resize`": Case(large_photograph, check=of((3, 8, 8))),
}
