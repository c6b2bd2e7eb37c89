"""Search for models of this package on the Hub."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from fnmatch import fnmatchcase

from zoo.hub.bounds import hub_calls
from zoo.hub.client import LIBRARY, connect


@dataclass(frozen=True)
class HubModel:
    """A model on the Hub, as a search lists it."""

    name: str
    likes: int
    downloads: int
    tags: tuple[str, ...]


def list_hub_models(
    *, author: str | None = None, pattern: str = "*", limit: int = 100, token: str | bool | None = None
) -> list[str]:
    """List the models on the Hub that carry the tag of this package, the most downloaded first.

    Args:
        author: a user or organisation.
        pattern: a shell wildcard that ``user/name`` matches.
        limit: how many at most.

    Raises:
        HubError: the Hub cannot be reached or refuses.
    """
    return [model.name for model in find_models(author=author, pattern=pattern, limit=limit, token=token)]


def find_models(
    *, author: str | None = None, pattern: str = "*", limit: int = 100, token: str | bool | None = None
) -> list[HubModel]:
    """Find the models that carry the tag of this package; see :func:`list_hub_models`."""
    api = connect(token)
    with hub_calls(f"models of {author or 'anybody'}", endpoint=api.endpoint, token=token):
        # The client follows the pages of the answer as they are asked for.
        found = api.list_models(filter=LIBRARY, author=author)
        matching = (
            HubModel(info.id, info.likes or 0, info.downloads or 0, tuple(info.tags or ()))
            for info in found
            if fnmatchcase(info.id, pattern)
        )
        return sorted(itertools.islice(matching, limit), key=lambda model: -model.downloads)
