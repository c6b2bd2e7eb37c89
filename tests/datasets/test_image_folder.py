from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from zoo.datasets.image_folder import ImageFolder
from zoo.errors import DataError

HEIGHT, WIDTH = 4, 6


def pixels(seed: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def save(path: Path, array: np.ndarray, **options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)


def load(root, **options):
    return ImageFolder(root=str(root), **options).load(lambda message: None)


@pytest.fixture
def classes(tmp_path):
    """Two classes of three images each."""
    for number in range(6):
        save(tmp_path / ("dog" if number % 2 else "cat") / f"{number}.png", pixels(number))
    return tmp_path


def test_class_folders_give_labels_and_images_are_not_transposed(classes):
    collection = load(classes)
    train = collection.splits["train"]
    assert collection.class_names == ("cat", "dog")
    assert train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    for image, number in zip(train.examples, (0, 2, 4, 1, 3, 5), strict=True):
        assert torch.equal(image, torch.from_numpy(pixels(number)).permute(2, 0, 1))


@pytest.mark.parametrize("validation", ["val", "validation"])
def test_split_folders_are_splits(tmp_path, validation):
    for number, split in enumerate(("train", "train", validation, "test")):
        save(tmp_path / split / "a" / f"{number}.png", pixels(number))
    splits = load(tmp_path).splits
    assert {name: len(stored) for name, stored in splits.items()} == {"train": 2, "validation": 1, "test": 1}
    assert torch.equal(splits["test"].examples[0], torch.from_numpy(pixels(3)).permute(2, 0, 1))


def test_images_without_classes_have_no_labels(tmp_path):
    for number in range(3):
        save(tmp_path / f"{number}.png", pixels(number))
    (tmp_path / "notes.txt").write_text("not an image")
    collection = load(tmp_path)
    assert collection.splits["train"].labels is None
    assert collection.class_names == ()
    assert len(collection.splits["train"]) == 3


def test_streamed_and_held_images_are_the_same(classes):
    held = load(classes).splits["train"]
    streamed = load(classes, in_memory_limit_mb=0).splits["train"]
    assert not isinstance(streamed.examples, torch.Tensor)
    order = [5, 0, 3, 3]
    assert torch.equal(streamed.examples.read(order)[0], held.examples[order])
    assert torch.equal(streamed.labels, held.labels)


def test_one_channel_is_the_luminance(classes):
    grey = load(classes, channels=1).splits["train"].examples
    assert grey.shape == (6, 1, HEIGHT, WIDTH)
    expected = np.array(Image.fromarray(pixels(0)).convert("L"))
    assert torch.equal(grey[0, 0], torch.from_numpy(expected))


def test_size_scales_and_crops_the_middle(tmp_path):
    array = np.zeros((10, 30, 3), dtype=np.uint8)
    array[:, 10:20] = 255
    save(tmp_path / "wide.png", array)
    save(tmp_path / "tall.png", array.transpose(1, 0, 2).copy())
    examples = load(tmp_path, size=[10, 10]).splits["train"].examples
    assert (examples == 255).all()


def test_photographs_are_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by a quarter
    for limit in (1024, 0):
        save(tmp_path / "photo.jpg", pixels(0, 8, 16), exif=exif.tobytes())
        stored = load(tmp_path, in_memory_limit_mb=limit).splits["train"]
        assert (stored.examples if limit else stored.examples.read([0])[0]).shape == (1, 3, 16, 8)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_common_mode_is_read(tmp_path, mode):
    suffix = "tif" if mode == "CMYK" else "png"
    Image.fromarray(pixels(0)).convert(mode).save(tmp_path / f"image.{suffix}")
    for channels in (1, 3):
        assert load(tmp_path, channels=channels).splits["train"].examples.shape == (1, channels, HEIGHT, WIDTH)


def test_a_palette_with_transparency_is_read(tmp_path):
    image = Image.fromarray(pixels(0)).convert("P")
    image.save(tmp_path / "image.png", transparency=bytes(range(256)))
    assert load(tmp_path).splits["train"].examples.shape == (1, 3, HEIGHT, WIDTH)


def test_sixteen_bits_are_refused_rather_than_clipped(tmp_path):
    Image.fromarray(np.full((4, 4), 40_000, dtype=np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(DataError, match=r"deep.png has pixels of mode I;16"):
        load(tmp_path)


@pytest.mark.parametrize("limit", [1024, 0], ids=["held", "streamed"])
@pytest.mark.parametrize("content", [b"", b"<html>", b"\x89PNG\r\n\x1a\n broken"], ids=["empty", "html", "png"])
def test_a_broken_image_is_named_at_once(classes, content, limit):
    (classes / "cat" / "2.png").write_bytes(content)
    with pytest.raises(DataError) as caught:
        load(classes, in_memory_limit_mb=limit)
    assert str(classes / "cat" / "2.png") in caught.value.problem
    assert caught.value.where == "root"


def test_a_truncated_image_is_named(classes):
    save(classes / "dog" / "9.png", pixels(0))
    whole = (classes / "dog" / "9.png").read_bytes()
    (classes / "dog" / "9.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"9\.png is no readable image"):
        load(classes)
    streamed = load(classes, in_memory_limit_mb=0).splits["train"].examples
    with pytest.raises(DataError, match=r"9\.png is no readable image"):
        streamed.read([6])


@pytest.mark.parametrize("limit", [1024, 0], ids=["held", "streamed"])
def test_another_size_is_refused_with_the_remedy(classes, limit):
    save(classes / "dog" / "7.png", pixels(0, 5, 7))
    with pytest.raises(DataError, match=r"7\.png has 5 × 7") as caught:
        load(classes, in_memory_limit_mb=limit)
    assert "data.size" in caught.value.remedy


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="nowhere does not exist"):
        load(tmp_path / "nowhere")


def test_empty_folders_are_named(classes):
    (classes / "zebra").mkdir()
    with pytest.raises(DataError, match="zebra holds no images"):
        load(classes)


def test_an_empty_root_is_named(tmp_path):
    with pytest.raises(DataError, match="holds no images"):
        load(tmp_path)


def test_loose_images_beside_class_folders_are_refused(classes):
    save(classes / "loose.png", pixels(0))
    with pytest.raises(DataError, match=r"loose\.png"):
        load(classes)


def test_a_class_without_training_images_is_refused(tmp_path):
    save(tmp_path / "train" / "a" / "0.png", pixels(0))
    save(tmp_path / "test" / "b" / "0.png", pixels(0))
    with pytest.raises(DataError, match=r"\['b'\]"):
        load(tmp_path)


def test_two_validation_folders_are_refused(tmp_path):
    for split in ("train", "val", "validation"):
        save(tmp_path / split / "0.png", pixels(0))
    with pytest.raises(DataError, match="both there"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("options", "where"), [({"channels": 2}, "channels"), ({"size": [4]}, "size"), ({"size": [0, 4]}, "size")]
)
def test_options_are_checked(options, where):
    with pytest.raises(DataError) as caught:
        ImageFolder(root=".", **options)
    assert caught.value.where == where
