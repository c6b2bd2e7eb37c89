"""The page: a model's facts, its latent space to explore, its figures of merit, its pictures and its recipe."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from typing import Any

from zoo.evaluation.context import EvaluationContext
from zoo.report.explorer import explorer_data, why_no_explorer
from zoo.report.gallery import draw_figures
from zoo.report.markup import bars, document, escape, json_block, marked, table
from zoo.report.pictures import Picture, compact
from zoo.report.words import SAMPLERS, explain_figure, number, sampled, summary_of, title_of
from zoo.spec.documents import to_yaml
from zoo.spec.recipe import Recipe
from zoo.version import __version__

_PAGE_BUDGET = 4_800_000
_EXPLORER_BUDGETS = 600_000, 3_300_000
_PICTURES_BUDGET = 2_000_000
_FIRST_FIGURES = ("loss", "reconstructions", "samples", "latent_grid", "embedding")
_ERROR = "_standard_error"


def render_report(
    context: EvaluationContext, evaluation: Mapping[str, Any], *, recipe: Recipe | None = None, seed: int = 0
) -> str:
    """Return a report as one HTML page, below 5 MB unless the pictures alone take more.

    The same context, evaluation and seed give the same page.

    Args:
        context: a model with the data to show; its ``history`` gives the loss curves.
        evaluation: as in ``evaluation.json``, what ``zoo.evaluation.evaluate.record`` returns.
        recipe: of the run; the model's spec stands in its place if not given.
        seed: of the samples that are drawn.

    Example:
        >>> import torch, zoo
        >>> from zoo.data import split_of_tensor
        >>> from zoo.evaluation.evaluate import choose_metrics, record
        >>> model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8)).eval()
        >>> context = EvaluationContext(model, split_of_tensor(torch.rand(20, 1, 8, 8)))
        >>> page = render_report(context, record(context, choose_metrics(context, ["mse"]), "test"))
        >>> page.count("https://")
        0
    """
    title = recipe.name if recipe else context.model.spec.preset or f"A {context.model.spec.objective.name} model"
    sections = [
        _header(title, recipe, context, evaluation),
        _merits(evaluation),
        _figures(context, seed),
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
    reason = why_no_explorer(context)
    if reason is not None:
        return (
            '<section aria-labelledby="explore"><h2 id="explore">Latent space</h2>'
            f'<p class="note">This model has no latent space that can be explored here: {escape(reason)}.</p></section>'
        )
    from importlib import resources

    template = resources.files("zoo.report").joinpath("assets", "explorer.html").read_text(encoding="utf-8")
    return template + json_block("explorer-data", explorer_data(context, budget, seed))


def _merits(evaluation: Mapping[str, Any]) -> str:
    notes = "".join(f'<p class="note">Note: {marked(note)}</p>' for note in evaluation.get("notes", ()))
    return (
        '<section aria-labelledby="merits"><h2 id="merits">Figures of merit</h2>'
        f"<p>On {evaluation['examples']:,} examples of the {escape(evaluation['split'])} split, seed "
        f"{evaluation['seed']}; ± is one standard error of the mean over the examples.</p>"
        f'<div class="wide">{table(["Figure", "Value", "What it says"], _rows(evaluation), "Figures of merit")}</div>'
        f"{notes}</section>"
    )


def _rows(evaluation: Mapping[str, Any]) -> list[list[str]]:
    """Return a row for each figure; those of several kinds of samples share one."""
    figures, settings = evaluation["metrics"], evaluation.get("settings", ())
    rows: dict[str, list[str]] = {}
    for name, value in figures.items():
        if name.endswith(_ERROR):
            continue
        stem, of = sampled(name) or (name, None)
        error = figures.get(name + _ERROR)
        shown = _value(name, value) + (f' <span class="error">± {number(error, 2)}</span>' if error else "")
        if of is not None:
            shown = f'<div class="group"><span class="small">{SAMPLERS[of]}</span>{shown}</div>'
        row = rows.setdefault(stem, [escape(title_of(stem)), "", escape(explain_figure(stem, settings))])
        row[1] += shown
    return list(rows.values())


def _value(name: str, value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f'<span class="number">{number(value)}</span>'
    numbers = isinstance(value, list) and value and all(isinstance(each, (int, float)) for each in value)
    if not numbers:
        return escape(value if value is not None else "–")
    told = ", ".join(number(each) for each in value) if len(value) <= 12 else f"{len(value)} values"
    return f'{bars(value, f"{title_of(name)}: {told}")}<span class="small">{escape(told)}</span>'


def _figures(context: EvaluationContext, seed: int) -> str:
    with tempfile.TemporaryDirectory() as folder:
        paths = draw_figures(context, folder, seed=seed)
        first = {name: place for place, name in enumerate(_FIRST_FIGURES)}
        paths.sort(key=lambda path: (first.get(path.stem, len(first)), path.stem))
        pictures = compact({path.stem: path.read_bytes() for path in paths}, _PICTURES_BUDGET)
    drawn = "".join(_figure(name, content) for name, content in pictures.items())
    title = '<h2 id="pictures">Pictures</h2>'
    return f'<section aria-labelledby="pictures">{title}<div class="gallery">{drawn}</div></section>'


def _figure(name: str, picture: Picture) -> str:
    title, words, width, height = escape(title_of(name)), summary_of("figure", name), picture.width, picture.height
    return (
        f'<figure class="{"broad" if width > 1.6 * height else "plain"}"><h3>{title}</h3>'
        '<div class="scroll">'
        f'<img src="{picture.source}" width="{width}" height="{height}" alt="{title}: {escape(words)}"></div>'
        f"<figcaption>{escape(words)}</figcaption></figure>"
    )


def _written(recipe: Recipe | None, context: EvaluationContext) -> str:
    what, content = ("Recipe", recipe.to_dict()) if recipe else ("Model", context.model.spec.to_dict())
    told = (
        "All that repeats this run: save it as <code>recipe.yaml</code> and give it to <code>zoo-cli train</code>."
        if recipe
        else "The spec that rebuilds the model; how it was trained is not recorded."
    )
    return (
        f'<section aria-labelledby="recipe"><h2 id="recipe">{what}</h2><p>{told}</p>'
        f'<pre tabindex="0" aria-labelledby="recipe"><code>{escape(to_yaml(content))}</code></pre></section>'
    )


def _footer(context: EvaluationContext) -> str:
    info = context.split.info
    said = [
        f"Data: {info.citation}" if info.citation else "",
        f"Licence of the data: {info.licence}" if info.licence else "",
        f"Made with latent-zoo {__version__}. This page is complete in itself and asks no other host for anything.",
    ]
    return "<footer>" + "".join(f"<p>{escape(line)}</p>" for line in said if line) + "</footer>"
