"""Pretrained models: one index file each; the weights are in the package or on the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from zoo.checkpoints.checkpoint import WEIGHTS
from zoo.errors import CheckpointError, InputError, unknown_name
from zoo.hub.address import PREFIX, Address
from zoo.hub.download import fetch
from zoo.hub.transfer import checksums
from zoo.registry.catalogue import pretrained_files
from zoo.spec.component import StrictModel
from zoo.spec.documents import read_yaml
from zoo.spec.validation import validate


class Entry(StrictModel):
    """The index entry of a pretrained model."""

    description: str = Field(description="One sentence on the model.")
    source: str = Field(description="A folder beside the index file, or hf://user/name@commit.")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Checksum of the weights.")
    recipe: str = Field(description="The bundled recipe that it was trained with.")
    evaluation: dict[str, Any] = Field(description="Its metrics on the test split.")


def read_entry(name: str) -> Entry:
    """Return the index entry of a pretrained model.

    Raises:
        InputError: no pretrained model has this name.
    """
    files = pretrained_files()
    if name not in files:
        problem, remedy = unknown_name("pretrained model", name, files, "zoo-cli list pretrained")
        raise InputError(problem, remedy=remedy)
    return validate(Entry, read_yaml(files[name]), str(files[name]))


def locate_pretrained(name: str) -> Path:
    """Return the directory of a pretrained model; a model on the Hub is downloaded first.

    Raises:
        InputError: no pretrained model has this name.
        HubError: the model is on the Hub, and the Hub cannot be reached.
        CheckpointError: the weights do not have the checksum in the index.

    Example:
        >>> sorted(path.name for path in locate_pretrained("vae-mlp-2d.digits").iterdir())
        ['config.json', 'evaluation.json', 'model.safetensors', 'recipe.yaml']
    """
    entry = read_entry(name)
    if entry.source.startswith(PREFIX):
        folder = fetch(Address.parse(entry.source)).path
    else:
        folder = pretrained_files()[name].parent / entry.source
    if checksums(folder / WEIGHTS)[0] != entry.sha256:
        raise CheckpointError(
            "the weights do not have the checksum in the index of pretrained models",
            where=str(folder / WEIGHTS),
            remedy="Install latent-zoo again: pip install --force-reinstall latent-zoo",
        )
    return folder
