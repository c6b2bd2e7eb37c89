"""A hook of MkDocs: writes the page of presets, pretrained models and recipes from the registry, with pictures.

The pictures are drawn by the pretrained models when the site is built; a new preset, model or recipe is listed by being
there.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import zoo
from zoo.evaluation.evaluate import evaluation_context
from zoo.hub.pretrained import read_entry
from zoo.registry.catalogue import list_models, list_pretrained, list_recipes
from zoo.report.gallery import drawn_figures, write_figure
from zoo.spec.resolve import load_model_spec

PAGE = "reference/gallery.md"
_FIGURES = ("samples", "reconstructions", "embedding", "latent_grid")
_SHOWN = 3
_METRICS = {"elbo": "ELBO, nats", "mse": "mean squared error", "linear_probe_accuracy": "linear probe"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page and its pictures to the site."""
    pictures = dict(draw())
    for name, content in pictures.items():
        files.append(File.generated(config, f"reference/{name}", content=content))
    files.append(File.generated(config, PAGE, content=page(list(pictures))))
    return files


def draw() -> Iterator[tuple[str, bytes]]:
    """Yield the pictures of each pretrained model by their names."""
    for name in list_pretrained():
        model, data = zoo.load(name), zoo.load_data(zoo.load_recipe(read_entry(name).recipe).data)
        context = evaluation_context(model, data)
        shown = 0
        for figure in _FIGURES:
            for _, drawn in _applicable(context, figure):
                if shown < _SHOWN:
                    content = io.BytesIO()
                    write_figure(drawn, content, "png")
                    yield f"gallery/{name}-{figure}.png", content.getvalue()
                    shown += 1


def _applicable(context: Any, figure: str) -> Iterator[tuple[str, Any]]:
    from zoo.errors import NotApplicableError

    try:
        yield from drawn_figures(context, [figure])
    except NotApplicableError:
        return


def page(pictures: list[str]) -> str:
    """Return the page: pretrained models with their pictures, presets, and recipes."""
    return (
        "\n\n".join(["# Presets, pretrained models and recipes", *_pretrained(pictures), *_presets(), *_recipes()])
        + "\n"
    )


def _pretrained(pictures: list[str]) -> Iterator[str]:
    yield "## Pretrained models { #pretrained }"
    yield "`zoo.load(NAME)` opens one, and every command takes its name as MODEL. They come with the package."
    for name in list_pretrained():
        entry = read_entry(name)
        facts = [
            f"{words} {_number(entry.evaluation[key])}" for key, words in _METRICS.items() if key in entry.evaluation
        ]
        yield f"### {name} {{ #{name.replace('.', '-')} }}"
        yield f"{entry.description} Trained by `zoo-cli train {entry.recipe}`" + (
            f"; {', '.join(facts)}." if facts else "."
        )
        own = [picture for picture in pictures if picture.startswith(f"gallery/{name}-")]
        titles = [picture.rpartition("-")[2].removesuffix(".png").replace("_", " ") for picture in own]
        if not own:
            continue
        shown = [f"![{title} of {name}]({picture})" for title, picture in zip(titles, own, strict=True)]
        yield "\n".join(
            [
                f"| {' | '.join(titles)} |",
                f"|{'---|' * len(own)}",
                f"| {' | '.join(shown)} |",
            ]
        )


def _presets() -> Iterator[str]:
    yield "## Presets { #presets }"
    yield (
        "A preset is a complete model: `zoo.build(NAME)`, or `model: NAME` in a recipe. Any part of it can be "
        "replaced. Names are *objective-architecture-latent*."
    )
    rows = ["| preset | what it is | objective | encoder → posterior → decoder | pretrained |", "|---|---|---|---|---|"]
    trained: dict[str, list[str]] = {}
    for name in list_pretrained():
        trained.setdefault(name.partition(".")[0], []).append(name)
    for name in list_models():
        spec = load_model_spec(name)
        chain = [part.name for part in (spec.encoder, spec.posterior, spec.decoder, spec.network) if part is not None]
        extra = "".join(f" + `{each.name}`" for each in spec.regularisers.values())
        models = ", ".join(f"[{each}](#{each.replace('.', '-')})" for each in trained.get(name, []))
        arrows = " → ".join(f"`{part}`" for part in chain)
        rows.append(f"| `{name}` | {_cell(spec.description)} | `{spec.objective.name}`{extra} | {arrows} | {models} |")
    yield "\n".join(rows)


def _recipes() -> Iterator[str]:
    yield "## Recipes { #recipes }"
    yield "A recipe is a model with its data and its training: `zoo-cli train NAME`. See [Recipes](../recipes.md)."
    rows = ["| recipe | what it does | model | data | epochs |", "|---|---|---|---|---|"]
    for name in list_recipes():
        recipe = zoo.load_recipe(name)
        model = recipe.model.preset or recipe.model.objective.name
        length = recipe.train.epochs
        rows.append(f"| `{name}` | {_cell(recipe.description)} | `{model}` | `{recipe.data.name}` | {length or ''} |")
    yield "\n".join(rows)


def _number(value: Any) -> str:
    return f"{value:.4g}".replace("-", "−") if isinstance(value, (int, float)) else str(value)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
