"""The presets and recipes that come with the package: one YAML file each, found by name without being read."""

from __future__ import annotations

import functools
from fnmatch import fnmatchcase
from pathlib import Path

from zoo.utils.arguments import checked

_PACKAGE = Path(__file__).parent.parent


@functools.cache
def preset_files() -> dict[str, Path]:
    """Return the file of each preset by name."""
    return {file.stem: file for file in sorted((_PACKAGE / "presets").glob("*.yaml"))}


@functools.cache
def recipe_files() -> dict[str, Path]:
    """Return the file of each bundled recipe by name."""
    # In a wheel the recipes are inside the package, in a checkout beside it.
    folders = (_PACKAGE / "recipes", _PACKAGE.parent / "recipes")
    folder = next((folder for folder in folders if folder.is_dir()), folders[0])
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


@functools.cache
def pretrained_files() -> dict[str, Path]:
    """Return the index file of each pretrained model by name, ``vae-mlp-2d.digits``."""
    return {file.stem: file for file in sorted((_PACKAGE / "pretrained").glob("*.yaml"))}


@checked
def list_models(pattern: str = "*") -> list[str]:
    """List the presets whose names match a shell wildcard.

    Example:
        >>> import zoo
        >>> zoo.list_models("vae-mlp-*")
        ['vae-mlp-2d', 'vae-mlp-8d', 'vae-mlp-full-2d']
    """
    return [name for name in preset_files() if fnmatchcase(name, pattern)]


@checked
def list_recipes(pattern: str = "*") -> list[str]:
    """List the bundled recipes whose names match a shell wildcard."""
    return [name for name in recipe_files() if fnmatchcase(name, pattern)]


@checked
def list_pretrained(pattern: str = "*") -> list[str]:
    """List the pretrained models whose names match a shell wildcard: a preset, a point, and what it was trained on.

    Example:
        >>> import zoo
        >>> zoo.list_pretrained("vae-mlp-2d.*")
        ['vae-mlp-2d.digits']
    """
    return [name for name in pretrained_files() if fnmatchcase(name, pattern)]
