"""The page: a model's facts, its latent space to explore, its metrics, its figures and its recipe."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from zoo.errors import why_not
from zoo.evaluation.context import EvaluationContext
from zoo.evaluation.measurement import Measurement
from zoo.evaluation.record import measurements_of
from zoo.evaluation.tables import by_result, is_number
from zoo.registry import find_component
from zoo.report.anomalies import anomalies
from zoo.report.dark import darken
from zoo.report.embedded import EmbeddedFigure, embed
from zoo.report.explorer import check_explorer, explorer_data
from zoo.report.gallery import drawn_figures, write_figure
from zoo.report.markup import bars, document, escape, json_block, marked, table
from zoo.report.words import capitalised, summary_of, typeset
from zoo.spec.documents import to_yaml
from zoo.spec.recipe import Recipe
from zoo.version import __version__

if TYPE_CHECKING:
    from zoo.figures import Figure, MatplotlibFigure

_PAGE_BUDGET = 4_800_000
_EXPLORER_BUDGETS = 600_000, 3_300_000
_FIGURES_BUDGET = 2_000_000
_FIRST_FIGURES = ("loss", "reconstructions", "samples", "latent_grid", "embedding")


def render_report(
    context: EvaluationContext, evaluation: Mapping[str, Any], *, recipe: Recipe | None = None, seed: int = 0
) -> str:
    """Return a report as one HTML page, below 5 MB unless the figures alone take more.

    The same context, evaluation and seed give the same page.

    Args:
        context: a model with the data to show; its ``history`` gives the loss curves.
        evaluation: the content of ``evaluation.json``, as ``zoo.evaluation.evaluate.record`` returns it.
        recipe: the recipe of the run; default: the model's spec.
        seed: seed of the samples.

    Example:
        >>> import torch, zoo
        >>> from zoo.data import split_of_tensor
        >>> from zoo.evaluation.evaluate import choose_metrics, record
        >>> model = zoo.build("ae-mlp-2d", data_shape=(1, 8, 8)).eval()
        >>> context = EvaluationContext(model, split_of_tensor(torch.rand(20, 1, 8, 8)))
        >>> page = render_report(context, record(context, choose_metrics(context, ["mse"]), "test"))
        >>> page.count("https://")
        0
    """
    title = recipe.name if recipe else context.model.spec.preset or f"A {context.model.spec.objective.name} model"
    sections = [
        _header(title, recipe, context, evaluation),
        _metrics(evaluation),
        _figures(context, seed),
        anomalies(context, seed),
        _written(recipe, context),
        _footer(context),
    ]
    used = sum(len(section.encode()) for section in sections)
    least, most = _EXPLORER_BUDGETS
    explorer = _explorer(context, max(least, min(most, _PAGE_BUDGET - used)), seed)
    body = "\n".join([sections[0], "<main>", explorer, *sections[1:-1], "</main>", sections[-1]])
    return document(f"{title} · latent-zoo report", body)


def _header(title: str, recipe: Recipe | None, context: EvaluationContext, evaluation: Mapping[str, Any]) -> str:
    model, spec = context.model, context.model.spec
    roles = ("encoder", "posterior", "prior", "decoder", "likelihood", "network")
    parts = [f"{role} <b>{escape(getattr(spec, role).name)}</b>" for role in roles if model.has(role)]
    weights = sum(parameter.numel() for parameter in model.parameters())
    short = {
        "Objective": escape(spec.objective.name),
        "Latent dimensions": str(model.latent_dim or "none"),
        "Parameters": f"{weights:,}",
        "Trained for": _training(context, evaluation),
        "Classes conditioned on": str(model.classes or ""),
    }
    shape = "\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}".join(map(str, model.data_shape))
    long = {
        "Data": f"{escape(evaluation['dataset'])}, {escape(evaluation['split'])} split, "
        f"{evaluation['examples']:,} examples of shape {shape}",
        "Parts": ", ".join(parts),
    }
    listed = "".join(f"<div><dt>{name}</dt><dd>{fact}</dd></div>" for name, fact in short.items() if fact)
    listed += "".join(f'<div class="long"><dt>{name}</dt><dd>{fact}</dd></div>' for name, fact in long.items())
    description = (recipe.description if recipe else "") or spec.description
    return (
        f'<header><p class="kicker">latent-zoo report</p><h1>{escape(title)}</h1>'
        f'<p class="lead">{escape(description)}</p><dl class="facts">{listed}</dl></header>'
    )


def _training(context: EvaluationContext, evaluation: Mapping[str, Any]) -> str:
    if not context.history:
        return ""
    epochs = f"{len(context.history)} epoch{'s' if len(context.history) > 1 else ''}"
    return f"{epochs}, best: {evaluation['best_epoch']}" if "best_epoch" in evaluation else epochs


def _explorer(context: EvaluationContext, budget: int, seed: int) -> str:
    reason = why_not(check_explorer, context)
    if reason is not None:
        return (
            '<section aria-labelledby="explore"><h2 id="explore">Latent space</h2>'
            f'<p class="note">The latent space of this model cannot be explored here: {escape(reason)}.</p></section>'
        )
    return explorer_section(context, budget, seed)


def explorer_section(context: EvaluationContext, budget: int, seed: int) -> str:
    """Return the section of a page with the explorer and its data, within a budget of characters."""
    from importlib import resources

    template = resources.files("zoo.report").joinpath("assets", "explorer.html").read_text(encoding="utf-8")
    return template + json_block("explorer-data", explorer_data(context, budget, seed))


def _metrics(evaluation: Mapping[str, Any]) -> str:
    notes = "".join(f'<p class="note">Note: {marked(note)}</p>' for note in evaluation.get("notes", ()))
    return (
        '<section aria-labelledby="metrics"><h2 id="metrics">Metrics</h2>'
        f"<p>On {evaluation['examples']:,} examples of the {escape(evaluation['split'])} split, seed "
        f"{evaluation['seed']}; ± is one standard error of the mean over the examples.</p>"
        f'<div class="wide">{table(["Metric", "Value", "Meaning"], _rows(evaluation), "Metrics")}</div>'
        f"{notes}</section>"
    )


def _rows(evaluation: Mapping[str, Any]) -> list[list[str]]:
    """Return a row for each result, with its values for all sources."""
    return [
        [escape(capitalised(group[0].result.heading)), "".join(map(_value, group)), escape(_meaning(group[0]))]
        for group in by_result(measurements_of(evaluation)).values()
    ]


def _meaning(measurement: Measurement) -> str:
    examples = f"Of {measurement.examples:,} examples." if measurement.examples else ""
    note = f"{capitalised(measurement.note)}." if measurement.note else ""
    return " ".join(part for part in (measurement.result.meaning, note, examples) if part)


def _value(measurement: Measurement) -> str:
    shown = _number(measurement) if is_number(measurement.value) else _list(measurement)
    if measurement.source is None:
        return shown
    return f'<div class="group"><span class="small">{escape(measurement.source.title)}</span>{shown}</div>'


def _number(measurement: Measurement) -> str:
    unit, error = measurement.result.unit, measurement.standard_error
    return (
        f'<span class="number">{typeset(measurement.value)}</span>'  # type: ignore[arg-type]
        + (f' <span class="error">± {typeset(error, 2)}</span>' if error else "")
        + (f' <span class="small">{escape(unit)}</span>' if unit else "")
    )


def _list(measurement: Measurement) -> str:
    values = measurement.value
    if not isinstance(values, list) or not values or not all(map(is_number, values)):
        return escape(values if values not in (None, []) else "–")
    text = ", ".join(map(typeset, values)) if len(values) <= 12 else f"{len(values)} values"
    return f'{bars(values, f"{measurement.result.heading}: {text}")}<span class="small">{escape(text)}</span>'


def _figures(context: EvaluationContext, seed: int) -> str:
    light: dict[str, bytes] = {}
    dark: dict[str, bytes] = {}
    for name, figure in drawn_figures(context, seed=seed):
        light[name] = _png(figure)
        darken(figure)
        dark[name] = _png(figure)
    first = {name: place for place, name in enumerate(_FIRST_FIGURES)}
    names = sorted(light, key=lambda name: (first.get(name, len(first)), name))
    by_day, by_night = embed(light, _FIGURES_BUDGET // 2), embed(dark, _FIGURES_BUDGET // 2)
    drawn = "".join(_figure(name, by_day[name], by_night[name]) for name in names)
    heading = '<h2 id="figures">Figures</h2>'
    return f'<section aria-labelledby="figures">{heading}<div class="gallery">{drawn}</div></section>'


def _png(figure: MatplotlibFigure) -> bytes:
    buffer = io.BytesIO()
    write_figure(figure, buffer, "png")
    return buffer.getvalue()


def _figure(name: str, figure: EmbeddedFigure, dark: EmbeddedFigure) -> str:
    title = escape(capitalised(_title_of(name)))
    words = escape(summary_of("figure", name))
    return (
        f'<figure class="{"broad" if figure.width > 1.6 * figure.height else "plain"}"><h3>{title}</h3>'
        '<div class="scroll"><picture>'
        f'<source srcset="{dark.source}" media="screen and (prefers-color-scheme: dark)">'
        f'<img src="{figure.source}" width="{figure.width}" height="{figure.height}" alt="{title}: {words}">'
        "</picture></div>"
        f"<figcaption>{words}</figcaption></figure>"
    )


def _title_of(name: str) -> str:
    """Return the title of a figure, or its name as words."""
    return cast("type[Figure]", find_component("figure", name)).title or name.replace("_", " ")


def _written(recipe: Recipe | None, context: EvaluationContext) -> str:
    what, content = ("Recipe", recipe.to_dict()) if recipe else ("Model", context.model.spec.to_dict())
    words = (
        "All that repeats this run: save it as <code>recipe.yaml</code> and give it to <code>zoo-cli train</code>."
        if recipe
        else "The spec that rebuilds the model; how it was trained is not recorded."
    )
    return (
        f'<section aria-labelledby="recipe"><h2 id="recipe">{what}</h2><p>{words}</p>'
        f'<pre tabindex="0" aria-labelledby="recipe"><code>{escape(to_yaml(content))}</code></pre></section>'
    )


def _footer(context: EvaluationContext) -> str:
    info = context.split.info
    lines = [
        f"Data: {info.citation}" if info.citation else "",
        f"Licence of the data: {info.licence}" if info.licence else "",
        f"Made with latent-zoo {__version__}. This page is self-contained and contacts no other host.",
    ]
    return "<footer>" + "".join(f"<p>{escape(line)}</p>" for line in lines if line) + "</footer>"
