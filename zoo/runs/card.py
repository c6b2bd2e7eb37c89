"""The model card: description, use, training data, metrics and limitations of a model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from zoo.checkpoints.checkpoint import CONFIG, read_config
from zoo.data import DataInfo
from zoo.datasets import Dataset
from zoo.errors import ComponentError
from zoo.evaluation.measurement import Measurement
from zoo.evaluation.record import measurements_of, metric_of
from zoo.evaluation.tables import is_number, number, row_heading
from zoo.registry import find_component, find_source, list_components
from zoo.registry.inspection import describe_component
from zoo.runs.card_data import describe_data, usage_example
from zoo.runs.card_file import Card, is_untouched
from zoo.runs.portable import portable
from zoo.spec.documents import to_yaml
from zoo.spec.model import ModelSpec, kind_of_role
from zoo.spec.recipe import DataSpec, Recipe
from zoo.utils.files import write_text
from zoo.utils.foreign import NotAFileError, TooLargeError, read_bytes
from zoo.version import __version__

PATH_PLACEHOLDER = "PATH OF THIS DIRECTORY"
"""Stands in a card for the model's address on the Hub, until the model is pushed."""

NO_LICENCE = "unknown"
_LARGEST = 2**20
_OPENING_FIGURES = ("samples", "latent_grid", "reconstructions")
"""Figures to open a card with; the first one that exists is used."""
_UNSTATED = "The author of this model has not stated under which licence it may be used: ask before you do."


def write_card(
    folder: Path, recipe: Recipe, info: DataInfo, evaluation: dict[str, Any], figures: Sequence[Path]
) -> None:
    """Write ``README.md`` of a run directory."""
    names = [path.name for path in figures]
    card = make_card(recipe.name, recipe.model, recipe=recipe, info=info, evaluation=evaluation, figures=names)
    write_text(folder / "README.md", str(card))


def update_card(folder: Path, recipe: Recipe, info: DataInfo, evaluation: dict[str, Any]) -> bool:
    """Write ``README.md`` of a run again, with the same figures, unless the user has edited or removed it.

    Returns:
        Whether it was written.
    """
    path = folder / "README.md"
    try:
        content = read_bytes(path, limit=_LARGEST).decode("utf-8", errors="replace")
    except (FileNotFoundError, NotAFileError, TooLargeError):
        content = ""  # not a card of this package
    untouched = is_untouched(content)
    if untouched:
        shown = [figure for figure in folder.glob("figures/*") if f"figures/{figure.name}" in content]
        shown.sort(key=lambda figure: content.index(f"figures/{figure.name}"))
        # The description of the data is in the checkpoint, not in the recipe.
        known = recipe.model_copy(update={"model": read_config(folder / CONFIG)})
        write_card(folder, known, info, evaluation, shown)
    return untouched


def make_card(
    name: str,
    spec: ModelSpec,
    *,
    recipe: Recipe | None = None,
    info: DataInfo | None = None,
    evaluation: dict[str, Any] | None = None,
    figures: Sequence[str] = (),
) -> Card:
    """Return the card of a model.

    Args:
        recipe: the recipe that the model was trained with, if it is known.
        info: the data that it was trained on.
        evaluation: the content of ``evaluation.json``.
        figures: names of the files in ``figures/`` that the card shows.
    """
    opening, others = _arrange(figures)
    description = (recipe.description if recipe else "") or spec.description
    parts = [
        f"# {name}",
        description,
        _summary(spec),
        *_origin(recipe),
        *(_figure(figure) for figure in opening),
        "## Use",
        f"```python\n{usage_example(spec, PATH_PLACEHOLDER)}\n```",
        *_training_data(spec, recipe, info),
        *(_evaluation(evaluation) if evaluation else ()),
        *(_figure(figure) for figure in others),
        "## Limits",
        _limits(spec, recipe, evaluation),
        *(["## Recipe", f"```yaml\n{to_yaml(portable(recipe).to_dict())}```"] if recipe else ()),
        "## Licence",
        _UNSTATED,
        "## Citation",
        _citation(spec, info),
    ]
    return Card(_metadata(name, spec, recipe, evaluation), "\n\n".join(part for part in parts if part))


def with_licence(card: Card, licence: str) -> Card:
    """Return the card with the model's licence in its metadata and in its text."""
    text = card.text.replace(_UNSTATED, f"The weights: {licence}.")
    return Card({**card.metadata, "license": licence}, text)


def _metadata(name: str, spec: ModelSpec, recipe: Recipe | None, evaluation: dict[str, Any] | None) -> dict[str, Any]:
    """Return the metadata that the Hub reads.

    Source:
        Hugging Face, Model Cards, "Model card metadata". https://huggingface.co/docs/hub/model-cards
    """
    used = [component.name for component in spec.components().values()]
    task = _task(spec)
    metadata: dict[str, Any] = {
        "library_name": "latent-zoo",
        "license": NO_LICENCE,
        "tags": list(dict.fromkeys(["latent-zoo", *used])),
    }
    if recipe:
        metadata["datasets"] = [recipe.data.name]
    if task:
        metadata["pipeline_tag"] = task
    if recipe and recipe.init and recipe.init.model.startswith("hf://"):
        metadata["base_model"] = recipe.init.model.removeprefix("hf://").partition("@")[0]
    measured = _measured(evaluation)
    if evaluation and measured:
        dataset = {"type": evaluation["dataset"], "name": evaluation["dataset"], "split": evaluation["split"]}
        metrics = [
            {"type": each.key, "name": row_heading(each), "value": each.value, **_arguments(each.key, evaluation)}
            for each in measured
        ]
        result = {"task": {"type": task or "other"}, "dataset": dataset, "metrics": metrics}
        metadata["model-index"] = [{"name": name, "results": [result]}]
    return metadata


def _arguments(name: str, evaluation: dict[str, Any]) -> dict[str, Any]:
    """Return the options of the metric that a result belongs to, as the field ``args``."""
    metric = metric_of(evaluation, name)
    options = next((options for setting, options in _settings(evaluation) if setting == metric), None)
    return {"args": options} if options else {}


def _settings(evaluation: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (setting["name"], {key: value for key, value in setting.items() if key != "name"})
        for setting in evaluation.get("settings", ())
    ]


def _task(spec: ModelSpec) -> str | None:
    image = len(spec.data_shape or ()) == 3
    return "unconditional-image-generation" if image and not spec.classes else None


def _measured(evaluation: dict[str, Any] | None) -> list[Measurement]:
    """Return the measurements that are finite numbers."""
    found = measurements_of(evaluation) if evaluation else []
    return [each for each in found if is_number(each.value) and math.isfinite(each.value)]  # type: ignore[arg-type]


def _arrange(figures: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the figure to open the card with, and the others."""
    stems = {Path(figure).stem: figure for figure in figures}
    opening = next((stems[stem] for stem in _OPENING_FIGURES if stem in stems), None)
    return [opening] if opening else [], [figure for figure in figures if figure != opening]


def _figure(figure: str) -> str:
    return f"![{Path(figure).stem.replace('_', ' ')}](figures/{figure})"


def _summary(spec: ModelSpec) -> str:
    components = [f"{role} `{part.name}`" for role, part in spec.components().items() if role != "objective"]
    return (
        f"Objective `{spec.objective.name}`; {', '.join(components)}"
        + (f"; {spec.latent_dim} latent dimensions" if spec.latent_dim else "")
        + (f"; conditional on {spec.classes} classes" if spec.classes else "")
        + f". For data of shape {list(spec.data_shape or ())}"
        + (f" in [{spec.data_range[0]:g}, {spec.data_range[1]:g}]" if spec.data_range else "")
        + f". Made with latent-zoo {__version__}."
    )


def _origin(recipe: Recipe | None) -> Iterator[str]:
    """Yield a sentence on the model that the training started from, and on the parts that it left unchanged."""
    if recipe is None or recipe.init is None:
        return
    model = portable(recipe).init
    assert model is not None
    yield (
        f"Fine-tuned from `{model.model}` (weights SHA-256 `{(model.weights or '')[:16]}`)"
        + (f"; fresh weights for {_quoted(recipe.reinitialise)}" if recipe.reinitialise else "")
        + (f"; {_quoted(recipe.freeze)} left unchanged" if recipe.freeze else "")
        + (". Data are prepared as for that model." if recipe.init.data == "keep" else ".")
    )


def _quoted(patterns: Sequence[str]) -> str:
    return ", ".join(f"`{pattern}`" for pattern in patterns)


def _training_data(spec: ModelSpec, recipe: Recipe | None, info: DataInfo | None) -> Iterator[str]:
    facts = list(describe_data(spec))
    if recipe is None:
        yield from ["## Training data", *facts] if facts else ()
        return
    data = recipe.data
    prepared = ", ".join(
        f"`{field}: {value}`"
        for field in ("binarise", "scale", "pad", "resize", "subset")
        if (value := getattr(data, field)) not in (None, 0, "none")
    )
    yield "## Training data"
    words = f" ({described})" if (described := _described(data)) else ""
    yield f"`{data.name}`{words}" + (f", prepared with {prepared}." if prepared else ".")
    yield from facts
    if info:
        yield f"{info.citation}\n\nLicence of the data: {info.licence or 'not stated'}."


def _described(data: DataSpec) -> str:
    """Return the dataset's description of its data; nothing if the dataset is not installed."""
    try:
        dataset: type[Dataset] = find_component("dataset", data.name)
    except ComponentError:
        return ""
    return dataset.describe_data(data.options)


def _evaluation(evaluation: dict[str, Any]) -> Iterator[str]:
    rows = [
        f"| {row_heading(each)}{_examples(each)} | {each.value:.6g} | {_error(each)} |"
        for each in _measured(evaluation)
    ]
    yield (
        f"## Evaluation\n\nOn the {evaluation['split']} split of `{evaluation['dataset']}`, "
        f"{evaluation['examples']:,} examples, seed {evaluation['seed']}, best epoch {evaluation['best_epoch']}. "
        "Log-densities in nats."
    )
    yield "\n".join(["| metric | value | standard error |", "|---|---|---|", *rows])
    settings = _settings(evaluation)
    if settings:
        yield "Settings of the metrics:\n\n" + "\n".join(
            f"- `{name}`: " + (", ".join(f"`{key}: {value}`" for key, value in options.items()) or "no options")
            for name, options in settings
        )
    yield from (f"Note: {note}" for note in evaluation["notes"])


def _examples(measurement: Measurement) -> str:
    """Return the number of examples, if a metric did not use the whole split."""
    return f", {measurement.examples:,} examples" if measurement.examples else ""


def _error(measurement: Measurement) -> str:
    error = measurement.standard_error
    return number(error, 2) if error is not None and math.isfinite(error) else ""


def _limits(spec: ModelSpec, recipe: Recipe | None, evaluation: dict[str, Any] | None) -> str:
    data = f"`{recipe.data.name}`" if recipe else "its training data"
    lines = [
        f"- It was trained only on {data}: results for other data, or data prepared in another way, mean nothing.",
        "- Its samples resemble its training data, with their gaps and bias.",
        "- It has not been evaluated for decisions about people.",
    ]
    if evaluation is None:
        lines.append("- It has not been evaluated at all.")
    return "\n".join(lines)


def _citation(spec: ModelSpec, info: DataInfo | None) -> str:
    """Return the sources of the components, from their docstrings, then that of the data."""
    sources = []
    for role, component in spec.components().items():
        kind = kind_of_role(role)
        if component.name not in list_components(kind):
            continue
        doc = describe_component(find_source(kind, component.name)).doc
        _, found, after = doc.partition("Source:\n")
        if found:
            sources.append(f"- {role} `{component.name}`: {' '.join(after.split(chr(10) * 2)[0].split())}")
    if info and info.citation:
        sources.append(f"- data: {info.citation}")
    return "\n".join([*sources, f"- software: latent-zoo {__version__}"])
