"""A machine whose torchvision does not load still trains on the built-in data."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys


class Broken:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torchvision":
            raise RuntimeError("operator torchvision::nms does not exist")


sys.meta_path.insert(0, Broken())
import zoo

run = zoo.train("digits", out=sys.argv[1], overrides=["train.epochs=1", "data.subset=100"])
assert run.evaluation["examples"] == 270
"""


def test_digits_train_where_torchvision_is_broken(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
