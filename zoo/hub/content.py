"""Which files of a repository belong to a model of the zoo, and checks of their content."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from zoo.checkpoints.checkpoint import CONFIG, WEIGHTS, parse_config
from zoo.checkpoints.weights import check_weights
from zoo.errors import CheckpointError, RecipeError, located
from zoo.evaluation.record import load_record
from zoo.hub.client import LIBRARY
from zoo.runs.directory import CARD, EVALUATION, RECIPE
from zoo.runs.portable import check_portable
from zoo.spec.documents import has_alias
from zoo.spec.recipe import Recipe
from zoo.spec.resolve import load_recipe
from zoo.utils.foreign import parsing, read_text
from zoo.utils.text import excerpt, readable_size

NEEDED = (CONFIG, WEIGHTS)
USEFUL = (RECIPE, EVALUATION)
_FIGURE = re.compile(r"figures/[A-Za-z0-9_-]{1,64}\.png")
_LARGEST = {CONFIG: 2**22, RECIPE: 2**18, EVALUATION: 2**20, CARD: 2**20}
_LARGEST_FIGURE = 2**24
_MOST_FIGURES = 32


def choose(names: Iterable[str], *, everything: bool) -> list[str]:
    """Return the names of a repository that are fetched: those that make a model, or with ``everything`` a whole run.

    All others stay where they are, whatever they are called.
    """
    present = set(names)
    chosen = [name for name in (*NEEDED, *USEFUL) if name in present]
    if everything:
        figures = sorted(name for name in present if is_figure(name))[:_MOST_FIGURES]
        chosen += [name for name in (CARD,) if name in present] + figures
    return chosen


def is_figure(name: str) -> bool:
    """Whether a file of this name is a figure of a run."""
    return _FIGURE.fullmatch(name) is not None


def check_size(name: str, size: int | None, where: str) -> None:
    """Refuse a file that is too large to be what its name says, before it is fetched."""
    largest = _LARGEST.get(name, _LARGEST_FIGURE if is_figure(name) else None)
    if largest is not None and (size or 0) > largest:
        raise CheckpointError(
            f"{name} has {readable_size(size or 0)}, at most {readable_size(largest)} are read",
            where=where,
            remedy="It was not fetched.",
        )


def check_present(names: Iterable[str], where: str) -> None:
    """Refuse a repository that holds no model of the zoo."""
    present = set(names)
    absent = [name for name in NEEDED if name not in present]
    if absent:
        pickles = any(name.endswith((".bin", ".pt", ".pth", ".pkl", ".ckpt")) for name in present)
        raise CheckpointError(
            f"it has no {' and no '.join(absent)}, so it is not a model of latent-zoo",
            where=where,
            remedy="Weights are read from safetensors alone, never from a pickle."
            if pickles
            else "`zoo-cli list hub` finds those that are.",
        )


def check_content(folder: Path, where: str) -> None:
    """Refuse files that are damaged, hostile, or of another package; nothing in them is executed.

    Raises:
        ZooError: with the address, the file, and what is wrong with it.
    """
    with located(where):
        with located(CONFIG):
            with parsing(None, CheckpointError):
                content = read_text(folder / CONFIG, limit=_LARGEST[CONFIG])
            parse_config(content)
            _check_library(content)
        check_weights(folder / WEIGHTS)
        if (folder / RECIPE).is_file():
            with located(RECIPE):
                read_foreign_recipe(folder / RECIPE)
        if (folder / EVALUATION).is_file():
            load_record(folder / EVALUATION, EVALUATION)


def read_foreign_recipe(path: Path) -> Recipe:
    """Read an untrusted recipe: YAML without tags and aliases, and without paths on this machine.

    Raises:
        ZooError: the recipe is not valid, holds a tag or an alias, or names a path.
    """
    with parsing(None, RecipeError):
        text = read_text(path, limit=_LARGEST[RECIPE])
    if has_alias(text):
        raise RecipeError("aliases are not read in a shared recipe", remedy="Write the value out.")
    recipe = load_recipe(path, as_written=True)
    check_portable(recipe)
    return recipe


def _check_library(config: str) -> None:
    library = json.loads(config).get("library_name")
    if library != LIBRARY:
        raise CheckpointError(f"expected a model of {LIBRARY}, got one of {excerpt(library)}")
