"""The presets, recipes and pretrained models of the package: one YAML file each, found by name without reading it."""

from __future__ import annotations

import functools
from fnmatch import fnmatchcase
from pathlib import Path

from zoo.utils.arguments import checked

_PACKAGE = Path(__file__).parent.parent


@functools.cache
def preset_files() -> dict[str, Path]:
    """Return the files of the presets by name."""
    return {file.stem: file for file in sorted((_PACKAGE / "presets").glob("*.yaml"))}


@functools.cache
def recipe_files() -> dict[str, Path]:
    """Return the files of the bundled recipes by name."""
    # An installed wheel has the recipes inside the package, a checkout of the repository beside it.
    folders = (_PACKAGE / "recipes", _PACKAGE.parent / "recipes")
    folder = next((folder for folder in folders if folder.is_dir()), folders[0])
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


@functools.cache
def pretrained_files() -> dict[str, Path]:
    """Return the index files of the pretrained models by name, such as ``vae-mlp-2d.digits``."""
    return {file.stem: file for file in sorted((_PACKAGE / "pretrained").glob("*.yaml"))}


@checked
def list_models(pattern: str = "*") -> list[str]:
    """List the names of the presets that match a shell wildcard.

    Example:
        >>> import zoo
        >>> zoo.list_models("vae-mlp-*")
        ['vae-mlp-2d', 'vae-mlp-8d', 'vae-mlp-full-2d']
    """
    return [name for name in preset_files() if fnmatchcase(name, pattern)]


@checked
def list_recipes(pattern: str = "*") -> list[str]:
    """List the names of the bundled recipes that match a shell wildcard."""
    return [name for name in recipe_files() if fnmatchcase(name, pattern)]


@checked
def list_pretrained(pattern: str = "*") -> list[str]:
    """List the names of the pretrained models that match a shell wildcard, in the form PRESET.DATA.

    Example:
        >>> import zoo
        >>> zoo.list_pretrained("vae-mlp-2d.*")
        ['vae-mlp-2d.digits']
    """
    return [name for name in pretrained_files() if fnmatchcase(name, pattern)]
