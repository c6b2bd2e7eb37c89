"""Builds a model from a preset or a spec, or loads one from a directory, the Hub or the pretrained models."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from zoo.checkpoints import checkpoint
from zoo.errors import CheckpointError, InputError, RecipeError, located, nearest
from zoo.hub.address import PREFIX, Address
from zoo.model import Model
from zoo.model.assembly import assemble
from zoo.registry.catalogue import pretrained_files
from zoo.spec import ModelSpec
from zoo.spec.resolve import load_model_spec
from zoo.utils.arguments import checked


@checked
def build(model: str | Mapping[str, Any] | ModelSpec, *, pretrained: str | None = None, **overrides: Any) -> Model:
    """Build a model from the name of a preset, a mapping or a spec, with random or pretrained weights.

    Args:
        model: the name of a preset such as ``"vae-mlp-2d"``, a mapping with the fields of :class:`ModelSpec`, or a
            spec.
        pretrained: the data that the weights of a preset were trained on, such as ``"digits"``; see
            :func:`zoo.list_pretrained`. The model is returned as it was trained, in evaluation mode. None: random
            weights, in training mode.
        overrides: fields of the spec to set: ``latent_dim=10``, ``data_shape=(3, 32, 32)``, ``encoder="conv"``,
            ``objective={"beta": 4.0}``.

    Raises:
        RecipeError: a field is unknown or has a wrong value.
        ComponentError: a component or option is unknown, has a wrong value, or two parts do not work together.

    Example:
        >>> import zoo
        >>> model = zoo.build("vae-mlp-2d", latent_dim=10, data_shape=(3, 32, 32))
        >>> model.spec.latent_dim, model.spec.likelihood.name
        (10, 'bernoulli')
    """
    if pretrained is None:
        return assemble(load_model_spec(model, overrides))
    if not isinstance(model, str) or overrides:
        raise RecipeError(
            "expected the name of a preset without overrides, since pretrained weights belong to the preset as it was "
            "trained",
            where=f"build(pretrained={pretrained!r})",
            remedy="`zoo-cli list pretrained` lists the presets with pretrained weights.",
        )
    return load(f"{model}.{pretrained}")


def load(model: str | Path, *, device: str | torch.device = "cpu", **hub: Any) -> Model:
    """Load a model in evaluation mode, from a directory, from the Hugging Face Hub, or a pretrained one.

    Loading is strict: a tensor that is missing, unexpected or of another shape raises an error that names it. No code
    that comes with the files is executed. A configuration that needs far more memory than its weights can fill is
    refused before the memory is allocated.

    Args:
        model: a run or checkpoint directory; ``hf://user/name``, optionally followed by ``@`` and a branch, tag or
            commit; or a name from :func:`zoo.list_pretrained`, such as ``vae-mlp-2d.digits``.
        device: the device of the weights.
        hub: options for a model on the Hub: ``token``, ``cache_dir``, ``force_download``, ``local_files_only``; see
            :func:`zoo.hub.download.fetch`.

    Raises:
        CheckpointError: there is no such model, or a file or tensor is missing, damaged or of another shape.
        InputError: the device is not available.
        ComponentError: a component is not installed.
        HubError: the Hub cannot be reached or refuses the request.

    Example:
        >>> import zoo
        >>> zoo.load("vae-mlp-2d.digits").sample(3).shape
        torch.Size([3, 1, 8, 8])
    """
    folder = locate(model, **hub)
    if str(folder) == str(model):
        return checkpoint.load(folder, device=device)
    with located(str(model)):
        return checkpoint.load(folder, device=device)


def locate(model: str | Path, **hub: Any) -> Path:
    """Return the directory of a model; a model on the Hub is first downloaded into the cache and checked.

    Args:
        model: as for :func:`load`.
        hub: as for :func:`load`.

    Raises:
        CheckpointError: there is no such directory, and no pretrained model of this name.
        HubError: the Hub cannot be reached or refuses the request.

    Example:
        >>> locate("vae-mlp-2d.digits").name
        'vae-mlp-2d.digits'
    """
    if not isinstance(model, (str, os.PathLike)):
        raise InputError(
            f"expected a directory or the name of a model, got {type(model).__name__}",
            where="model",
            remedy="`zoo-cli list pretrained` lists the names of pretrained models.",
        )
    text = str(model)
    if text.startswith(PREFIX):
        from zoo.hub.download import fetch

        return fetch(Address.parse(text), **hub).path
    path = Path(model)
    if text and path.is_dir():  # an empty path would mean the current directory
        return path
    if text in pretrained_files():
        from zoo.hub.pretrained import locate_pretrained

        return locate_pretrained(text)
    raise CheckpointError(
        "there is no such directory, and no pretrained model of this name",
        where=text or "model",
        remedy=f"{nearest(text, pretrained_files())}Name a run or checkpoint directory, hf://user/name, or a model "
        "from `zoo-cli list pretrained`.",
    )
