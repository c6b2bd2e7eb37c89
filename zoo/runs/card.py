"""The README of a run: what the model is, how to use it, how good it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zoo.data import DataInfo
from zoo.files import write_text
from zoo.spec.documents import to_yaml
from zoo.spec.recipe import Recipe
from zoo.version import __version__


def write_card(
    folder: Path, recipe: Recipe, info: DataInfo, evaluation: dict[str, Any], figures: Sequence[Path]
) -> None:
    """Write ``README.md`` of a run directory."""
    model = recipe.model
    shown = [f"![{path.stem.replace('_', ' ')}](figures/{path.name})" for path in figures]
    parts = [
        f"# {recipe.name}",
        recipe.description,
        f"A {model.objective.name} model"
        + (f" with latent_dim {model.latent_dim}" if model.latent_dim else "")
        + f" for data of shape {list(model.data_shape or ())}"
        + (f" in [{model.data_range[0]:g}, {model.data_range[1]:g}]" if model.data_range else "")
        + f", made with latent-zoo {__version__}.",
        *shown[:1],
        "## Use",
        '```python\nimport zoo\n\nmodel = zoo.load("PATH OF THIS DIRECTORY")\nimages = model.sample(16)\n```',
        f"## Evaluation\n\nOn the {evaluation['split']} split of `{info.name}`, "
        f"{evaluation['examples']:,} examples, seed {evaluation['seed']}, best epoch {evaluation['best_epoch']}.",
        _table(evaluation["metrics"]),
        *[f"Note: {note}" for note in evaluation["notes"]],
        *shown[1:],
        "## Recipe",
        f"```yaml\n{to_yaml(recipe.to_dict())}```",
        "## Data",
        f"{info.citation}\n\nLicence of the data: {info.licence}",
    ]
    write_text(folder / "README.md", "\n\n".join(part for part in parts if part) + "\n")


def _table(metrics: dict[str, Any]) -> str:
    rows = [f"| {name} | {value:.6g} |" for name, value in metrics.items() if isinstance(value, (int, float))]
    return "\n".join(["| figure | value |", "|---|---|", *rows])
