"""The record of what was changed in a run."""

from __future__ import annotations

from pathlib import Path

from zoo.runs.changes import Change, read_changes, record_changes


def test_what_a_killed_process_has_recorded_is_not_recorded_twice(tmp_path: Path) -> None:
    made = [Change("train.clip_norm", None, 1.0), Change("train.optimizer.lr", 0.1, 0.2)]
    record_changes(tmp_path, made, 3)
    record_changes(tmp_path, made, 3)
    assert [(change.field, change.epoch) for change in read_changes(tmp_path)] == [(m.field, 3) for m in made]
    record_changes(tmp_path, made[:1], 4)
    assert [change.epoch for change in read_changes(tmp_path)] == [3, 3, 4]
