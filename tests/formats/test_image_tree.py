"""What a folder holds: splits, classes, images, and the rest."""

import os

import pytest

from tests.datasets.image_files import load, save, sizes
from zoo.errors import DataError


def build(root, *files):
    """Write an image for each name; one with another suffix becomes a text file."""
    for seed, name in enumerate(files):
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True)
        elif path.suffix.lower() in (".png", ".jpg"):
            save(path, seed)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("no image")
    return root


def notes_of(root, **options):
    notes = []
    collection = load(root, note=notes.append, **options)
    return collection, notes


@pytest.mark.parametrize("train", ["train", "Train", "TRAINING", "training"])
@pytest.mark.parametrize("validation", ["val", "Valid", "validation", "VALIDATION", "dev"])
@pytest.mark.parametrize("test", ["test", "Testing", "eval"])
def test_splits_go_by_their_usual_names_in_any_case(tmp_path, train, validation, test):
    build(tmp_path, *(f"{split}/{kind}/0.png" for split in (train, validation, test) for kind in ("a", "b")))
    collection, notes = notes_of(tmp_path)
    assert sizes(collection) == {"train": 2, "validation": 2, "test": 2}
    assert collection.class_names == ("a", "b")
    assert notes == []


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("training_set", "test_set"),
        ("train2017", "test2017"),
        ("Train-Data", "Test-Data"),
        ("trainset", "testset"),
        ("train_images", "test_images"),
        ("train split", "test split"),
        ("train", "test1"),
    ],
)
def test_endings_of_their_names_do_not_make_splits_classes(tmp_path, train, test):
    build(tmp_path, *(f"{split}/{kind}/0.png" for split in (train, test) for kind in ("a", "b")))
    collection = load(tmp_path)
    assert sizes(collection) == {"train": 2, "test": 2}
    assert collection.class_names == ("a", "b")


@pytest.mark.parametrize(
    "name", ["trainer", "testament", "validity", "device", "evaluate", "trains", "protest", "2017"]
)
def test_classes_may_begin_as_splits_do(tmp_path, name):
    build(tmp_path, f"{name}/0.png", "other/0.png")
    assert load(tmp_path).class_names == tuple(sorted((name, "other")))


@pytest.mark.parametrize("names", [("val", "valid"), ("test", "eval"), ("train", "training"), ("dev", "validation")])
def test_two_folders_of_one_split_are_both_named(tmp_path, names):
    build(tmp_path, "train/0.png", *(f"{name}/0.png" for name in names))
    with pytest.raises(DataError, match="expected one folder of the") as caught:
        load(tmp_path)
    assert all(str(tmp_path / name) in caught.value.problem for name in names)


@pytest.mark.parametrize("split", ["valid", "Test", "dev", "eval"])
@pytest.mark.parametrize("classes", [("a", "b"), ()])
def test_a_split_without_training_images_is_no_class(tmp_path, split, classes):
    build(tmp_path, f"{split}/0.png", *(f"{name}/0.png" for name in classes))
    with pytest.raises(DataError, match=f"a folder of training images .* beside '{split}'") as caught:
        load(tmp_path)
    assert f"root: {tmp_path / split}" in caught.value.remedy
    assert sizes(load(tmp_path / split)) == {"train": 1}


@pytest.mark.parametrize(
    "system",
    [".ipynb_checkpoints", ".git", "__MACOSX", "@eaDir", ".thumbnails", "$RECYCLE.BIN", "System Volume Information"],
)
@pytest.mark.parametrize(
    ("where", "files"),
    [
        ("", ["1.png", "2.png"]),
        ("", ["a/1.png", "b/2.png"]),
        ("a", ["a/1.png", "b/2.png"]),
        ("a/deep", ["a/deep/1.png", "a/0.png", "b/2.png"]),
        ("train", ["train/a/1.png", "train/b/2.png"]),
        ("train/a", ["train/a/1.png", "train/b/2.png"]),
    ],
)
def test_hidden_and_system_folders_are_passed_over_at_every_depth(tmp_path, system, where, files):
    build(tmp_path, *files)
    without = load(tmp_path)
    build(tmp_path, f"{where}/{system}/1-checkpoint.png", f"{where}/{system}/deeper/2.png")
    collection, notes = notes_of(tmp_path)
    assert sizes(collection) == sizes(without) == {"train": len(files)}
    assert collection.class_names == without.class_names
    assert notes == []


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", "desktop.ini", "._1.png", ".hidden.jpg", "ehthumbs.db"])
@pytest.mark.parametrize("folder", ["", "a", "a/deep"])
def test_hidden_and_system_files_are_neither_read_nor_mentioned(tmp_path, name, folder):
    build(tmp_path, "a/deep/1.png", "a/0.png", "b/2.png")
    (tmp_path / folder / name).write_bytes(b"not an image")
    collection, notes = notes_of(tmp_path)
    assert sizes(collection) == {"train": 3}
    assert notes == []


def test_leftovers_are_named_in_one_note(tmp_path):
    build(tmp_path, "train/a/1.png", "train/b/2.png", "test/a/3.png", "masks/1.png", "labels.csv", "cover.png")
    build(tmp_path, "train/a/1.txt", "train/a/2.txt", "train/notes/", "train/README.md")
    collection, notes = notes_of(tmp_path)
    assert sizes(collection) == {"train": 2, "test": 1}
    assert collection.class_names == ("a", "b")
    assert notes == [
        f"{tmp_path}: not used: the folders masks/, train/notes/, and the files cover.png, labels.csv, "
        "train/README.md and 2 more (2 × .txt, 1 × .png, 1 × .csv, 1 × .md)"
    ]


@pytest.mark.parametrize("content", [[], ["a.txt", "b.txt"], ["photo.heic"], [".hidden.png"], ["inner/"]])
def test_a_folder_without_images_is_no_class(tmp_path, content):
    build(tmp_path, "cat/1.png", "dog/1.png", "zebra/", *(f"zebra/{name}" for name in content))
    collection, notes = notes_of(tmp_path)
    assert collection.class_names == ("cat", "dog")
    assert notes == [f"{tmp_path}: not used: the folder zebra/"]


def test_many_leftovers_make_a_short_note(tmp_path):
    build(tmp_path, "a/1.png", "b/1.png", *(f"a/{number}.txt" for number in range(500)))
    _, (note,) = notes_of(tmp_path)
    assert "500 × .txt" in note
    assert len(note) < 250


@pytest.mark.parametrize("container", ["images", "Images", "img", "JPEGImages"])
@pytest.mark.parametrize("beside", [[], ["labels/1.txt", "data.yaml"]])
def test_a_folder_called_images_is_no_class(tmp_path, container, beside):
    build(tmp_path / "flat", f"{container}/1.png", f"{container}/2.png", *beside)
    build(tmp_path / "classes", f"{container}/a/1.png", f"{container}/b/2.png", *beside)
    build(tmp_path / "splits", f"{container}/train/1.png", f"{container}/val/2.png", *beside)
    build(tmp_path / "inside", *(f"{split}/{container}/1.png" for split in ("train", "valid", "test")), *beside)
    build(tmp_path / "inside", *(f"train/{name}" for name in beside))
    assert sizes(load(tmp_path / "flat")) == {"train": 2}
    assert load(tmp_path / "flat").class_names == ()
    assert load(tmp_path / "classes").class_names == ("a", "b")
    assert sizes(load(tmp_path / "splits")) == {"train": 1, "validation": 1}
    assert sizes(load(tmp_path / "inside")) == {"train": 1, "validation": 1, "test": 1}
    assert load(tmp_path / "inside").class_names == ()
    _, notes = notes_of(tmp_path / "flat")
    assert len(notes) == (1 if beside else 0)


def test_a_folder_called_images_beside_others_is_refused(tmp_path):
    build(tmp_path, "images/1.png", "masks/1.png")
    with pytest.raises(DataError, match="'images', which is not the name of a class") as caught:
        load(tmp_path)
    assert f"root: {tmp_path / 'images'}" in caught.value.remedy


def test_the_only_folder_is_looked_into_if_it_holds_splits(tmp_path):
    build(tmp_path, "flowers/train/rose/1.png", "flowers/test/rose/1.png", "README.md")
    collection, notes = notes_of(tmp_path)
    assert sizes(collection) == {"train": 1, "test": 1}
    assert notes == [f"{tmp_path}: not used: the file README.md"]


def test_the_only_folder_of_folders_is_refused_since_either_may_be_classes(tmp_path):
    build(tmp_path, "dog/2020/1.png", "dog/2021/1.png")
    with pytest.raises(DataError, match="expected several class folders") as caught:
        load(tmp_path)
    assert f"root: {tmp_path / 'dog'}" in caught.value.remedy
    assert load(tmp_path / "dog").class_names == ("2020", "2021")
    assert sizes(load(tmp_path, classes=False)) == {"train": 2}


def test_the_only_folder_of_images_is_a_class(tmp_path):
    build(tmp_path, "dog/1.png", "dog/deep/2.png")
    assert load(tmp_path).class_names == ("dog",)
    assert sizes(load(tmp_path)) == {"train": 2}


def test_images_deep_in_a_class_are_of_that_class(tmp_path):
    build(tmp_path, "cat/2020/1.png", "cat/2.png", "dog/x/y/z/3.png")
    assert load(tmp_path).splits["train"].labels.tolist() == [0, 0, 1]


@pytest.mark.parametrize("splits", [("train", "test"), ("Training", "Valid"), ("val", "test")])
def test_splits_inside_of_classes_are_refused(tmp_path, splits):
    build(tmp_path, *(f"{kind}/{split}/1.png" for kind in ("cat", "dog") for split in splits))
    with pytest.raises(DataError, match="splits inside a class"):
        load(tmp_path)


def test_without_classes_images_are_read_at_any_depth(tmp_path):
    build(tmp_path, "train/1.png", "train/a/2.png", "train/b/c/3.png", "test/other/4.png")
    collection = load(tmp_path, classes=False)
    assert sizes(collection) == {"train": 3, "test": 1}
    assert collection.class_names == ()
    assert collection.splits["train"].labels is None


def test_loose_images_beside_class_folders_are_refused(tmp_path):
    build(tmp_path, "cat/1.png", "dog/1.png", "loose.png")
    with pytest.raises(DataError, match=r"loose\.png, … and the folders cat, dog") as caught:
        load(tmp_path)
    assert "classes: false" in caught.value.remedy
    assert sizes(load(tmp_path, classes=False)) == {"train": 3}


@pytest.mark.parametrize(("flat", "nested"), [("train", "test"), ("val", "train")])
def test_splits_with_and_without_classes_are_refused(tmp_path, flat, nested):
    build(
        tmp_path, f"{flat}/1.png", f"{nested}/a/1.png", f"{nested}/b/1.png", "train/a/2.png" if flat != "train" else "x"
    )
    with pytest.raises(DataError, match=f"class folders in .*{nested} and images in .*{flat}"):
        load(tmp_path)


def test_a_class_without_training_images_is_refused(tmp_path):
    build(tmp_path, "train/a/0.png", "test/a/0.png", "test/b/0.png")
    with pytest.raises(DataError, match=r"the classes of .*train, 'a', in .*test, got 'b'"):
        load(tmp_path)


def test_an_empty_root_is_named(tmp_path):
    with pytest.raises(DataError, match="there are no images in"):
        load(tmp_path)
    build(tmp_path, "a.heic", "b.heic", "b.txt")
    with pytest.raises(DataError, match=r"no images in .*, only other files \(2 × .heic, 1 × .txt\)"):
        load(tmp_path)
    with pytest.raises(DataError, match="there are no images in"):
        load(tmp_path, classes=False)


@pytest.mark.parametrize("root", ["nowhere", "no/where"])
def test_a_folder_that_does_not_exist_is_named_with_its_place(tmp_path, monkeypatch, root):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        load(root)
    assert str(tmp_path / root) in caught.value.problem


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="is a file"):
        load(save(tmp_path / "1.png"))


def test_links_are_followed_and_circles_end(tmp_path):
    build(tmp_path / "store", "1.png", "2.png")
    (tmp_path / "root" / "b").mkdir(parents=True)
    save(tmp_path / "root" / "b" / "3.png")
    (tmp_path / "root" / "a").symlink_to(tmp_path / "store", target_is_directory=True)
    (tmp_path / "store" / "again").symlink_to(tmp_path / "store", target_is_directory=True)
    (tmp_path / "root" / "b" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    collection, notes = notes_of(tmp_path / "root")
    assert collection.splits["train"].labels.tolist() == [0, 0, 1]
    assert notes == [f"{tmp_path / 'root'}: not used: the file b/gone.png"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="permissions do not hold for this user")
def test_a_folder_that_may_not_be_listed_is_named(tmp_path):
    build(tmp_path, "a/1.png", "b/1.png")
    (tmp_path / "b").chmod(0)
    with pytest.raises(DataError, match="b cannot be listed: Permission denied"):
        load(tmp_path)
    (tmp_path / "b").chmod(0o700)


def test_the_working_directory_may_change_while_images_are_streamed(tmp_path, monkeypatch):
    build(tmp_path, "root/1.png", "root/2.png")
    monkeypatch.chdir(tmp_path)
    examples = load("root", in_memory_limit_mb=0).splits["train"].examples
    monkeypatch.chdir("/")
    assert len(examples.read([0, 1])[0]) == 2
