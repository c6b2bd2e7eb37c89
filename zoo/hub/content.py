"""Selects the files of a repository that belong to a model of the zoo, and checks their content."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from zoo.checkpoints.checkpoint import CONFIG, WEIGHTS, parse_config
from zoo.checkpoints.weights import check_weights
from zoo.errors import CheckpointError, RecipeError, located
from zoo.evaluation.record import load_record
from zoo.hub.limits import LIBRARY
from zoo.runs.directory import CARD, EVALUATION, RECIPE
from zoo.runs.portable import check_portable
from zoo.spec.documents import has_alias
from zoo.spec.recipe import Recipe
from zoo.spec.resolve import load_recipe
from zoo.utils.foreign import parsing, read_text
from zoo.utils.text import excerpt, readable_size

REQUIRED = (CONFIG, WEIGHTS)
OPTIONAL = (RECIPE, EVALUATION)
_FIGURE = re.compile(r"figures/[A-Za-z0-9_-]{1,64}\.png")
_LARGEST = {CONFIG: 2**22, RECIPE: 2**18, EVALUATION: 2**20, CARD: 2**20}
_LARGEST_FIGURE = 2**24
_MOST_FIGURES = 32


def files_to_fetch(names: Iterable[str], *, everything: bool) -> list[str]:
    """Return the names of the files to fetch from a repository; files that the zoo does not know are never fetched.

    Args:
        names: all files of the repository.
        everything: the model card and the figures too, in addition to the files of the model.
    """
    present = set(names)
    chosen = [name for name in (*REQUIRED, *OPTIONAL) if name in present]
    if everything:
        figures = sorted(name for name in present if is_figure(name))[:_MOST_FIGURES]
        chosen += [name for name in (CARD,) if name in present] + figures
    return chosen


def is_figure(name: str) -> bool:
    """Return whether a file of this name is a figure of a run."""
    return _FIGURE.fullmatch(name) is not None


def check_size(name: str, size: int | None, where: str) -> None:
    """Check, before a file is fetched, that it is not too large for a file of its name.

    Raises:
        CheckpointError: it is too large.
    """
    largest = _LARGEST.get(name, _LARGEST_FIGURE if is_figure(name) else None)
    if largest is not None and (size or 0) > largest:
        raise CheckpointError(
            f"expected at most {readable_size(largest)} in {name}, got {readable_size(size or 0)}",
            where=where,
            remedy="It was not downloaded.",
        )


def check_present(names: Iterable[str], where: str) -> None:
    """Check that a repository has the files of a model of the zoo.

    Raises:
        CheckpointError: the configuration or the weights are missing.
    """
    present = set(names)
    absent = [name for name in REQUIRED if name not in present]
    if absent:
        pickles = any(name.endswith((".bin", ".pt", ".pth", ".pkl", ".ckpt")) for name in present)
        raise CheckpointError(
            f"it has no {' and no '.join(absent)}, so it is not a model of latent-zoo",
            where=where,
            remedy="Weights are only read from safetensors files, never from a pickle."
            if pickles
            else "`zoo-cli list hub` lists the models of latent-zoo on the Hub.",
        )


def check_content(folder: Path, where: str) -> None:
    """Check the files of a model without executing anything in them.

    Raises:
        ZooError: a file is damaged, unsafe, or belongs to another package; the message names the address and the file.
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
    """Read a recipe that is not trusted: it may contain no YAML tags or aliases, and no paths on this machine.

    Raises:
        ZooError: the recipe is not valid, or contains a tag, an alias or a path.
    """
    with parsing(None, RecipeError):
        text = read_text(path, limit=_LARGEST[RECIPE])
    if has_alias(text):
        raise RecipeError(
            "expected a shared recipe without YAML aliases", remedy="Write the value in full instead of an alias."
        )
    recipe = load_recipe(path, as_written=True)
    check_portable(recipe)
    return recipe


def _check_library(config: str) -> None:
    library = json.loads(config).get("library_name")
    if library != LIBRARY:
        raise CheckpointError(f"expected a model of {LIBRARY}, got one of {excerpt(library)}")
