"""``zoo.embed``: the latents of each example."""

from __future__ import annotations

from typing import Any, cast

from zoo.errors import NotApplicableError
from zoo.evaluation.evaluate import SplitName
from zoo.model import Model
from zoo.posteriors import Quantiser, posterior_mean
from zoo.use.rows import Block, Quantity, Rows, RowStream
from zoo.use.source import Rowwise, Source
from zoo.utils.arguments import Count, Seed, checked


@checked
def embed(
    model: Model,
    data: Any,
    *,
    split: SplitName | None = None,
    label: str | int | None = None,
    count: Count | None = None,
    seed: Seed = 0,
) -> Rows:
    """Return the latents of each example: the mean of q(z|x), or the indices of discrete codes.

    Choose it for features to cluster, search or classify with, and for a map of the data.

    Args:
        data: a :class:`zoo.data.Data`, one split, or raw data in any form that :func:`zoo.evaluate` accepts.
        split: the split to use; by default all splits of the data.
        label: the class of all examples, by name or number, for a conditional model; by default that in the data.
        count: use only this many examples of each split, from its start.
        seed: seed of the draws, for a posterior whose mean is estimated from draws.

    Returns:
        Rows: ``z`` (N, *latent_shape), or ``code`` (N, *grid), with ``name`` or ``row``, with ``class`` if there are
        labels, and ``split`` if there are several.

    Raises:
        NotApplicableError: the model has no latents.
        DataError: the data have another shape, range or classes than the model needs.

    Example:
        >>> import zoo
        >>> rows = zoo.embed(zoo.load("vae-mlp-2d.digits"), zoo.load_data("digits"), split="test")
        >>> rows["z"].shape, rows["class"][:3]
        ((270, 2), array(['3', '5', '8'], dtype='<U1'))
    """
    return embeddings(Source(model, data, split=split, label=label, count=count), seed).collect()


def embeddings(source: Source, seed: int = 0) -> RowStream:
    """Return the latents of the examples of a source; they are computed while the rows are read."""
    model = source.model
    if not model.has("posterior"):
        raise NotApplicableError(
            "expected a model with latents, got a network from data to data",
            where="embed",
            remedy="Use a model with an encoder, such as `vae-conv-16d`.",
        )
    posterior = model.posterior
    if isinstance(posterior, Quantiser):
        quantity = Quantity("code", tuple(posterior.grid), meaning="index of the code at each position of the grid")
    else:
        quantity = Quantity("z", model.latent_shape, meaning="mean of q(z|x)")

    def compute(rows: Rowwise) -> Block:
        q = model.encode(*rows.batch)
        if isinstance(posterior, Quantiser):
            return {"code": cast(Any, q).codes.mode.cpu().numpy()}
        return {"z": posterior_mean(q).float().cpu().numpy()}

    blocks = source.computed(compute, seed)
    return RowStream("embeddings", len(source), source.keys, (quantity,), blocks, model.data)
