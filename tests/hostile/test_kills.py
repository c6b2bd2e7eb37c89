"""A run that is killed before a change that it makes to the file system resumes to the same bytes."""

from __future__ import annotations

import sys

import pytest

from tests.processes import run


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at files as Linux names them")
@pytest.mark.parametrize(("name", "every", "least"), [("plain", 30, 10), ("adversary", 110, 3), ("codes", 110, 3)])
def test_a_run_that_is_killed_at_changes_of_the_file_system_resumes_to_the_same_bytes(
    name: str, every: int, least: int
) -> None:
    """At some of about 330; at all of them by hand: ``python -m tests.hostile.kills --run NAME``."""
    done = run("-m", "tests.hostile.kills", "--run", name, "--first", "7", "--every", every, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    count = int(done.stdout.splitlines()[-1].split()[0])
    assert count >= least
    assert done.stdout.endswith(f"{count} of {count} killed runs ended with the same bytes\n")


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at files as Linux names them")
def test_a_sweep_that_is_killed_at_changes_of_the_file_system_resumes_to_the_same_bytes() -> None:
    """At every seventieth of some 350; at all of them by hand: ``python -m tests.hostile.kills --sweep``."""
    done = run("-m", "tests.hostile.kills", "--sweep", "--first", "9", "--every", "70", timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    count = int(done.stdout.splitlines()[-1].split()[0])
    assert count >= 4
    assert done.stdout.endswith(f"{count} of {count} killed runs ended with the same bytes\n")
