"""Image files of every mode, and defective ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from tests.datasets.documented.case import Case, Options
from tests.datasets.image_files import pixels, save
from zoo.data import load_data

GREY = (np.arange(64).reshape(8, 8) * 4).astype(np.uint8)
GLYPH = np.zeros((8, 8, 4), np.uint8)
GLYPH[2:6, 2:6, 3] = 255


def black_and_white(threshold: int) -> Image.Image:
    """Return the upper part black and the lower part white, in colour."""
    return Image.fromarray(np.where(threshold < GREY, 255, 0).astype(np.uint8)).convert("RGB")


def files(write: Callable[[Path], Any], **options: object):
    """Return what writes files into a folder and loads it with these options."""

    def make(root: Path) -> Options:
        (root / "data").mkdir()
        write(root / "data")
        return {"name": "image_folder", "root": "data", **options}

    return make


def image(name: str, pixels: Any, **options: Any) -> Callable[[Path], Any]:
    """Return what writes one image, or one for each of several names."""
    return lambda root: save(root / name, pixels, **options)


def several(*writers: Callable[[Path], Any]) -> Callable[[Path], Any]:
    return lambda root: [write(root) for write in writers]


def stored(data) -> torch.Tensor:
    return (data.train.examples(len(data.train)) * 255).round()


def shows(*values: float) -> Callable[[Any], bool]:
    """Check the corner and the middle of each image, in turn."""

    def check(data) -> bool:
        found = stored(data)
        shown = torch.stack([found[:, 0, 0, 0], found[:, 0, 4, 4]], 1).flatten()
        return bool(((shown - torch.tensor(values)).abs() <= 3).all())

    return check


def common_modes(root: Path) -> None:
    for mode in ("1", "L", "P", "RGB"):
        save(root / f"{mode}.png", black_and_white(100).convert(mode))


def palette(root: Path) -> None:
    glyph = Image.fromarray(np.where(GLYPH[..., 3] > 0, 0, 7).astype(np.uint8))
    glyph.putpalette([0, 0, 0] * 256)
    for name in ("glyph.png", "glyph.gif"):
        save(root / name, glyph, transparency=7)


def turned(root: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    corner = np.zeros((8, 8, 3), np.uint8)
    corner[4:, :4] = 255  # at the bottom left, which a quarter turn to the right brings to the top left
    save(root / "photo.png", corner, exif=exif.tobytes())


def film(name: str, **options: Any) -> Callable[[Path], Any]:
    frames = [Image.new("L", (8, 8), grey) for grey in (50, 100, 200)]
    return image(name, frames[0], save_all=True, append_images=frames[1:], **options)


def truncated(root: Path) -> None:
    path = save(root / "photo.png", pixels(0, 50, 50))
    path.write_bytes(path.read_bytes()[:2000])


def bytes_in(name: str, content: bytes) -> Callable[[Path], Any]:
    def write(root: Path) -> None:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(content)

    return write


def vanishing(options: Options, note: Callable[[str], None]):
    data = load_data({**options, "in_memory_limit_mb": 0}, note=note)
    Path("data/1.png").unlink()
    list(data.train.batches(1))
    return data


CMYK = black_and_white(120).convert("CMYK")
WHITE_GLYPH = np.dstack([np.full((8, 8, 3), 255, np.uint8), GLYPH[..., 3]])
VIEWS = [Image.new("RGB", (8, 8), (grey, grey, grey)) for grey in (50, 0)]
DEEP = GREY.astype(np.uint16) * 257

MODES = {
    "of one bit, grey, colour and palette": Case(files(common_modes), check=shows(*[0, 255] * 4)),
    "grey and colour with an alpha channel": Case(
        files(several(*(image(f"{m}.png", Image.fromarray(GLYPH).convert(m)) for m in ("RGBA", "LA")))),
        check=shows(*[255, 0] * 2),
    ),
    "with a transparent colour in a palette, in PNG and GIF": Case(files(palette), check=shows(*[255, 0] * 2)),
    "transparent, with `background: black`": Case(
        files(image("1.png", WHITE_GLYPH), background="black"), check=shows(0, 255)
    ),
    "CMYK": Case(files(several(image("1.jpg", CMYK, quality=95), image("2.tif", CMYK))), check=shows(*[0, 255] * 2)),
    "grey, without `channels: 1`": Case(files(image("1.png", GREY)), says=("with 3 equal channels", "`channels: 1`")),
    "of 16 bits": Case(
        files(several(image("1.png", DEEP), image("2.tif", DEEP)), channels=1), check=shows(*[0, 144] * 2)
    ),
    "of 16 bits that use 12": Case(
        files(image("1.png", DEEP // 16), channels=1), says=("up to 4047", "value_range: [0, 4047]")
    ),
    "of 32 bits, as integers and floats": Case(
        files(several(image("1.tif", GREY.astype(np.int32)), image("2.tif", GREY.astype(np.float32)))),
        says=("(mode I) in ", "value_range"),
    ),
    "turned by the camera (EXIF)": Case(files(turned), check=shows(255, 0)),
    "CIELAB": Case(files(image("1.tif", Image.new("LAB", (8, 8)))), says=("mode LAB",)),
    "an animation": Case(files(film("1.gif")), says=("got 3 in", "1.gif", "frames: first")),
    "a TIFF of several pages, with `frames: first`": Case(
        files(film("1.tif"), frames="first", channels=1), (1, 0, 0), check=shows(50, 50)
    ),
    "a TIFF of several pages, with `frames: all`": Case(
        files(film("1.tif"), frames="all", channels=1), (3, 0, 0), check=shows(50, 50, 100, 100, 200, 200)
    ),
    "a photograph with a preview (MPO)": Case(
        files(image("1.jpg", VIEWS[0], format="MPO", save_all=True, append_images=VIEWS[1:])),
        (1, 0, 0),
        check=shows(50, 50),
    ),
}

SOUND = several(*(image(f"{kind}/{number}.png", number) for kind in ("a", "b") for number in range(3)))
DEFECTS = {
    "an empty file": Case(files(several(SOUND, bytes_in("a/9.png", b""))), says=("a/9.png is not a readable image",)),
    "a web page called `.jpg`": Case(
        files(bytes_in("1.jpg", b"<html>Log in</html>")), says=("1.jpg is not a readable image",)
    ),
    "a truncated file": Case(files(truncated), says=("photo.png is not a readable image", "on_error: skip")),
    "a PNG called `.jpg`": Case(files(image("1.jpg", GREY, format="PNG"), channels=1), check=shows(0, 144)),
    "PostScript called `.png`": Case(
        files(bytes_in("1.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")),
        says=("1.png is not a readable image",),
    ),
    "broken files, with `on_error: skip`": Case(
        files(several(SOUND, bytes_in("a/8.png", b""), bytes_in("b/9.jpg", b"<html>")), on_error="skip"),
        (6, 0, 0),
        says=("left out 2 of 8 image files", "a/8.png", "b/9.jpg"),
        check=lambda data: len(data.info.facts["skipped"]) == 2,
    ),
    "all files of a class broken, with `on_error: skip`": Case(
        files(several(SOUND, bytes_in("c/9.png", b"")), on_error="skip"), says=("no file of the class 'c'",)
    ),
    "a file that disappears during training": Case(
        files(several(image("1.png", 1), image("2.png", 2))), says=("data/1.png cannot be opened",), load=vanishing
    ),
}
