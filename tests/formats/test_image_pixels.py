"""Every kind of pixel becomes grey or colour of eight bits: right, upright and opaque."""

import io
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from tests.datasets.image_files import HEIGHT, WIDTH, load, pixels, save
from zoo.datasets import TargetSize
from zoo.errors import DataError, ZooWarning
from zoo.formats.image_format import ImageFormat

COLOURS = Image.fromarray(pixels(0))


def read(path, channels=3, target=None, **options):
    """Return the one image of a folder, (H, W, C) as NumPy has it."""
    return load(path.parent, target, channels=channels, **options).splits["train"].examples[0].permute(1, 2, 0).numpy()


def grey_of(image):
    return np.array(image.convert("L"))[..., None]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "gif", "bmp"])
def test_every_common_mode_is_read_as_pillow_shows_it(tmp_path, mode, suffix):
    image = COLOURS.convert(mode)
    try:
        path = save(tmp_path / f"image.{suffix}", image, **({"lossless": True} if suffix == "webp" else {}))
    except OSError:
        pytest.skip(f"there is no {mode} in {suffix}")
    with Image.open(path) as opened:
        shown = opened.convert("RGB")
    assert np.array_equal(read(path), np.array(shown))
    assert np.abs(read(path, 1).astype(int) - grey_of(shown)).max() <= 1


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_cmyk_is_not_inverted(tmp_path, suffix):
    bars = np.zeros((16, 48, 3), np.uint8)
    bars[:, :16], bars[:, 16:32] = 255, (255, 0, 0)
    path = save(tmp_path / f"image.{suffix}", Image.fromarray(bars).convert("CMYK"))
    white, red, black = (read(path)[8, column].astype(int) for column in (8, 24, 40))
    assert white.min() > 245
    assert black.max() < 10
    assert red[0] > 240
    assert red[1:].max() < 15


def transparent(mode):
    """Return black glyphs on a transparent background in which every value is 0, as editors write it."""
    values = np.zeros((16, 16, 4), np.uint8)
    values[4:12, 4:12, 3] = 255
    image = Image.fromarray(values)
    if mode in ("RGBA", "LA"):
        return image.convert(mode), {}
    # A key colour, or an entry of the palette, stands for transparency.
    key = Image.fromarray(np.where(values[..., 3] > 0, 0, 7).astype(np.uint8))
    if mode == "P":
        key.putpalette([0, 0, 0] * 256)
        return key, {"transparency": 7}
    return key.convert(mode), {"transparency": (7, 7, 7) if mode == "RGB" else 7}


TRANSPARENT = [
    *((mode, suffix) for mode in ("RGBA", "LA", "P", "L", "RGB") for suffix in ("png",)),
    ("RGBA", "webp"),
    ("RGBA", "tif"),
    ("LA", "tif"),
    ("P", "gif"),
    ("L", "gif"),
]


@pytest.mark.parametrize(("mode", "suffix"), TRANSPARENT)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("limit", [1024, 0], ids=["held", "streamed"])
def test_transparency_shows_the_background(tmp_path, mode, suffix, channels, limit):
    image, options = transparent(mode)
    save(tmp_path / f"glyph.{suffix}", image, **options)
    for background, shown in ((None, 255), ("white", 255), ("black", 0), ("#808080", 128)):
        examples = load(tmp_path, channels=channels, background=background, in_memory_limit_mb=limit).splits["train"]
        glyph = examples.examples.read([0])[0][0] if limit == 0 else examples.examples[0]
        assert glyph.shape == (channels, 16, 16)
        assert (glyph[:, :4] == shown).all()
        assert (glyph[:, 4:12, 4:12] == 0).all()


def png_with_a_key(depth, colour, row, key):
    """Return a PNG of one row in which one value, or colour, stands for transparency."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    width = len(row) * 8 // (depth * (3 if colour == 2 else 1))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, 1, depth, colour, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0" + row))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"tRNS", key) + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("depth", "colour", "row", "key", "shown"),
    [
        (1, 0, bytes([0b00001111]), struct.pack(">H", 1), [0] * 4 + [9] * 4),
        (1, 0, bytes([0b00001111]), struct.pack(">H", 0), [9] * 4 + [255] * 4),
        (2, 0, bytes([0b00011011]), struct.pack(">H", 1), [0, 9, 170, 255]),
        (4, 0, bytes([0x07]), struct.pack(">H", 7), [0, 9]),
        (8, 0, bytes([100, 7]), struct.pack(">H", 7), [100, 9]),
        (16, 0, struct.pack(">HH", 25700, 700), struct.pack(">H", 700), [100, 9]),
        (8, 2, bytes([100, 100, 100, 7, 8, 9]), struct.pack(">HHH", 7, 8, 9), [100, 9]),
        (16, 2, struct.pack(">6H", *[25700] * 3, 700, 701, 702), struct.pack(">HHH", 700, 701, 702), [100, 9]),
    ],
)
def test_a_value_that_stands_for_transparency_is_found_at_every_depth(tmp_path, depth, colour, row, key, shown):
    (tmp_path / "key.png").write_bytes(png_with_a_key(depth, colour, row, key))
    for channels in (1, 3):
        assert read(tmp_path / "key.png", channels, background="#090909")[0, :, 0].tolist() == shown


def test_half_transparent_pixels_are_mixed_with_the_background(tmp_path):
    path = save(tmp_path / "glass.png", Image.new("RGBA", (4, 4), (0, 100, 200, 51)))
    assert np.abs(read(path, background="#ff0000").astype(int) - [204, 20, 40]).max() <= 1


def test_a_transparent_pixel_does_not_bleed_when_it_is_reduced(tmp_path):
    values = np.zeros((64, 64, 4), np.uint8)  # transparent red, opaque blue: no red may show
    values[:, :32] = (255, 0, 0, 0)
    values[:, 32:] = (0, 0, 255, 255)
    path = save(tmp_path / "halves.png", Image.fromarray(values))
    shown = read(path, target=TargetSize(4, 4), background="black")
    assert shown[..., 0].max() == 0
    assert (shown[:, 2:, 2] > 200).all()


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_are_scaled_not_clipped(tmp_path, suffix):
    values = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    path = save(tmp_path / f"deep.{suffix}", values)
    expected = np.round(values / 257)
    for channels in (1, 3):
        assert np.abs(read(path, channels) - expected[..., None]).max() <= 0.51


def test_sixteen_bits_of_big_endian_tiffs_and_of_colour_are_read(tmp_path):
    values = np.linspace(0, 65535, 16).astype(">u2").reshape(4, 4)
    header = b"MM\x00*\x00\x00\x00\x08\x00\x08"
    entries = [(256, 4, 4), (257, 4, 4), (258, 3, 16 << 16), (259, 3, 1 << 16), (262, 3, 1 << 16)]
    entries += [(273, 4, 110), (278, 4, 4), (279, 4, 32)]
    fields = b"".join(struct.pack(">HHII", tag, kind, 1, value) for tag, kind, value in entries)
    path = tmp_path / "big" / "deep.tif"
    path.parent.mkdir()
    path.write_bytes(header + fields + bytes(4) + values.tobytes())
    assert np.abs(read(path, 1)[..., 0] - np.round(values / 257)).max() <= 0.51


def test_a_range_says_what_is_black_and_white_in_deep_images(tmp_path):
    values = np.array([[0, 1000], [2000, 4095]], np.uint16)
    path = save(tmp_path / "deep.png", values)
    assert read(path, 1, value_range=[0.0, 4095.0])[..., 0].tolist() == [[0, 62], [125, 255]]
    assert read(path, 1, value_range=[1000.0, 2000.0])[..., 0].tolist() == [[0, 0], [255, 255]]


def test_deep_images_that_use_little_of_their_range_are_doubted(tmp_path):
    save(tmp_path / "1.png", np.full((4, 4), 100, np.uint16))
    save(tmp_path / "2.png", np.full((4, 4), 4095, np.uint16))
    with pytest.warns(ZooWarning, match=r"have values up to 4095, .* `value_range: \[0, 4095\]`"):
        load(tmp_path)
    load(tmp_path, value_range=[0.0, 4095.0])
    save(tmp_path / "3.png", np.full((4, 4), 60_000, np.uint16))
    load(tmp_path)


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_numbers_of_32_bits_need_a_range(tmp_path, kind):
    values = (np.arange(16).reshape(4, 4) * 10).astype(kind)
    path = save(tmp_path / "deep.tif", values)
    with pytest.raises(DataError, match=r"got 32-bit numbers \(mode [FI]\) in .*deep\.tif") as caught:
        load(tmp_path)
    assert "value_range" in caught.value.remedy
    assert np.array_equal(read(path, 1, value_range=[0.0, 255.0])[..., 0], values)


def test_a_mode_that_is_not_known_is_refused(tmp_path):
    Image.new("LAB", (4, 4)).save(tmp_path / "lab.tif")
    with pytest.raises(DataError, match=r"got mode LAB in .*lab\.tif"):
        load(tmp_path)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("limit", [1024, 0], ids=["held", "streamed"])
def test_photographs_are_turned_upright(tmp_path, orientation, suffix, limit):
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :8] = 255  # a corner that no turn or mirror leaves alone
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # how Pillow names what a camera did
    image = Image.fromarray(upright)
    if orientation in turns:
        image = image.transpose(Image.Transpose(turns[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / f"photo.{suffix}", image, exif=exif.tobytes())
    examples = load(path.parent, in_memory_limit_mb=limit).splits["train"].examples
    shown = (examples if limit else examples.read([0])[0])[0].permute(1, 2, 0)
    assert shown.shape == (16, 32, 3)
    assert (shown.float() - torch.from_numpy(upright).float()).abs().mean() < 10


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("exif", [b"garbage", b"II*\x00\xff\xff\xff\xff", b"II*\x00\x08\x00\x00\x00\x05\x00"])
def test_damaged_exif_data_harm_nothing(tmp_path, exif):
    path = save(tmp_path / "photo.jpg", pixels(0, 8, 8), exif=b"Exif\x00\x00" + exif)
    assert read(path).shape == (8, 8, 3)


HALVES = np.zeros((20, 40, 3), np.uint8)
HALVES[:, 20:] = 255


@pytest.mark.parametrize(
    ("fit", "expected"),
    [
        ("stretch", [[0] * 5 + [255] * 5] * 10),
        ("crop", [[0] * 5 + [255] * 5] * 10),
        ("pad", [[7] * 10] * 2 + [[0] * 5 + [255] * 5] * 5 + [[7] * 10] * 3),
    ],
)
def test_images_of_any_size_are_brought_to_one(tmp_path, fit, expected):
    path = save(tmp_path / "wide.png", HALVES)
    shown = read(path, 1, TargetSize(10, 10, fit), background="#070707")[..., 0].astype(int)
    blurred = slice(3, 7)  # where an edge is resampled
    difference = np.abs(shown - np.array(expected))
    difference[:, blurred] = 0
    assert difference.max() <= 1


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (3, 200), (10, 10), (31, 17)])
@pytest.mark.parametrize("target", [(1, 1), (8, 5), (10, 10), (64, 3)])
def test_any_size_is_brought_to_any_other(fit, size, target):
    form = ImageFormat(channels=3, target=TargetSize(*target, fit), background="#c8c8c8")
    shown = form.read(Image.new("RGB", size[::-1], (200, 200, 200)))
    assert shown.shape == (3, *target)
    assert (shown == 200).all()


def test_padding_is_black_unless_a_background_is_stated(tmp_path):
    path = save(tmp_path / "glyph.png", transparent("RGBA")[0])
    padded = read(path, 1, TargetSize(16, 32, "pad"))
    assert (padded[:, :8] == 0).all()
    assert padded[0, 16] == 255
    assert (read(path, 1, TargetSize(16, 32, "pad"), background="white")[:, :8] == 255).all()


def test_an_image_of_pillow_is_read_as_its_file_is():
    for mode in ("RGB", "RGBA", "P", "L", "1", "CMYK"):
        image = COLOURS.convert(mode)
        file = io.BytesIO()
        image.save(file, format="TIFF")
        form = ImageFormat(channels=3, target=TargetSize(3, 5, "crop"))
        assert torch.equal(form.read(image), form.read(Image.open(file)))
        assert form.read(image).shape == (3, 3, 5)


def test_small_images_keep_every_pixel(tmp_path):
    assert np.array_equal(read(save(tmp_path / "image.png", COLOURS)), pixels(0))
    assert read(tmp_path / "image.png").shape == (HEIGHT, WIDTH, 3)
