import numpy as np
import pytest
import torch
from PIL import Image

from tests.datasets.image_files import HEIGHT, WIDTH, load, pixels, save, sizes
from zoo.datasets import TargetSize
from zoo.datasets.image_folder import ImageFolder
from zoo.errors import DataError
from zoo.spec.data_description import DataDescription


@pytest.fixture
def classes(tmp_path):
    """Two classes of three images each."""
    for number in range(6):
        save(tmp_path / ("dog" if number % 2 else "cat") / f"{number}.png", number)
    return tmp_path


def read(stored):
    examples = stored.examples
    return examples if isinstance(examples, torch.Tensor) else examples.read(range(len(examples)))[0]


def test_class_folders_give_labels_and_images_are_not_transposed(classes):
    collection = load(classes)
    train = collection.splits["train"]
    assert collection.class_names == ("cat", "dog")
    assert train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    for image, number in zip(train.examples, (0, 2, 4, 1, 3, 5), strict=True):
        assert torch.equal(image, torch.from_numpy(pixels(number)).permute(2, 0, 1))


def test_split_folders_are_splits(tmp_path):
    for number, split in enumerate(("train", "train", "val", "test")):
        save(tmp_path / split / "a" / f"{number}.png", number)
    collection = load(tmp_path)
    assert sizes(collection) == {"train": 2, "validation": 1, "test": 1}
    assert torch.equal(collection.splits["test"].examples[0], torch.from_numpy(pixels(3)).permute(2, 0, 1))


def test_images_without_classes_have_no_labels(tmp_path):
    for number in range(3):
        save(tmp_path / f"{number}.png", number)
    collection = load(tmp_path)
    assert collection.splits["train"].labels is None
    assert collection.class_names == ()
    assert sizes(collection) == {"train": 3}


@pytest.mark.parametrize("target", [None, TargetSize(8, 5, "pad")])
def test_streamed_and_held_images_are_the_same(classes, target):
    held = load(classes, target).splits["train"]
    streamed = load(classes, target, in_memory_limit_mb=0).splits["train"]
    assert not isinstance(streamed.examples, torch.Tensor)
    order = [5, 0, 3, 3]
    assert torch.equal(streamed.examples.read(order)[0], held.examples[order])
    assert torch.equal(streamed.labels, held.labels)
    assert streamed.examples.read([])[0].shape == (0, *held.examples.shape[1:])


def test_one_channel_is_the_luminance(classes):
    grey = load(classes, channels=1).splits["train"].examples
    assert grey.shape == (6, 1, HEIGHT, WIDTH)
    assert torch.equal(grey[0, 0], torch.from_numpy(np.array(Image.fromarray(pixels(0)).convert("L"))))


@pytest.mark.parametrize("options", [{"size": [10, 10]}, {}])
def test_the_option_size_is_another_name_of_resizing_with_a_crop(tmp_path, options):
    array = np.zeros((10, 30, 3), dtype=np.uint8)
    array[:, 10:20] = 255
    save(tmp_path / "wide.png", array)
    save(tmp_path / "tall.png", array.transpose(1, 0, 2).copy())
    target = None if options else TargetSize(10, 10, "crop")
    assert (load(tmp_path, target, **options).splits["train"].examples == 255).all()


@pytest.mark.parametrize("limit", [1024, 0], ids=["held", "streamed"])
@pytest.mark.parametrize("content", [b"", b"<html>", b"\x89PNG\r\n\x1a\n broken"], ids=["empty", "html", "png"])
def test_a_broken_image_is_named_at_once(classes, content, limit):
    (classes / "cat" / "2.png").write_bytes(content)
    with pytest.raises(DataError, match="not a readable image") as caught:
        load(classes, in_memory_limit_mb=limit)
    assert str(classes / "cat" / "2.png") in caught.value.problem
    assert caught.value.where == "root"
    assert "on_error: skip" in caught.value.remedy


def truncate(path):
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def test_a_truncated_image_is_named(classes):
    truncate(save(classes / "dog" / "9.png"))
    with pytest.raises(DataError, match=r"9\.png is not a readable image"):
        load(classes)
    streamed = load(classes, in_memory_limit_mb=0).splits["train"].examples
    with pytest.raises(DataError, match=r"9\.png is not a readable image"):
        streamed.read([6])


@pytest.mark.parametrize("limit", [1024, 0], ids=["held", "streamed"])
def test_images_that_cannot_be_read_are_left_out_counted_and_listed(classes, limit):
    whole = load(classes)
    truncate(save(classes / "dog" / "8.jpg", np.tile(pixels(0), (20, 20, 1))))
    (classes / "cat" / "9.png").write_bytes(b"no image")
    Image.new("F", (WIDTH, HEIGHT)).save(classes / "cat" / "0.tif")
    save(
        classes / "cat" / "10.gif",
        Image.new("L", (WIDTH, HEIGHT)),
        save_all=True,
        append_images=[Image.new("L", (6, 4), 99)],
    )
    notes = []
    collection = load(classes, note=notes.append, on_error="skip", in_memory_limit_mb=limit)
    train = collection.splits["train"]
    assert torch.equal(read(train), whole.splits["train"].examples)
    assert torch.equal(train.labels, whole.splits["train"].labels)
    assert set(collection.facts["skipped"]) == {
        str(classes / name) for name in ("dog/8.jpg", "cat/9.png", "cat/0.tif", "cat/10.gif")
    }
    (note,) = notes
    assert "left out 4 of 10 image files: " in note
    assert str(classes / "cat" / "9.png") in note


@pytest.mark.parametrize("broken", ["first", "all of a class", "all of a split"])
def test_leaving_images_out_never_empties_a_class_or_split(tmp_path, broken):
    for name in ("train/a/1.png", "train/a/2.png", "train/b/1.png", "test/a/1.png"):
        save(tmp_path / name)
    bad = {"first": "train/a/1.png", "all of a class": "train/b/1.png", "all of a split": "test/a/1.png"}[broken]
    (tmp_path / bad).write_bytes(b"")
    for limit in (1024, 0):
        if broken == "first":
            assert sizes(load(tmp_path, on_error="skip", in_memory_limit_mb=limit)) == {"train": 2, "test": 1}
        else:
            with pytest.raises(DataError, match=r"no file of the (class 'b' in the training|test) split can be read"):
                load(tmp_path, on_error="skip", in_memory_limit_mb=limit)


def test_a_folder_of_broken_images_alone_is_refused(tmp_path):
    (tmp_path / "1.png").write_bytes(b"")
    with pytest.raises(DataError, match="none of the image files can be read") as caught:
        load(tmp_path, on_error="skip")
    assert "1.png is not a readable image" in caught.value.remedy


@pytest.mark.parametrize("limit", [1024, 0], ids=["held", "streamed"])
@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_images_of_several_sizes_are_refused_with_the_sizes_in_use(classes, limit, on_error):
    save(classes / "dog" / "7.png", pixels(0, 5, 7))
    save(classes / "dog" / "8.png", pixels(0, 5, 7))
    save(classes / "dog" / "9.png", pixels(0, 6, 8))
    with pytest.raises(DataError, match="expected images of one size") as caught:
        load(classes, in_memory_limit_mb=limit, on_error=on_error)
    assert f"4 × 6 (6 files, such as {classes / 'cat' / '0.png'})" in caught.value.problem
    assert f"5 × 7 (2 files, such as {classes / 'dog' / '7.png'})" in caught.value.problem
    assert f"6 × 8 (1 file {classes / 'dog' / '9.png'})" in caught.value.problem
    assert "`resize: [4, 6]`" in caught.value.remedy


def test_grey_images_with_three_channels_are_noted_unless_a_model_needs_them(tmp_path):
    for number in range(3):
        save(tmp_path / f"{number}.png", pixels(number)[..., 0])
    notes = []
    load(tmp_path, note=notes.append)
    assert notes == [
        f"{tmp_path}: the images are grey, and are read with 3 equal channels; `channels: 1` reads them with one"
    ]
    load(tmp_path, note=pytest.fail, channels=1)
    ImageFolder(root=str(tmp_path)).adapted_to(DataDescription(shape=(3, HEIGHT, WIDTH))).load(pytest.fail)
    save(tmp_path / "3.png", 3)
    load(tmp_path, note=pytest.fail)


def test_stretching_is_mentioned_once_with_the_way_out(tmp_path):
    for number in range(3):
        save(tmp_path / f"{number}.png", pixels(number, 10, 20))
    for fit, count in (("stretch", 1), ("crop", 0), ("pad", 0)):
        notes = []
        load(tmp_path, TargetSize(8, 8, fit), note=notes.append)
        assert len(notes) == count
        assert all("fit: crop" in note and "from 10 × 20 to 8 × 8" in note for note in notes)
    notes = []
    load(tmp_path, TargetSize(5, 10), note=notes.append)
    assert notes == []


@pytest.mark.parametrize("limit", [1024, 0], ids=["held", "streamed"])
@pytest.mark.parametrize("suffix", ["gif", "tif", "png", "webp"])
def test_files_of_several_frames_are_refused_read_in_part_or_read_whole(tmp_path, suffix, limit):
    frames = [Image.new("L", (WIDTH, HEIGHT), grey) for grey in (50, 100, 200)]
    options = {"lossless": True} if suffix == "webp" else {}
    save(tmp_path / "b" / f"film.{suffix}", frames[0], save_all=True, append_images=frames[1:], **options)
    save(tmp_path / "a" / "still.png", Image.new("L", (WIDTH, HEIGHT), 10))
    with pytest.raises(DataError, match=rf"expected one page or frame, got 3 in .*film\.{suffix}") as caught:
        load(tmp_path, in_memory_limit_mb=limit)
    assert "frames: first" in caught.value.remedy
    for option, greys, labels in (("first", [10, 50], [0, 1]), ("all", [10, 50, 100, 200], [0, 1, 1, 1])):
        train = load(tmp_path, channels=1, frames=option, in_memory_limit_mb=limit).splits["train"]
        assert read(train).flatten(1).float().mean(1).round().tolist() == greys
        assert train.labels.tolist() == labels


def test_a_photograph_with_a_preview_is_one_image(tmp_path):
    """A camera's MPO file holds other views of the same scene."""
    views = [Image.fromarray(np.full((8, 8, 3), grey, np.uint8)) for grey in (60, 200)]
    save(tmp_path / "photo.jpg", views[0], format="MPO", save_all=True, append_images=views[1:])
    for frames in ("refuse", "all"):
        examples = load(tmp_path, frames=frames).splits["train"].examples
        assert examples.shape == (1, 3, 8, 8)
        assert (examples - 60).abs().max() <= 2


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"channels": 2}, "channels"),
        ({"size": [4]}, "size"),
        ({"size": [0, 4]}, "size"),
        ({"background": "no colour"}, "background"),
        ({"background": "#12"}, "background"),
        ({"value_range": [1.0]}, "value_range"),
        ({"value_range": [2.0, 1.0]}, "value_range"),
    ],
)
def test_options_are_checked(options, where):
    with pytest.raises(DataError) as caught:
        ImageFolder(root=".", **options)
    assert caught.value.where == where
