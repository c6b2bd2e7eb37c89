"""Each line of the tables in docs/own-data.md is a test, and each test has its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.datasets.documented.arrays import ARRAYS
from tests.datasets.documented.folders import LAYOUTS, SIZES
from tests.datasets.documented.images import DEFECTS, MODES
from tests.datasets.documented.others import OTHERS

PAGE = Path(__file__).parents[3] / "docs" / "own-data.md"
SECTIONS = {
    "Folders of images": LAYOUTS,
    "Sizes": SIZES,
    "Modes": MODES,
    "Defects of image files": DEFECTS,
    "Arrays": ARRAYS,
    "Other data sets, paths and augmentation": OTHERS,
}


def documented_rows() -> dict[tuple[str, str], str]:
    """Return what happens, by the heading and the first cell of each line."""
    rows, heading = {}, ""
    text = PAGE.read_text(encoding="utf-8").partition("## Case by case")[2]
    for line in text.splitlines():
        if line.startswith("### "):
            heading = line.removeprefix("### ")
        cells = re.fullmatch(r"\| (.+?) \| (.+?) \|", line)
        if cells and cells[2] != "What happens":
            assert (heading, cells[1]) not in rows
            rows[heading, cells[1]] = cells[2]
    return rows


ROWS = documented_rows()


def test_every_line_has_a_test_and_every_test_a_line():
    assert set(ROWS) == {(heading, row) for heading, cases in SECTIONS.items() for row in cases}


@pytest.mark.parametrize(("heading", "row"), [(heading, row) for heading, cases in SECTIONS.items() for row in cases])
def test_it_happens_as_documented(heading, row, tmp_path, monkeypatch):
    outcome = SECTIONS[heading][row].run(tmp_path, monkeypatch)
    documented = ROWS[heading, row]
    assert re.match(r"(read|noted|warned|left out|refused)\b", documented), documented
    assert documented.startswith(outcome)
