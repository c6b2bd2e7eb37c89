"""An error inside a component of the user's own is one message that names it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib  # noqa: F401 - before MPLBACKEND is odd, which its import refuses
import pytest

SCRIPT = '''
import torch
import zoo
from zoo.priors import Prior


@zoo.register("prior", "failing_{name}")
class Failing(Prior):
    """It fails."""

    def __init__(self, *, latent_dim: int) -> None:
        super().__init__()
        self.shape = (latent_dim,)

    def forward(self):
        {line}
'''


@pytest.fixture(autouse=True)
def _scripts_are_imported_for_one_test_only() -> Iterator[None]:
    """Otherwise their components stay in the registry."""
    yield
    for name in [name for name in sys.modules if name.startswith("own_prior_")]:
        del sys.modules[name]


def train(cli, folder: Path, name: str, line: str):
    script = folder / f"own_prior_{name}.py"
    script.write_text(SCRIPT.format(name=name, line=line))
    words = ["train", "digits", "--import", script, "--set", f"model.prior=failing_{name}", "--set", "data.subset=50"]
    return script, lambda: cli(*words, "--out", folder / "run", "--overwrite", "--quiet")


@pytest.mark.parametrize(
    ("name", "line", "said"),
    [
        ("here", 'raise ValueError("boo")', "ValueError: boo\n"),
        ("library", "return torch.zeros(2) @ torch.zeros(3)", "RuntimeError: "),
        ("variable", "raise ValueError(\"the value 'odd backend'\")", "ValueError: the value 'odd backend'\n"),
    ],
)
def test_it_names_the_component_the_exception_and_the_line(cli, tmp_path: Path, name, line, said, monkeypatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "odd backend")  # what a component raises is not a fault of the environment
    script, run = train(cli, tmp_path, name, line)
    found = run()
    number = 1 + script.read_text().splitlines().index(f"        {line}")
    assert found.status == 1
    assert f"Error: the prior 'failing_{name}' failed: {said}" in found.err
    assert f"\n{script}:{number}, in forward\n" in found.err
    assert "Traceback" not in found.err
    monkeypatch.setenv("ZOO_TRACEBACK", "1")
    with pytest.raises((ValueError, RuntimeError)):
        run()


def test_an_error_inside_the_package_keeps_its_traceback(cli, tmp_path: Path) -> None:
    _, run = train(cli, tmp_path, "inside", "import zoo.utils.text; zoo.utils.text.readable_size(None)")
    with pytest.raises(TypeError):
        run()
