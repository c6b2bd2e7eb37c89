"""Collects the files to push: those of the model, and nothing else in its directory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from zoo.checkpoints.checkpoint import CONFIG, WEIGHTS, load, read_config
from zoo.errors import InputError, RecipeError
from zoo.evaluation.record import load_record
from zoo.hub.client import HubFile
from zoo.hub.content import is_figure
from zoo.hub.transfer import checksums
from zoo.runs.card import NO_LICENCE, PATH_PLACEHOLDER, make_card, with_licence
from zoo.runs.card_file import Card
from zoo.runs.directory import CARD, EVALUATION, RECIPE
from zoo.runs.portable import portable
from zoo.spec.documents import to_yaml
from zoo.spec.recipe import Recipe
from zoo.spec.resolve import load_recipe
from zoo.utils.foreign import check_regular, parsing, read_text

_LARGEST_CARD = 2**20
_FACTS = {"library_name": "latent-zoo", "license": NO_LICENCE, "tags": ["latent-zoo"]}
"""Metadata that the Hub needs to find the model; a card that was written by hand may lack them."""


@dataclass(frozen=True)
class Bundle:
    """The files to push.

    Attributes:
        title: the name of the model.
        files: the path on disk of each file, by its name in the repository.
    """

    title: str
    files: Mapping[str, Path]

    @property
    def size(self) -> int:
        """The size of all files together, in bytes."""
        return sum(path.stat().st_size for path in self.files.values())


def collect(folder: Path, repo: str, scratch: Path, *, licence: str | None = None) -> Bundle:
    """Collect the files to push from a checkpoint or run directory, and check the model by loading it.

    Args:
        repo: the repository to push to, for the model card.
        scratch: an empty directory, for the files that are rewritten before they are pushed.
        licence: the licence of the model; None: the one in its card.

    Raises:
        ZooError: the model cannot be loaded, its recipe, evaluation or card cannot be read, or a file is a link that
            leads out of the directory.
    """
    if folder.is_dir():
        _check_files(folder)
    load(folder)
    files = {name: folder / name for name in (CONFIG, WEIGHTS)}
    recipe = load_recipe(folder / RECIPE) if (folder / RECIPE).is_file() else None
    if recipe is not None:
        files[RECIPE] = _put(scratch / RECIPE, to_yaml(portable(recipe).to_dict()))
    evaluation = load_record(folder / EVALUATION)
    if evaluation is not None:
        files[EVALUATION] = folder / EVALUATION
    title = recipe.name if recipe else repo.partition("/")[2]
    card = _card(folder, title, recipe, evaluation)
    card = Card({**_FACTS, **card.metadata}, card.text.replace(PATH_PLACEHOLDER, f"hf://{repo}"))
    if licence:
        card = with_licence(card, licence)
    files[CARD] = _put(scratch / CARD, str(card))
    files |= {name: path for name, path in _figures(folder).items() if name in card.text}
    return Bundle(title, files)


def _check_files(folder: Path) -> None:
    """Raise an error if a file of the model is a link to a file outside the directory, a pipe or a device.

    The target of a link would be published. In a directory that somebody else has made, that could be any file.

    Raises:
        InputError: the message names the file.
    """
    from huggingface_hub import constants

    home, cache = (Path(os.path.realpath(place)) for place in (folder, Path(constants.HF_HUB_CACHE).expanduser()))
    # In the cache of the Hub's client, the files of a model are links to other files in the cache.
    root = cache if home.is_relative_to(cache) else home
    for name in (CONFIG, WEIGHTS, RECIPE, EVALUATION, CARD, *_figures(folder)):
        path = folder / name
        place = Path(os.path.realpath(path))
        if not place.is_relative_to(root):
            problem = f"expected a file in the directory, got a link to {str(place)!r} outside it"
            raise InputError(problem, where=str(path), remedy="Replace the link by a file, or remove it.")
        if os.path.lexists(path):
            with parsing(path, InputError, remedy="Remove it."):
                check_regular(path)


def _put(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def _card(folder: Path, title: str, recipe: Recipe | None, evaluation: dict | None) -> Card:
    """Return the card in the directory, which may have been edited by hand, or else compose one."""
    if (folder / CARD).is_file():
        with parsing(folder / CARD, RecipeError, remedy="Save it as UTF-8, or delete it to have a new one written."):
            content = read_text(folder / CARD, limit=_LARGEST_CARD)
        return Card.parse(content, str(folder / CARD))
    spec = read_config(folder / CONFIG)
    figures = [name.removeprefix("figures/") for name in _figures(folder)]
    return make_card(title, spec, recipe=recipe, evaluation=evaluation, figures=figures)


def _figures(folder: Path) -> dict[str, Path]:
    found = {f"figures/{path.name}": path for path in sorted((folder / "figures").glob("*.png"))}
    return {name: path for name, path in found.items() if is_figure(name)}


def has_same_content(path: Path, file: HubFile) -> bool:
    """Return whether a local file has the same content as a file on the Hub."""
    return file.checksum in checksums(path)


def files_not_pushed(folder: Path, bundle: Bundle) -> list[str]:
    """Return the files of a directory that are not pushed."""
    pushed = set(bundle.files)
    everything = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in everything if name not in pushed)
