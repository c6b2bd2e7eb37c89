"""Places where nothing can be written: one error that names the place, and nothing left behind."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import zoo
from tests.hostile.conftest import QUICK
from zoo.errors import InputError, ZooError
from zoo.model import Model

pytestmark = pytest.mark.skipif(os.name != "posix", reason="devices, pipes and names of POSIX")


class Named:
    """A path that is a class of its own."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def __fspath__(self) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture(scope="module")
def model() -> Model:
    return zoo.build("ae-mlp-2d", data_shape=(1, 8, 8), encoder={"widths": [4]}, decoder={"widths": [4]})


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a file, a pipe and links; nothing is downloaded."""
    monkeypatch.setattr("zoo.hub.pull.fetch", lambda *_, **__: pytest.fail("it was downloaded first"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "nowhere").symlink_to("elsewhere")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "to-file").symlink_to("file")
    return tmp_path


NO_FOLDER = ["/dev/null", "pipe", "file", "file/below", "to-file", "circle", "circle/below", "x" * 300,
             "/".join(["x" * 200] * 30), "/proc/nothing", "nowhere"]  # fmt: skip
NO_PATH: dict[str, object] = {
    "NUL": "a\0b",
    "NUL in a path": Path("a\0b"),
    "half a character": "\ud800",
    "half a character in a path": Path("\ud800"),
    "bytes": b"x",
    "a number": 3,
    "None": None,
    "a list": ["x"],
    "a path of bytes": Named(b"a\0b"),
    "a path of a number": Named(3),
    "a path that fails": Named(ValueError("no")),
}
WRITERS: dict[str, Callable[[Model, Any], object]] = {
    "save": zoo.save,
    "train": lambda model, place: zoo.train("digits", out=place, overrides=QUICK),
    "overwrite": lambda model, place: zoo.train("digits", out=place, overrides=QUICK, overwrite=True),
    "pull": lambda model, place: zoo.pull("ada/digits", to=place),
    "sweep": lambda model, place: zoo.sweep("digits", {"model.latent_dim": [2]}, out=place, overrides=QUICK),
}


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, b"" if path.name == "pipe" else path.read_bytes())
        for path in folder.rglob("*")
        if not path.is_symlink()
    }


@pytest.mark.parametrize("place", NO_FOLDER, ids=lambda place: place[:30])
@pytest.mark.parametrize("write", WRITERS.values(), ids=list(WRITERS))
def test_a_place_that_is_no_folder_is_named(write: Callable, place: str, model: Model, here: Path) -> None:
    if place == "/proc/nothing" and write is WRITERS["pull"]:
        pytest.skip("that nothing can be written there shows only at the end")
    before = everything(here)
    with pytest.raises((ZooError, OSError)) as refusal:
        write(model, place)
    named = refusal.value.filename if isinstance(refusal.value, OSError) else str(refusal.value)
    assert Path(place).parts[0][:100] in str(named)
    assert everything(here) == before


@pytest.mark.parametrize("place", NO_PATH.values(), ids=list(NO_PATH))
@pytest.mark.parametrize("write", WRITERS.values(), ids=list(WRITERS))
def test_what_is_no_path_is_refused(write: Callable, place: Any, model: Model, here: Path) -> None:
    if place is None and write is not zoo.save:
        pytest.skip("None stands for a name that is chosen")
    before = everything(here)
    with pytest.raises(InputError, match=r"(directory|out|to): expected a .*path.*, got ") as refusal:
        write(model, place)
    assert len(str(refusal.value)) < 300
    assert everything(here) == before


@pytest.mark.parametrize("name", ["\udcff", "a b", "-", "~", "\u202egnp", "x" * 255])
def test_a_name_that_the_system_takes_is_a_folder_like_any_other(name: str, model: Model, here: Path) -> None:
    zoo.load(zoo.save(model, name))
    zoo.load(zoo.save(model, Named(name)))  # type: ignore[arg-type]
    assert (here / name).is_dir()
