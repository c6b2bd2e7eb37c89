"""The record of what was changed in a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from zoo.errors import CheckpointError
from zoo.runs.changes import CHANGES, Change, notes_on_changes, read_changes, record_changes


def test_what_a_killed_process_has_recorded_is_not_recorded_twice(tmp_path: Path) -> None:
    made = [Change("train.clip_norm", None, 1.0), Change("train.optimizer.lr", 0.1, 0.2)]
    record_changes(tmp_path, made, 3)
    record_changes(tmp_path, made, 3)
    assert [(change.field, change.epoch) for change in read_changes(tmp_path)] == [(m.field, 3) for m in made]
    record_changes(tmp_path, made[:1], 4)
    assert [change.epoch for change in read_changes(tmp_path)] == [3, 3, 4]


LINE = {"field": "train.clip_norm", "before": None, "after": 1.0, "epoch": 3}


@pytest.mark.parametrize(
    "line",
    [
        "[]", "3", "null", '"train.clip_norm"', "{}", "{", "\ufffd", "", "[" * 100_000,
        *(json.dumps({**LINE, **change}) for change in (
            {"epoch": "3"}, {"epoch": True}, {"epoch": 3.0}, {"epoch": -1}, {"epoch": None}, {"field": 3},
            {"field": ["train.clip_norm"]}, {"field": ""}, {"more": 1},
            {"field": "train.groups.\x1b[2J.lr"}, {"field": "train.groups.a\n# Title"},
            {"field": "train.groups." + "a" * 10_000},
        )),
        json.dumps({key: value for key, value in LINE.items() if key != "field"}),
        json.dumps(LINE).replace("3}", "9" * 5000 + "}"),
    ],
)  # fmt: skip
def test_a_record_of_changes_that_is_none_is_named(line: str, tmp_path: Path) -> None:
    (tmp_path / CHANGES).write_text(json.dumps(LINE) + "\n" + line + "\n")
    with pytest.raises(CheckpointError, match=r"changes\.jsonl: damaged") as refusal:
        read_changes(tmp_path)
    assert len(str(refusal.value)) < 1000
    assert "\x1b" not in str(refusal.value)


@pytest.mark.parametrize("value", [None, True, 1e400, float("nan"), [[]], {"a": {}}, "\x1b[2J`\n# Title", "9" * 10_000])
def test_values_of_every_type_are_noted_in_one_short_line(value: object, tmp_path: Path) -> None:
    (tmp_path / CHANGES).write_text(json.dumps({**LINE, "before": value, "after": value}) + "\n")
    (note,) = notes_on_changes(tmp_path)
    assert note.startswith("Resumed after epoch 3 with `train.clip_norm` ")
    assert len(note) < 400
    assert note.isprintable()
