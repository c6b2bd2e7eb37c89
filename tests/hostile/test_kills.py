"""A run that is killed before a change that it makes to the file system resumes to the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at files as Linux names them")
def test_a_run_that_is_killed_at_changes_of_the_file_system_resumes_to_the_same_bytes() -> None:
    """At every twentieth of some 300; at all of them by hand: ``python -m tests.hostile.kills``."""
    # In a process of its own: pytest's has threads, which a fork does not take along.
    command = [sys.executable, "-m", "tests.hostile.kills", "--first", "7", "--every", "20"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    count = int(done.stdout.splitlines()[-1].split()[0])
    assert count >= 10
    assert done.stdout.endswith(f"{count} of {count} killed runs ended with the same bytes\n")
