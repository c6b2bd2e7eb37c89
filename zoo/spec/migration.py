"""Specs that version 0.1 wrote, in the words of today."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def migrate_model(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of a model with what version 0.1 called otherwise under today's names.

    The posterior ``full_gaussian`` of 0.1 had an option ``rank``. Where the rank was below the number of entries under
    the diagonal, all examples shared their matrices, which is today's ``factor_gaussian``; elsewhere the encoder gave
    every entry, as ``full_gaussian`` does today.

    Example:
        >>> migrate_model({"latent_dim": 32, "posterior": {"name": "full_gaussian", "rank": 16}})["posterior"]
        {'name': 'factor_gaussian', 'rank': 16}
        >>> migrate_model({"latent_dim": 2, "posterior": {"name": "full_gaussian", "rank": 16}})["posterior"]
        {'name': 'full_gaussian'}
    """
    posterior = document.get("posterior")
    if not isinstance(posterior, Mapping) or posterior.get("name") != "full_gaussian" or "rank" not in posterior:
        return dict(document)
    rank, latent_dim = posterior["rank"], document.get("latent_dim")
    options = {key: value for key, value in posterior.items() if key != "rank"}
    if isinstance(rank, int) and isinstance(latent_dim, int) and rank < latent_dim * (latent_dim - 1) // 2:
        options = {**options, "name": "factor_gaussian", "rank": rank}
    return {**document, "posterior": options}
