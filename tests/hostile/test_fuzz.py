"""A short run of the fuzzer: files that are changed at random give results or errors of the package."""

from __future__ import annotations

import pytest

from tests.processes import run

SECONDS = 45


@pytest.mark.slow
def test_damaged_files_are_read_or_refused_in_words() -> None:
    """In a process of its own, since the fuzzer turns the Hub's client to a server of its own for good."""
    done = run("-m", "tests.hostile.fuzz", "--seconds", SECONDS, "--seed", 1, "--corpus", "", timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.split()[0].replace(",", "")) > 100, done.stdout
