"""Output in notebooks: the explorer of a latent space, and the card of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo.evaluation.evaluate import SplitName, evaluation_context
from zoo.evaluation.measurement import Measurement
from zoo.evaluation.record import measurements_of
from zoo.evaluation.tables import is_number
from zoo.model import Model
from zoo.report.embedded import embed
from zoo.report.explorer import check_explorer
from zoo.report.markup import document, escape
from zoo.report.page import explorer_section
from zoo.report.words import capitalised, typeset
from zoo.spec.recipe import Recipe
from zoo.utils.arguments import Seed, checked
from zoo.utils.files import write_text

_EXPLORER_BUDGET, _FIGURES_BUDGET = 2_000_000, 2_000_000
_FIRST_FIGURES = ("reconstructions", "samples", "latent_grid", "embedding", "loss")
_SHOWN_FIGURES = 4


class Page:
    """An HTML page that a notebook displays, and that contacts no other host.

    Attributes:
        html: the whole page.
        title: the title of the page.
    """

    def __init__(self, html: str, title: str, height: int) -> None:
        self.html, self.title, self._height = html, title, height

    def save(self, path: str | Path) -> Path:
        """Write the page to a file, to be opened in a browser; return its path."""
        write_text(Path(path), self.html)
        return Path(path)

    def __repr__(self) -> str:
        """Return one line with the way to see the page outside of a notebook."""
        return f"Page({self.title!r}; outside of a notebook, `.save('page.html')` writes a file for a browser)"

    def _repr_html_(self) -> str:
        """Return a frame with the page; its scripts cannot access the notebook."""
        return (
            f'<iframe srcdoc="{escape(self.html)}" title="{escape(self.title)}" sandbox="allow-scripts" '
            f'style="width: 100%; height: {self._height}px; border: 0"></iframe>'
        )


@checked
def explore(model: Model, data: Any, *, split: SplitName = "test", seed: Seed = 0, height: int = 760) -> Page:
    """Return the explorer of a model's latent space for a notebook: move the pointer over the map to decode points.

    Choose it in a notebook; ``zoo-cli report`` writes the explorer with metrics and figures into a file.

    Args:
        data: the examples on the map, in any form that :func:`zoo.evaluate` accepts.
        split: the split of ``data`` to show, if it has several.
        seed: seed of the draws of the prior that the map covers.
        height: height of the frame, in pixels.

    Raises:
        NotApplicableError: the latent space cannot be explored: there is none, it is discrete, or the data are neither
            images nor series nor rows.
        DataError: the data do not fit the model.

    Example:
        >>> import zoo
        >>> page = zoo.explore(zoo.load("vae-mlp-2d.digits"), zoo.load_data("digits", subset=50))
        >>> page
        Page('Latent space of vae-mlp-2d'; outside of a notebook, `.save('page.html')` writes a file for a browser)
        >>> page._repr_html_().startswith("<iframe")
        True
    """
    context = evaluation_context(model, data, split)
    check_explorer(context)
    title = f"Latent space of {model.spec.preset or f'a {model.spec.objective.name} model'}"
    body = f"<main>{explorer_section(context, _EXPLORER_BUDGET, seed)}</main>"
    return Page(document(title, body), title, height)


def run_card(
    path: Path,
    recipe: Recipe,
    model: Model,
    history: Sequence[Mapping[str, Any]],
    evaluation: Mapping[str, Any],
    figures: Sequence[Path],
) -> str:
    """Return HTML about a run: its description, metrics and figures."""
    epochs = f"{len(history)} epoch{'s' if len(history) != 1 else ''}"
    best = f", best: {evaluation['best_epoch']}" if "best_epoch" in evaluation else ""
    facts = [escape(str(path)), f"{epochs}{best}", escape(repr(model))]
    parts = [
        f'<div style="max-width: 60em"><p><b>{escape(recipe.name)}</b>'
        + (f" · {escape(recipe.description)}" if recipe.description else "")
        + f'<br><span style="opacity: 0.75">{" · ".join(facts)}</span></p>',
        _metrics(evaluation),
        _gallery(figures),
        "</div>",
    ]
    return "".join(parts)


def _metrics(evaluation: Mapping[str, Any]) -> str:
    rows = [_row(each) for each in measurements_of(evaluation) if is_number(each.value)] if evaluation else []
    if not rows:
        return ""
    of = f"On {evaluation['examples']:,} examples of the {escape(evaluation['split'])} split"
    notes = "".join(f"<p>Note: {escape(note)}</p>" for note in evaluation.get("notes", ()))
    return f"<table><caption>{of}</caption><tbody>{''.join(rows)}</tbody></table>{notes}"


def _row(measurement: Measurement) -> str:
    source = f", {measurement.source.title}" if measurement.source else ""
    error = f" ± {typeset(measurement.standard_error, 2)}" if measurement.standard_error else ""
    return (
        f'<tr title="{escape(measurement.result.meaning)}"><td style="text-align: left">'
        f"{escape(capitalised(measurement.result.heading) + source)}</td>"
        f"<td>{typeset(measurement.value)}{error}</td>"  # type: ignore[arg-type]
        f'<td style="text-align: left">{escape(measurement.result.unit or "")}</td></tr>'
    )


def _gallery(figures: Sequence[Path]) -> str:
    """Return the figures, the most informative ones first and the others collapsed."""
    files = {path.stem: path.read_bytes() for path in figures if path.is_file()}
    if not files:
        return ""
    order = {name: place for place, name in enumerate(_FIRST_FIGURES)}
    names = sorted(files, key=lambda name: (order.get(name, len(order)), name))
    embedded = embed(files, _FIGURES_BUDGET)
    images = [
        f'<img src="{embedded[name].source}" alt="{escape(name)}" title="{escape(name)}" '
        'style="display: inline-block; max-width: 48%; max-height: 22em; margin: 0.3em; vertical-align: top">'
        for name in names
    ]
    first, more = "".join(images[:_SHOWN_FIGURES]), images[_SHOWN_FIGURES:]
    rest = f"<details><summary>{len(more)} more figures</summary>{''.join(more)}</details>" if more else ""
    return f"<div>{first}</div>{rest}"
