"""Searches the Hub for models of this package."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from zoo.hub.client import connect, with_retries
from zoo.hub.limits import LIBRARY, hub_calls

if TYPE_CHECKING:
    from huggingface_hub import HfApi


@dataclass(frozen=True)
class HubModel:
    """A search result: a model on the Hub."""

    name: str
    likes: int
    downloads: int
    tags: tuple[str, ...]


def list_hub_models(
    *, author: str | None = None, pattern: str = "*", limit: int = 100, token: str | bool | None = None
) -> list[str]:
    """List the models on the Hub that have the tag ``latent-zoo``, the most downloaded first.

    Args:
        author: only models of this user or organisation.
        pattern: a shell wildcard for ``user/name``.
        limit: largest number of models.
        token: the token to send; None: the one from ``HF_TOKEN`` or ``hf auth login``; False: none.

    Returns:
        The names, ``user/name``.

    Raises:
        HubError: the Hub cannot be reached or refuses the request.
    """
    return [model.name for model in find_models(author=author, pattern=pattern, limit=limit, token=token)]


def find_models(
    *, author: str | None = None, pattern: str = "*", limit: int = 100, token: str | bool | None = None
) -> list[HubModel]:
    """Return the models with the tag ``latent-zoo``, their likes and downloads; see :func:`list_hub_models`."""
    api = connect(token)
    with hub_calls(f"search for models{f' of {author}' if author else ''}", endpoint=api.endpoint, token=token):
        found = with_retries(lambda: _search(api, author, pattern, limit))
        return sorted(found, key=lambda model: -model.downloads)


def _search(api: HfApi, author: str | None, pattern: str, limit: int) -> list[HubModel]:
    # The result is lazy: the client requests the next page only when it is needed.
    matching = (
        HubModel(info.id, info.likes or 0, info.downloads or 0, tuple(info.tags or ()))
        for info in api.list_models(filter=LIBRARY, author=author)
        if fnmatchcase(info.id, pattern)
    )
    return list(itertools.islice(matching, limit))
