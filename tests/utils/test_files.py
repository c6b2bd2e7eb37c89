"""Files are complete or absent, whatever a library leaves on its way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from zoo.utils.files import remove_partial, replacing

KILLED = """
import os, signal, sys
from pathlib import Path
from zoo.utils.files import replacing

with replacing(sys.argv[1]) as temporary:
    (temporary.parent / ".tmpA1b2C3").write_text("what a library writes before it moves it")
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    target.write_text("old", encoding="utf-8")

    def fail() -> None:
        with replacing(target) as temporary:
            temporary.write_text("new", encoding="utf-8")
            (temporary.parent / ".tmpA1b2C3").write_text("besides", encoding="utf-8")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert target.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_what_succeeds_takes_the_place_with_the_rights_of_any_file(tmp_path: Path) -> None:
    with replacing(tmp_path / "below" / "file.txt") as temporary:
        temporary.write_text("new", encoding="utf-8")
    (tmp_path / "plain").touch()
    written = tmp_path / "below" / "file.txt"
    assert written.read_text(encoding="utf-8") == "new"
    assert list(written.parent.iterdir()) == [written]
    assert written.stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_what_a_killed_process_leaves_can_be_removed(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "state" / "file")], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "state" / "file").exists()
    assert list((tmp_path / "state").iterdir())
    remove_partial(tmp_path)
    assert list((tmp_path / "state").iterdir()) == []
