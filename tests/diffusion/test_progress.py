"""Progress of the reverse chain: none, a bar, or a function that is called."""

import pytest

from zoo.diffusion.progress import reporting


def test_no_progress_prints_nothing(capsys):
    with reporting(False, 2) as report:
        report()
    assert capsys.readouterr() == ("", "")


def test_a_function_gets_the_passes_that_are_done_and_their_number():
    seen = []
    with reporting(lambda done, total: seen.append((done, total)), 3) as report:
        for _ in range(3):
            report()
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_bar_moves_on_standard_error(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with reporting(True, 2) as report:
        report()
        report()
    out, err = capsys.readouterr()
    assert out == ""
    assert "sampling" in err
    assert "100%" in err
    assert err.endswith("\x1b[1A\x1b[2K"), "the bar is erased at the end"
    with reporting(True, 2) as report:
        report()
    assert "100%" not in capsys.readouterr().err
