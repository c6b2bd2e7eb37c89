"""Draw figures into a folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from zoo.errors import ComponentError
from zoo.figures import Figure, Subject
from zoo.files import replacing
from zoo.randomness import seeded
from zoo.registry import find_component, list_components
from zoo.spec.component import ComponentSpec
from zoo.spec.options import check_options, construct


def draw_figures(
    subject: Subject,
    folder: str | Path,
    figures: Iterable[str | Mapping[str, Any] | ComponentSpec] | None = None,
    *,
    image_format: str = "png",
    seed: int = 0,
) -> list[Path]:
    """Draw the figures asked for, or all that fit, and return their files.

    Raises:
        ComponentError: a figure is unknown, or cannot show the model or its data.
    """
    asked = figures is not None
    paths = []
    for index, figure in enumerate(figures if figures is not None else list_components("figure")):
        where = f"figures[{index}]"
        spec = figure if isinstance(figure, ComponentSpec) else ComponentSpec.model_validate(figure)
        found = find_component("figure", spec.name, where)
        made = cast(Figure, construct(found, check_options(found, spec.options, where), {}, where))
        reason = made.unfit(subject)
        if reason is not None:
            if asked:
                raise ComponentError(f"{spec.name!r} cannot show this model: {reason}", where=where)
            continue
        with seeded(seed), replacing(Path(folder) / f"{spec.name}.{image_format}") as temporary:
            # No date in the file: the same run draws the same bytes.
            made.draw(subject).savefig(temporary, format=image_format, dpi=150, metadata=_NO_DATE.get(image_format))
        paths.append(Path(folder) / f"{spec.name}.{image_format}")
    return paths


_NO_DATE: Mapping[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
}
