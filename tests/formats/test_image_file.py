"""Large images are read within stated memory; formats that run other programs are not read."""

import struct
import time
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from tests.datasets.image_files import load, pixels, save
from zoo.datasets import TargetSize
from zoo.errors import DataError
from zoo.formats import image_file

TARGET = TargetSize(16, 16)


def bomb(width, height, *, depth=1, colour=0):
    """Return a PNG that claims any size in a few bytes; its pixels, which must not be asked for, are missing."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def scan(path, mode, side, **options):
    """Write a white image whose top left quarter is black."""
    drawn = mode if mode in ("1", "L") else "RGB"
    image = Image.new(drawn, (side, side), "white")
    image.paste("black", (0, 0, side // 2, side // 2))
    image.convert(mode).save(path, **options)


def check_scan(folder, **options):
    examples = load(folder, TARGET, channels=1, **options).splits["train"].examples
    shown = examples if isinstance(examples, torch.Tensor) else examples.read([0])[0]
    assert shown.shape == (1, 1, 16, 16)
    assert (shown[0, 0, :7, :7] <= 1).all()
    assert (shown[0, 0, 9:] >= 254).all()


@pytest.mark.slow
def test_a_sound_scan_of_200_million_pixels_is_read_and_reduced(tmp_path, recwarn):
    scan(tmp_path / "scan.png", "1", 14_000, compress_level=1)
    check_scan(tmp_path)
    assert len(recwarn) == 0


@pytest.mark.parametrize("limit", [1024, 0], ids=["held", "streamed"])
@pytest.mark.parametrize("most", [100_000, 200_000])
@pytest.mark.parametrize(
    ("name", "mode", "options"),
    [
        ("scan.png", "RGB", {}),
        ("scan.png", "P", {}),
        ("scan.png", "RGBA", {}),
        ("scan.png", "LA", {}),
        ("scan.tif", "1", {"compression": "group4"}),
        ("scan.tif", "RGB", {"compression": "tiff_lzw"}),
        ("scan.tif", "CMYK", {}),
        ("scan.jpg", "RGB", {}),
        ("scan.jpg", "L", {"progressive": True}),
        ("scan.gif", "L", {}),
        ("scan.webp", "RGB", {"lossless": True}),
        ("scan.bmp", "RGB", {}),
    ],
)
def test_images_above_the_limit_of_pillow_are_read_without_lifting_it_for_others(
    tmp_path, monkeypatch, recwarn, name, mode, options, most, limit
):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most)  # it warns above this, and refuses above twice of it
    scan(tmp_path / name, mode, 440, **options)
    check_scan(tmp_path, in_memory_limit_mb=limit)
    assert most == Image.MAX_IMAGE_PIXELS
    assert len(recwarn) == 0


@pytest.mark.parametrize(
    "content",
    [bomb(100_000, 100_000), bomb(40_000, 40_000, depth=8, colour=2), bomb(2**31 - 1, 2**31 - 1)],
    ids=["1 bit", "colour", "largest"],
)
@pytest.mark.parametrize("target", [TARGET, TargetSize(8, 8, "crop"), None])
def test_a_small_file_that_claims_a_huge_image_is_refused_before_it_is_decoded(tmp_path, content, target):
    (tmp_path / "bomb.png").write_bytes(content)
    begun = time.process_time()
    with pytest.raises(
        DataError, match=r"bomb\.png has .* pixels \(height × width\) and needs .* MB to decode"
    ) as caught:
        load(tmp_path, target, in_memory_limit_mb=10**15)
    assert time.process_time() - begun < 10
    assert "max_image_mb" in caught.value.remedy
    assert "Replace or delete" not in caught.value.remedy


def test_the_limit_can_be_raised_and_lowered(tmp_path):
    save(tmp_path / "image.png", pixels(0, 600, 600))
    with pytest.raises(DataError, match=r"600 × 600 pixels .* and needs 1 MB to decode, more than the limit of 1 MB"):
        load(tmp_path, max_image_mb=1)
    assert load(tmp_path, max_image_mb=2).splits["train"].examples.shape == (1, 3, 600, 600)


def test_a_large_jpeg_is_decoded_smaller_within_the_limit_unless_it_is_progressive(tmp_path):
    save(tmp_path / "photo.jpg", pixels(0, 1600, 1600))
    assert load(tmp_path, TARGET, max_image_mb=1).splits["train"].examples.shape == (1, 3, 16, 16)
    save(tmp_path / "photo.jpg", pixels(0, 1600, 1600), progressive=True)
    with pytest.raises(DataError, match="more than the limit"):
        load(tmp_path, TARGET, max_image_mb=1)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
def test_reducing_first_changes_hardly_anything(tmp_path, suffix, fit):
    """A smooth image, so that what differs is due to the reduction and not to noise."""
    rows, columns = np.mgrid[0:480, 0:640]
    smooth = np.stack([rows * 255 // 480, columns * 255 // 640, (rows + columns) * 255 // 1120], -1).astype(np.uint8)
    path = save(tmp_path / f"photo.{suffix}", smooth)
    target = TargetSize(24, 24, fit)
    reduced = load(tmp_path, target).splits["train"].examples[0]
    whole = Image.open(path).convert("RGB")
    height, width = target.scaled(480, 640)
    exact = torch.from_numpy(np.array(whole.resize((width, height), Image.Resampling.BILINEAR))).permute(2, 0, 1)
    top, left = (height - 24) // 2, (width - 24) // 2
    inner = reduced[:, -top : 24 + top, :] if fit == "pad" else reduced
    exact = exact[:, :, left : left + 24] if fit == "crop" else exact
    assert (inner.int() - exact.int()).abs().max() <= 3


@pytest.mark.parametrize(
    "content",
    [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"8BPS\x00\x01" + bytes(20),
        b"\x00\x00\x01\x00\x01\x00" + bytes(16),
    ],
    ids=["PostScript", "Photoshop", "icon"],
)
def test_other_formats_are_not_read_whatever_their_suffix(tmp_path, content):
    (tmp_path / "image.png").write_bytes(content)
    with pytest.raises(DataError, match="not a readable image"):
        load(tmp_path)


def test_an_image_is_known_by_its_content(tmp_path):
    save(tmp_path / "image.jpg", pixels(0), format="PNG")
    assert np.array_equal(load(tmp_path).splits["train"].examples[0].permute(1, 2, 0).numpy(), pixels(0))


def test_a_file_that_is_gone_is_named(tmp_path):
    path = save(tmp_path / "image.png")
    examples = load(tmp_path, in_memory_limit_mb=0).splits["train"].examples
    path.unlink()
    with pytest.raises(DataError, match=r"image\.png cannot be opened: No such file"):
        examples.read([0])


def test_a_lack_of_memory_is_reported_as_such(tmp_path, monkeypatch):
    save(tmp_path / "image.png")

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(image_file, "orientation", fail)
    save(tmp_path / "image.jpg")
    with pytest.raises(DataError, match=r"not enough memory to decode .*image\.jpg"):
        load(tmp_path)
