"""Choosing, drawing and saving of figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

import matplotlib as mpl
from matplotlib.layout_engine import ConstrainedLayoutEngine

from zoo.errors import NotApplicableError
from zoo.evaluation.context import evaluating, reason_against
from zoo.figures import EvaluationContext, Figure, MatplotlibFigure
from zoo.registry import find_component, usable_components
from zoo.spec.component import ComponentSpec
from zoo.spec.options import check_options, construct
from zoo.spec.validation import component_list
from zoo.utils.files import replacing

DPI = 150
"""Pixels per inch of a figure's file."""
_SIGNATURE = 0.18
"""Inches below a figure for the line about its model and data."""


def draw_figures(
    context: EvaluationContext,
    folder: str | Path,
    figures: Iterable[str | Mapping[str, Any] | ComponentSpec] | None = None,
    *,
    image_format: str = "png",
    seed: int = 0,
    progress: Callable[[str], None] = lambda text: None,
) -> list[Path]:
    """Draw the named figures, or all that apply, and return their files.

    Args:
        progress: told which figure is drawn.

    Raises:
        ComponentError: a figure is unknown, or one of its options is wrong.
        NotApplicableError: a figure that was named does not apply to the model or its data.
    """
    paths = []
    for name, figure in drawn_figures(context, figures, seed=seed):
        paths.append(Path(folder) / f"{name}.{image_format}")
        save_figure(figure, paths[-1])
        progress(f"Drew {name}, figure {len(paths)} …")
    return paths


def drawn_figures(
    context: EvaluationContext,
    figures: Iterable[str | Mapping[str, Any] | ComponentSpec] | None = None,
    *,
    seed: int = 0,
) -> Iterator[tuple[str, MatplotlibFigure]]:
    """Yield the named figures, or all that apply, as :func:`draw_figures` saves them, with their names.

    A figure that is named again, with other options, is called ``NAME-2``.
    """
    for name, figure in applicable_figures(context, figures):
        with evaluating(context, seed):
            drawn = figure.draw(context)
        label_figure(drawn, context)
        yield name, drawn


def applicable_figures(
    context: EvaluationContext, figures: Iterable[str | Mapping[str, Any] | ComponentSpec] | None = None
) -> list[tuple[str, Figure]]:
    """Return the named figures, or all that apply, with the names that :func:`drawn_figures` gives them.

    Raises:
        ComponentError: a figure is unknown, or one of its options is wrong.
        NotApplicableError: a figure that was named does not apply to the model or its data.
    """
    counts: Counter[str] = Counter()
    found = []
    for index, (name, figure) in enumerate(choose_figures(figures)):
        reason = reason_against(figure, context)
        if reason is None:
            counts[name] += 1
            found.append((name if counts[name] == 1 else f"{name}-{counts[name]}", figure))
        elif figures is not None:
            raise NotApplicableError(f"figure {name!r} does not apply: {reason}", where=f"figures[{index}]")
    return found


def label_figure(drawn: MatplotlibFigure, context: EvaluationContext) -> None:
    """Write a line below a figure that names its model and its data."""
    spec = context.model.spec
    write_below(drawn, f"{spec.preset or spec.objective.name} · {words_for_data(context)}")


def words_for_data(context: EvaluationContext) -> str:
    """Return a description of the data, such as ``birds.csv, 90 examples``."""
    split = context.split
    return f"{split.info.title or split.info.name}, {len(split):,} examples"


def write_below(drawn: MatplotlibFigure, words: str) -> None:
    """Write a line below a figure, in space added for it."""
    width, height = drawn.get_size_inches()
    drawn.set_size_inches(width, height + _SIGNATURE)
    engine = drawn.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        share = _SIGNATURE / (height + _SIGNATURE)
        engine.set(rect=(0, share, 1, 1 - share))
    drawn.text(0.995, 0.03 / height, words, ha="right", va="bottom", fontsize="x-small", alpha=0.6, parse_math=False)


def save_figure(figure: MatplotlibFigure, path: Path) -> None:
    """Write a figure in the format of the path's suffix, completely or not at all."""
    with replacing(path) as temporary:
        write_figure(figure, temporary, path.suffix.removeprefix("."))


def write_figure(figure: MatplotlibFigure, file: Path | BinaryIO, image_format: str) -> None:
    """Write a figure without a date, so that the same run writes the same bytes."""
    if image_format == "png":
        _settle(figure)
    figure.savefig(file, format=image_format, dpi=DPI, metadata=_NO_DATE.get(image_format))


def _settle(figure: MatplotlibFigure) -> None:
    """Compute the layout of a figure at the resolution of its file, and remove its layout engine.

    With a layout engine, every call of ``savefig`` would draw the figure twice: first without pixels, for the layout.
    """
    engine, dpi = figure.get_layout_engine(), figure.dpi
    if engine is not None:
        figure.set_dpi(DPI)
        engine.execute(figure)
        # None stands for the layout engine of the settings, so these must name none.
        with mpl.rc_context({"figure.autolayout": False, "figure.constrained_layout.use": False}):
            figure.set_layout_engine(None)
        figure.set_dpi(dpi)


def choose_figures(
    figures: Iterable[str | Mapping[str, Any] | ComponentSpec] | None, field: str = "figures"
) -> list[tuple[str, Figure]]:
    """Return the named figures, or all there are, with their names.

    Args:
        field: the path of the list, named in errors.

    Raises:
        ComponentError: a figure is unknown, or one of its options is wrong.
    """
    chosen = []
    for index, spec in enumerate(
        component_list(list(usable_components("figure")) if figures is None else figures, field)
    ):
        where = f"{field}[{index}]"
        found = find_component("figure", spec.name, where)
        chosen.append((spec.name, cast(Figure, construct(found, check_options(found, spec.options, where), {}, where))))
    return chosen


_NO_DATE: Mapping[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
}
