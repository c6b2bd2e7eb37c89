"""The scripts that are run by hand at length still work: one small case of each."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.processes import run as run_python

CANNOT_MOUNT = 77
SAMPLES = f"""
import sys
from pathlib import Path

import torch

from tests.hostile.full_disk import PLENTY, problem, tried
from tests.hostile.matrix import contents

torch.set_num_threads(1)
words, start = ["sample", "run", "--count", "4", "--out", "out.npy", "--overwrite"], Path(sys.argv[1])
try:
    good = tried(words, PLENTY, start)
except OSError as error:
    sys.exit({CANNOT_MOUNT})
assert "out.npy" in good.files, good.err
full = tried(words, 0, start)
assert full.status == 1, full.err
assert "the disk is full" in full.err
assert not problem(full, good, contents(start))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a file system in memory as Linux has it")
def test_full_disk(run: Path, tmp_path: Path) -> None:
    """At length: ``python -m tests.hostile.full_disk``."""
    done = run_python("-c", SAMPLES, tmp_path, timeout=200)
    if done.returncode == CANNOT_MOUNT:
        pytest.skip("this process may not mount a file system")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the size of the process as Linux gives it")
def test_sizes() -> None:
    """At length: ``python -m tests.hostile.sizes``."""
    done = run_python("-m", "tests.hostile.sizes", "network", timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    *lines, last = done.stdout.splitlines()
    assert last == f"{len(lines)} options, 0 take too much"
    assert any("refused: " in line for line in lines)
