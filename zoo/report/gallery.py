"""Draw figures into a folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from zoo.errors import ComponentError
from zoo.figures import EvaluationContext, Figure, MatplotlibFigure
from zoo.registry import find_component, usable_components
from zoo.spec.component import ComponentSpec
from zoo.spec.options import check_options, construct
from zoo.utils.files import replacing
from zoo.utils.seeds import seeded


def draw_figures(
    context: EvaluationContext,
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
    paths = []
    for index, (name, figure) in enumerate(choose_figures(figures)):
        reason = figure.unfit(context)
        if reason is not None:
            if figures is not None:
                raise ComponentError(f"{name!r} cannot show this model: {reason}", where=f"figures[{index}]")
            continue
        path = Path(folder) / f"{name}.{image_format}"
        with seeded(seed):
            save_picture(figure.draw(context), path)
        paths.append(path)
    return paths


def save_picture(picture: MatplotlibFigure, path: Path) -> None:
    """Write a picture, in the format that the name ends with, completely or not at all."""
    image_format = path.suffix.removeprefix(".")
    with replacing(path) as temporary:
        # No date in the file: the same run draws the same bytes.
        picture.savefig(temporary, format=image_format, dpi=150, metadata=_NO_DATE.get(image_format))


def choose_figures(
    figures: Iterable[str | Mapping[str, Any] | ComponentSpec] | None, field: str = "figures"
) -> list[tuple[str, Figure]]:
    """Return the figures asked for with their names, or all there are.

    Args:
        field: the path of the list, named in errors.

    Raises:
        ComponentError: a figure is unknown, or has a wrong option.
    """
    chosen = []
    for index, figure in enumerate(figures if figures is not None else usable_components("figure")):
        where = f"{field}[{index}]"
        spec = figure if isinstance(figure, ComponentSpec) else ComponentSpec.model_validate(figure)
        found = find_component("figure", spec.name, where)
        chosen.append((spec.name, cast(Figure, construct(found, check_options(found, spec.options, where), {}, where))))
    return chosen


_NO_DATE: Mapping[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
}
