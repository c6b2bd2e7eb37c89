"""Build a model from a preset or a spec, or load it from a directory or by name."""

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
    """Build a model from a preset's name, a mapping or a spec, with fresh weights or trained ones.

    Args:
        model: ``"vae-mlp-2d"``, a mapping with the fields of :class:`ModelSpec`, or a spec.
        pretrained: what the weights of a preset were trained on, such as ``"digits"``; :func:`zoo.list_pretrained`
            says what there is. The model is as it was trained, in evaluation mode.
        overrides: fields of the spec to set: ``latent_dim=10``, ``data_shape=(3, 32, 32)``, ``encoder="conv"``,
            ``objective={"beta": 4.0}``.

    Raises:
        RecipeError: a field is unknown or wrong.
        ComponentError: a component or an option is unknown or wrong, or two parts cannot work together.

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
            "pretrained weights belong to a preset as it was trained",
            where=f"build(pretrained={pretrained!r})",
            remedy="Name a preset and nothing else; `zoo-cli list pretrained` shows what there is.",
        )
    return load(f"{model}.{pretrained}")


def load(model: str | Path, *, device: str | torch.device = "cpu", **hub: Any) -> Model:
    """Load a model in evaluation mode: of a directory, of the Hugging Face Hub, or a pretrained one.

    Loading is strict: a tensor that is missing, left over or of another shape is an error that names it. Nothing
    that came with the files is executed, and a configuration that asks for far more memory than its weights can
    fill is refused before the memory is taken.

    Args:
        model: a run or checkpoint directory, ``hf://user/name`` with ``@`` and a branch, tag or commit behind it
            if need be, or a name such as ``vae-mlp-2d.digits`` of :func:`zoo.list_pretrained`.
        device: where the weights go.
        hub: how one on the Hub is fetched: ``token``, ``cache_dir``, ``force_download``, ``local_files_only``; see
            :func:`zoo.hub.download.fetch`.

    Raises:
        CheckpointError: there is no such model, or a file or a tensor is missing, damaged or of another shape.
        InputError: the device is not there.
        ComponentError: a component is not installed.
        HubError: the Hub cannot be reached or refuses.

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
    """Return the directory of a model; one on the Hub is fetched into the cache and checked first.

    Raises:
        CheckpointError: there is no such directory, and no pretrained model of this name.
        HubError: the Hub cannot be reached or refuses.

    Example:
        >>> locate("vae-mlp-2d.digits").name
        'vae-mlp-2d.digits'
    """
    if not isinstance(model, (str, os.PathLike)):
        raise InputError(
            f"expected a directory or a name, got {type(model).__name__}",
            where="model",
            remedy="`zoo-cli list pretrained` shows names.",
        )
    text = str(model)
    if text.startswith(PREFIX):
        from zoo.hub.download import fetch

        return fetch(Address.parse(text), **hub).path
    path = Path(model)
    if text and path.is_dir():  # an empty name would be the current directory
        return path
    if text in pretrained_files():
        from zoo.hub.pretrained import locate_pretrained

        return locate_pretrained(text)
    raise CheckpointError(
        "there is no such directory, and no pretrained model of this name",
        where=text or "model",
        remedy=f"{nearest(text, pretrained_files())}A model is a run or checkpoint directory, hf://user/name, or one "
        "of `zoo-cli list pretrained`.",
    )
