"""Conversion of specs of version 0.1 to the names of this version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def migrate_model(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of a model that version 0.1 wrote, under the names of this version.

    The posterior ``full_gaussian`` of 0.1 had an option ``rank``. Where the rank was below the number of entries under
    the diagonal, all examples shared their matrices, which is now ``factor_gaussian``; otherwise the encoder predicted
    every entry, as ``full_gaussian`` does now.

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


_SOURCES = {"prior": "prior", "aggregate": "fitted"}
"""The samplers of version 0.1, and the sources of samples that replace them."""


def migrate_evaluation(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the section ``evaluate`` of a recipe of version 0.1, under the names of this version.

    Example:
        >>> migrate_evaluation({"metrics": [{"name": "sample_quality", "samplers": ["prior", "aggregate"]}]})
        {'metrics': [{'name': 'sample_quality', 'sources': ['prior', 'fitted']}]}
    """
    lists = {
        field: document[field] for field in ("metrics", "figures") if isinstance(document.get(field), list | tuple)
    }
    return {**document, **{field: [_migrate_source(entry) for entry in entries] for field, entries in lists.items()}}


def _migrate_source(entry: Any) -> Any:
    if not isinstance(entry, Mapping) or not {"sampler", "samplers"} & entry.keys():
        return entry
    renamed = {key: value for key, value in entry.items() if key not in ("sampler", "samplers")}
    if "sampler" in entry:
        renamed["source"] = _SOURCES.get(str(entry["sampler"]), entry["sampler"])
    if isinstance(entry.get("samplers"), list | tuple):
        renamed["sources"] = [_SOURCES.get(str(name), name) for name in entry["samplers"]]
    return renamed
