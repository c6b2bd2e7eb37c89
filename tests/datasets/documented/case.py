"""One line of the tables in docs/own-data.md: data, how they are loaded, and what is to come of it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from zoo.data import Data, load_data
from zoo.errors import ZooError, ZooWarning

Options = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """What is done for a line, and what is expected.

    Attributes:
        make: writes the data into a folder and returns what ``load_data`` is given; by default no split is cut.
        splits: examples to train, validate and test on.
        classes: names of the classes.
        says: what the note, warning or refusal contains; {folder} stands for the folder.
        check: whether the data are right.
        load: loads the data in another way.
    """

    make: Callable[[Path], Options]
    splits: tuple[int, int, int] | None = None
    classes: tuple[str, ...] | None = None
    says: tuple[str, ...] = ()
    check: Callable[[Data], object] | None = None
    load: Callable[[Options, Callable[[str], None]], Data] = field(
        default=lambda options, note: load_data(options, note=note)
    )

    def run(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
        """Return the outcome in a word, once all that is expected of it holds."""
        monkeypatch.chdir(folder)
        options = {"validation": 0.0, "test": 0.0, "workers": 0, **self.make(folder)}
        notes: list[str] = []
        data = refusal = None
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                data = self.load(options, notes.append)
            except ZooError as error:
                refusal = error
        if data is None:
            self._check_message(str(refusal), folder)
            assert refusal.where
            return "refused"
        doubts = [str(each.message) for each in caught if issubclass(each.category, ZooWarning)]
        assert len(caught) == len(doubts), "no other library is heard"
        self._check_data(data)
        self._check_message(" ".join([*notes, *doubts]), folder)
        assert len(notes) + len(doubts) <= 1, "one note"
        if doubts:
            return "warned"
        if not notes:
            return "read"
        return "left out" if "not used" in notes[0] or "left out" in notes[0] else "noted"

    def _check_message(self, text: str, folder: Path) -> None:
        for part in self.says:
            assert part.format(folder=folder) in text

    def _check_data(self, data: Data) -> None:
        sizes = tuple(0 if split is None else len(split) for split in (data.train, data.validation, data.test))
        assert self.splits is None or sizes == self.splits
        assert self.classes is None or data.info.class_names == self.classes
        assert self.check is None or self.check(data)
