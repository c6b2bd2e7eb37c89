"""Rows in files: the same numbers in each kind, complete or absent, some rows at a time."""

from __future__ import annotations

import csv
import os
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from PIL import Image

import zoo
from zoo.errors import InputError
from zoo.spec.data_description import DataDescription
from zoo.use.files import check, write
from zoo.use.rows import Block, Quantity, RowStream

KEYS = (Quantity("row"), Quantity("class"))
QUANTITIES = (Quantity("z", (2,)), Quantity("score"))
X = Quantity("x", (1, 8, 8))


def stream(blocks: int = 3, rows: int = 2, width: int = 2, fail_at: int | None = None) -> RowStream:
    def computed() -> Iterator[Block]:
        for number in range(blocks):
            if number == fail_at:
                raise RuntimeError("stop")
            start = number * rows
            yield {
                "row": np.arange(start, start + rows),
                "class": np.array([f"a,{start}", 'b"'] * (rows // 2)),
                "z": np.full((rows, width), start + 0.1, np.float32),
                "score": np.array([np.nan, 1 / 3] * (rows // 2)),
            }

    quantities = (Quantity("z", (width,)), Quantity("score"))
    return RowStream("things", blocks * rows, KEYS, quantities, computed(), DataDescription(shape=(2,)))


def test_a_table_holds_the_numbers_with_all_their_digits(tmp_path):
    write(stream(), tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(newline="", encoding="utf-8") as file:
        head, *lines = csv.reader(file)
    assert head == ["row", "class", "z0", "z1", "score"]
    assert lines[0] == ["0", "a,0", "0.1", "0.1", ""]
    assert lines[3] == ["3", 'b"', "2.1", "2.1", repr(1 / 3)]
    assert len(lines) == 6


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".npz"])
def test_every_kind_holds_the_same_rows(tmp_path, suffix):
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    path = write(stream(), tmp_path / f"rows{suffix}")
    expected = stream().collect()
    if suffix == ".npz":
        with np.load(path) as found:
            assert list(found) == list(expected)
            for name in expected:
                np.testing.assert_array_equal(found[name], expected[name])
        return
    read = {".csv": pd.read_csv, ".tsv": lambda p: pd.read_csv(p, sep="\t"), ".parquet": pd.read_parquet}[suffix]
    pd.testing.assert_frame_equal(read(path), expected.to_frame(), check_dtype=False)


def test_rows_that_were_collected_are_saved_alike(tmp_path):
    write(stream(), tmp_path / "first.npz")
    stream().collect().save(tmp_path / "second.npz")
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()


@pytest.mark.parametrize("name", ["rows.csv", "rows.npz", "rows.parquet"])
def test_a_file_is_complete_or_as_it_was(tmp_path, name):
    (tmp_path / name).write_text("before")
    with pytest.raises(RuntimeError, match="stop"):
        write(stream(fail_at=2), tmp_path / name)
    assert (tmp_path / name).read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_links_devices_and_directories_are_not_replaced(tmp_path):
    (tmp_path / "target").write_text("kept")
    (tmp_path / "link.csv").symlink_to(tmp_path / "target")
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    for name in ("link.csv", "pipe.csv", "folder.csv"):
        with pytest.raises(InputError, match=r"it is a link|got a"):
            write(stream(), tmp_path / name)
    assert (tmp_path / "target").read_text() == "kept"


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".csv", ".npz", ".parquet"])
def test_the_memory_does_not_grow_with_the_rows(tmp_path, suffix):
    write(stream(1, 200, 100), tmp_path / f"warm{suffix}")  # what is imported, and kept, the first time
    tracemalloc.start()
    write(stream(240, 200, 100), tmp_path / f"rows{suffix}")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    whole = 240 * 200 * 100 * 4
    assert peak < whole / 3


def test_images_are_written_under_the_names_of_their_files(tmp_path, model, photos):
    (photos / "7" / "0.jpg").write_bytes((photos / "7" / "0.png").read_bytes())
    data = zoo.load_data({"name": "image_folder", "root": str(photos), "channels": 1}, like=model.data, whole=True)
    (photos / "7" / "0.jpg").unlink()
    rows = zoo.reconstruct(model, data)
    rows.save(tmp_path / "again")
    found = sorted(path.relative_to(tmp_path / "again").as_posix() for path in (tmp_path / "again").rglob("*.png"))
    assert found == sorted([*(f"{k}/{n}.png" for k in "37" for n in range(4)), "7/0.png.png"])
    written = np.asarray(Image.open(tmp_path / "again" / "3" / "2.png"))
    assert (written == rows["x"][rows["name"].tolist().index("3/2.png")].round()).all()


def test_names_that_a_system_cannot_hold_are_changed_and_none_is_written_twice(tmp_path, model):
    names = ["CON/a:b.png", "nul.png", "up. /x.png", "A.png", "a.png", "a.jpg", "../../out.png", "/", ".."]
    rows = zoo.reconstruct(model, torch.rand(len(names), 1, 8, 8))
    block = {"name": np.array(names), "x": rows["x"]}
    images = RowStream("images", 9, (Quantity("name"),), (X,), iter([block]), model.data, images=("x",))
    write(images, tmp_path / "again")
    found = {path.relative_to(tmp_path / "again").as_posix() for path in (tmp_path / "again").rglob("*.png")}
    assert found == {
        *("CON_/a_b.png", "nul_.png", "up/x.png", "A.png", "a.png.png", "a.jpg.png", "out.png", "_.png", "_-2.png")
    }


def test_images_without_names_are_numbered_and_a_grid_is_a_picture(tmp_path, model, digits):
    rows = zoo.reconstruct(model, digits, split="test", count=3)
    rows.save(tmp_path / "images")
    names = [f"{row}.png" for row in digits.test.positions[:3].tolist()]
    assert sorted(path.name for path in (tmp_path / "images").iterdir()) == sorted(names)
    rows.save(tmp_path / "grid.png")
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.width > 50


def test_a_folder_that_holds_something_is_left_alone(tmp_path, model, digits):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "note.txt").write_text("kept")
    with pytest.raises(InputError, match="not empty"):
        zoo.reconstruct(model, digits, count=1).save(tmp_path / "mine")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["note.txt"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "x.png",
            r"expected images for an image file, got things\nUse .csv, .tsv, .parquet, .npz",
        ),
        ("x", "expected images for a folder of images, got things"),
        ("x.xlsx", "expected a file of a known format, got '.xlsx'"),
    ],
)
def test_a_kind_that_cannot_hold_the_rows_is_refused(tmp_path, name, message):
    with pytest.raises(InputError, match=message):
        check(stream(), tmp_path / name)


def test_too_many_columns_and_too_many_images_are_refused(tmp_path, model, digits):
    with pytest.raises(InputError, match=r"a \.csv table cannot contain 5,003 numbers in a row \(at most 4,096\)"):
        check(stream(width=5000), tmp_path / "x.csv")
    with pytest.raises(InputError, match=r"at most 400 examples in one image, got 1,797[\s\S]*--count 400"):
        zoo.reconstruct(model, digits).save(tmp_path / "x.png")
    with pytest.raises(InputError, match=r"a \.\w+ table cannot contain images of shape \[1, 8, 8\]"):
        zoo.reconstruct(model, digits, count=1).save(tmp_path / "x.csv")
