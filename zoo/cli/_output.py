"""How commands print figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ERROR = "_standard_error"


def figures_table(figures: Mapping[str, Any], title: str) -> str:
    """Return the figures one a line, a standard error behind its figure, and those of several samplers as a table."""
    sources, stems = _grid(figures)
    gridded = {f"{stem}_{source}" for stem in stems for source in sources}
    lines = [title]
    for name, value in figures.items():
        if isinstance(value, (int, float)) and not name.endswith(_ERROR) and name not in gridded:
            error = figures.get(name + _ERROR)
            lines.append(f"  {_words(name):<28}{_number(value):>12}" + (f" ± {error:.2g}" if error is not None else ""))
    if stems:
        lines.append(f"  {'of samples':<28}" + "".join(f"{_words(source):>12}" for source in sources))
        for stem in stems:
            cells = (figures[f"{stem}_{source}"] for source in sources)
            lines.append(f"  {_words(stem):<28}" + "".join(f"{_number(cell):>12}" for cell in cells))
    return "\n".join(lines)


def _grid(figures: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return what several figures end with alike (``data``, ``prior``, …), and what those figures begin with."""
    ends: dict[str, list[str]] = {}
    for name, value in figures.items():
        stem, _, end = name.rpartition("_")
        if stem and isinstance(value, (int, float)) and not name.endswith(_ERROR):
            ends.setdefault(stem, []).append(end)
    alike = [stem for stem in ends if len(ends[stem]) > 1 and sum(other == ends[stem] for other in ends.values()) > 1]
    return (ends[alike[0]], [stem for stem in alike if ends[stem] == ends[alike[0]]]) if alike else ([], [])


def _words(name: str) -> str:
    return name.replace("_", " ")


def _number(value: float) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    if 0 < abs(value) < 1e-3:
        return f"{value:.2e}"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.2f}"
