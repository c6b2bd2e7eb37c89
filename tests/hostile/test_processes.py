"""Commands that a launcher starts in several processes."""

from __future__ import annotations

import pytest

from tests.hostile.conftest import ZooCli


@pytest.mark.parametrize("command", [["evaluate", "vae-mlp-2d.digits", "--metric", "mse"], ["list"], ["sample", "x"]])
def test_a_command_that_computes_alone_works_in_the_first_process(
    command: list[str], zoo_cli: ZooCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    done = zoo_cli(*command)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    monkeypatch.setenv("RANK", "0")
    done = zoo_cli(*command)
    assert done.stdout or done.stderr
