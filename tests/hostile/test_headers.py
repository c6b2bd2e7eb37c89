"""Files of weights with strange headers: each is refused in one short message, or read as what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import zoo
from tests.hostile.conftest import QUICK
from zoo.checkpoints.weights import read_tensors, read_weights
from zoo.datasets.arrays import Arrays
from zoo.errors import CheckpointError, ZooError

STATE = "state/training.safetensors"


def tensor(shape: Any = (2,), begin: Any = 0, end: Any = 8, dtype: Any = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def write(path: Path, header: str | dict[str, Any], size: int = 8) -> Path:
    text = (header if isinstance(header, str) else json.dumps(header)).encode(errors="surrogatepass")
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(size))
    return path


ONE = json.dumps(tensor())
REFUSED: dict[str, tuple[str | dict[str, Any], int]] = {
    "two of a name that overlap": (f'{{"x": {ONE}, "x": {json.dumps(tensor((1,), 4, 8))}}}', 8),
    "overlapping": ({"x": tensor(), "y": tensor((2,), 4, 12)}, 12),
    "the same place": ({"x": tensor(), "y": tensor()}, 8),
    "a gap": ({"x": tensor(), "y": tensor((1,), 12, 16)}, 16),
    "bytes left over": ({"x": tensor()}, 9),
    "bytes missing": ({"x": tensor()}, 7),
    "an end before its begin": ({"x": tensor((2,), 8, 0)}, 8),
    "a place beyond 64 bits": ({"x": tensor((2,), 2**64, 2**64 + 8)}, 8),
    "a negative place": ({"x": tensor((2,), -8, 0)}, 8),
    "a place in words": ({"x": tensor((2,), "0", "8")}, 8),
    "an unknown type": ({"x": tensor(dtype="F33")}, 8),
    "a number as type": ({"x": tensor(dtype=32)}, 8),
    "a negative length": ({"x": tensor((-2,))}, 8),
    "half a length": ({"x": tensor((1.5,))}, 8),
    "a length beyond 64 bits": ({"x": tensor((2**64,))}, 8),
    "a number as shape": ({"x": tensor(2)}, 8),
    "a product beyond 64 bits": ({"x": tensor((2**33, 2**33))}, 8),
    "a product that is small again": ({"x": tensor((2**62, 4, 2))}, 8),
    "no values of a product beyond 64 bits": ({"x": tensor((2**40, 2**40, 0), 0, 0)}, 0),
    "no values of a length beyond memory": ({"x": tensor((2**62, 2**62, 0), 0, 0)}, 0),
    "no fields": ({"x": {}}, 8),
    "a tensor that is none": ({"x": None}, 8),
    "metadata as a list": ({"__metadata__": [], "x": tensor()}, 8),
    "metadata of numbers": ({"__metadata__": {"format": 1}, "x": tensor()}, 8),
    "metadata of mappings": ({"__metadata__": {"format": {}}, "x": tensor()}, 8),
    "a list": ("[]", 8),
    "nothing": ("", 8),
    "spaces": (" " * 100, 8),
    "nested": ("[" * 100_000, 8),
    "nested in a tensor": ('{"x": ' * 100_000, 8),
    "half a character": ('{"\ud800": ' + ONE + "}", 8),
}


@pytest.mark.parametrize(("header", "size"), REFUSED.values(), ids=list(REFUSED))
def test_a_header_that_contradicts_itself_is_refused(header: str | dict[str, Any], size: int, tmp_path: Path) -> None:
    path = write(tmp_path / "x.safetensors", header, size)
    for read in (read_weights, read_tensors):
        with pytest.raises(CheckpointError, match=r"x\.safetensors: damaged") as refusal:
            read(path)
        assert len(str(refusal.value)) < 1000
    with pytest.raises(ZooError, match=r"x\.safetensors") as refusal:
        Arrays(path=str(path)).load(lambda _: None)
    assert len(str(refusal.value)) < 1000


NAMES = [
    "\0",
    "\x1b[2J\x1b]0;owned\x07",
    "a\nb",
    "\u202egnp",
    "",
    " ",
    "../../x",
    "x" * 1_000_000,
    "\U0001f600",
    "__proto__",
]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name[:12]))
def test_a_name_that_no_model_has_is_named_in_a_short_message(name: str, run: Path) -> None:
    write(run / "model.safetensors", {name: tensor()})
    with pytest.raises(CheckpointError, match="missing tensor") as refusal:
        zoo.load(run)
    assert len(str(refusal.value)) < 3000
    assert "\x1b" not in str(refusal.value)
    assert "\0" not in str(refusal.value)
    tensors, _ = read_tensors(run / "model.safetensors")
    assert list(tensors) == [name]


def test_an_unexpected_name_is_shown_without_what_a_terminal_obeys(run: Path) -> None:
    weights = read_weights(run / "model.safetensors")
    header, size = {}, 0
    for key, value in {**weights, NAMES[1]: torch.zeros(2), "y" * 1_000_000: torch.zeros(2)}.items():
        header[key] = tensor(list(value.shape), size, size + value.nbytes)
        size += value.nbytes
    write(run / "model.safetensors", header, size)
    with pytest.raises(CheckpointError, match=r"unexpected tensor '\\x1b\[2J") as refusal:
        zoo.load(run)
    assert len(str(refusal.value)) < 3000
    assert "\x1b" not in str(refusal.value)


def test_more_tensors_than_any_model_has_are_refused_before_they_are_made(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zoo.checkpoints.weights._MOST_TENSORS", 1600)
    monkeypatch.setattr("zoo.checkpoints.weights.load_file", lambda *_, **__: pytest.fail("they are made"))
    write(run / "model.safetensors", {str(number): tensor((0,), 0, 0) for number in range(1610)}, 0)
    with pytest.raises(CheckpointError, match="it has 1,610 tensors, at most 1,600 are read"):
        zoo.load(run)


@pytest.mark.parametrize(
    "facts",
    ["", "{", "[]", "null", "3", '"x"', "{}", '{"position": null}', '{"position": []}', '{"position": {}, "run": 3}',
     '{"position": {}, "run": [1]}', "[" * 100_000, '{"position": {"epoch": 1e400}}', '{"position": {"epoch": NaN}}'],
    ids=lambda facts: facts[:40] or "nothing",
)  # fmt: skip
def test_facts_of_a_state_that_are_none_are_a_message(facts: str, run: Path) -> None:
    write(run / STATE, {"__metadata__": {"facts": facts}, "x": tensor()})
    with pytest.raises(ZooError, match=r"training\.safetensors") as refusal:
        zoo.train("digits", out=run, resume=True, overrides=[*QUICK, "train.epochs=4"])
    assert len(str(refusal.value)) < 1000
