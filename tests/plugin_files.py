"""Small installed distributions, made by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from zoo.registry.discovery import _installed
from zoo.registry.imports import _all_entry_points

COMPONENT = '''
import torch
import zoo
from {package} import {imported}


@zoo.register("{kind}", "{name}")
class Own({interface}):
    """A component of another package."""

    def __init__(self, *, size: float = 1.0) -> None:
        super().__init__()
        self.size = size

    {method}
'''

PRIOR = COMPONENT.format(
    package="zoo.priors",
    interface="Prior",
    imported="Prior",
    kind="prior",
    name="{name}",
    method="def forward(self):\n        return torch.distributions.Independent("
    "torch.distributions.Normal(torch.zeros(2), self.size), 1)",
)
METRIC = COMPONENT.format(
    package="zoo.metrics",
    interface="Metric",
    imported="Measurement, Metric, Result",
    kind="metric",
    name="{name}",
    method="results = (Result('size'),)\n\n    def measure(self, context):\n        "
    "return [Measurement(Result('size'), self.size)]",
)


def install(
    folder: Path, distribution: str, entry_points: Mapping[str, Mapping[str, str]], modules: Mapping[str, str]
) -> None:
    """Lay a distribution into a folder as pip would: its metadata and its modules.

    Args:
        entry_points: by group, such as ``zoo.prior``, names with their values.
        modules: source texts by file.
    """
    metadata = folder / f"{distribution.replace('-', '_')}-1.5.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n")
    lines = [
        line
        for group, points in entry_points.items()
        for line in (f"[{group}]", *(f"{n} = {v}" for n, v in points.items()))
    ]
    (metadata / "entry_points.txt").write_text("\n".join([*lines, ""]))
    for name, text in modules.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def forget_installed() -> None:
    """Let this process see what was installed, or removed, since it looked."""
    _all_entry_points.cache_clear()
    _installed.cache_clear()
