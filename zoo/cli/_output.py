"""How commands print figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ERROR = "_standard_error"


def figures_table(figures: Mapping[str, Any], title: str) -> str:
    """Return the figures one a line, a standard error behind the figure that it belongs to."""
    lines = [title]
    for name, value in figures.items():
        if isinstance(value, (int, float)) and not name.endswith(_ERROR):
            error = figures.get(name + _ERROR)
            shown = f"{value:,}" if isinstance(value, int) else f"{value:.4f}" if abs(value) < 10 else f"{value:.2f}"
            lines.append(
                f"  {name.replace('_', ' '):<28}{shown:>12}" + (f" ± {error:.2g}" if error is not None else "")
            )
    return "\n".join(lines)
