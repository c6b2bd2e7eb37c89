"""Every command, as the command line lists them, where it cannot write: one message, and the files of before whole."""

from __future__ import annotations

import sys

import pytest

from tests.hostile.matrix import commands
from tests.processes import run


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at files as Linux names them")
@pytest.mark.parametrize("command", commands())
def test_a_command_that_cannot_write_ends_in_one_message(command: str) -> None:
    """A full disk at the last change; at all of them by hand: ``python -m tests.hostile.matrix``."""
    done = run("-m", "tests.hostile.matrix", "--most", "1", "--quick", command, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
