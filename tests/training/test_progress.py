"""What a person sees while training runs."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from zoo.training.progress import ConsoleReporter, throttled
from zoo.training.state import Position


def shown(epochs: int, *, terminal: bool) -> str:
    text = io.StringIO()
    reporter = ConsoleReporter(Console(file=text, force_terminal=terminal, width=160))
    reporter.start(Position(), total_steps=10 * epochs, epochs=epochs, batch_size=32)
    for epoch in range(1, epochs + 1):
        reporter.steps(Position(epoch=epoch, step=10 * epoch), 1.5)
        terms = {"loss": 24.5, "elbo": -24.5, "reconstruction": 21.9, "kl": 2.6}
        reporter.epoch({"epoch": epoch, "step": 10 * epoch, "train": terms, "validation": terms, "best": True})
    reporter.stop()
    return text.getvalue()


@pytest.mark.parametrize(("epochs", "lines"), [(3, 3), (15, 15), (150, 22), (1000, 21)])
def test_plain_lines_where_there_is_no_terminal(epochs: int, lines: int) -> None:
    text = shown(epochs, terminal=False)
    assert "\x1b" not in text
    assert abs(len(text.splitlines()) - lines) <= 1
    assert re.search(
        rf"epoch {epochs}/{epochs} · train 24.50 · validation 24.50 \(reconstruction 21.90, kl 2.60\)", text
    )
    assert re.search(r"[\d,]+ examples/s · \d+:\d\d left", text)


def test_a_bar_with_rate_and_time_left_on_a_terminal() -> None:
    text = shown(3, terminal=True)
    assert "examples/s" in text
    assert "30/30" in text


def test_long_work_is_reported_now_and_then_and_short_work_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    now, notes = [0.0], []
    monkeypatch.setattr("zoo.training.progress.time.monotonic", lambda: now[0])
    note = throttled(notes.append)
    for seconds, text in ((1, "a"), (3, "b"), (2, "c"), (1, "d"), (5, "e")):
        now[0] += seconds
        note(text)
    assert notes == ["c", "e"]
