"""A machine whose torchvision does not load still trains on the built-in data."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.processes import run

SCRIPT = """
import sys


class Broken:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torchvision":
            raise RuntimeError("operator torchvision::nms does not exist")


assert "torchvision" not in sys.modules
sys.meta_path.insert(0, Broken())
import zoo

run = zoo.train("digits", out=sys.argv[1], overrides=["train.epochs=1", "data.subset=100"])
assert run.evaluation["examples"] == 270
"""


@pytest.mark.slow
def test_digits_train_where_torchvision_is_broken(tmp_path: Path) -> None:
    run("-c", SCRIPT, tmp_path / "run", check=True)
