"""``zoo.reconstruct``: the reconstruction of each example."""

from __future__ import annotations

from typing import Any

from zoo.errors import NotApplicableError, why_not
from zoo.evaluation.evaluate import SplitName
from zoo.model import Model
from zoo.use.rows import Block, Rows, RowStream
from zoo.use.source import Rowwise, Source
from zoo.use.units import InUnits
from zoo.utils.arguments import Count, Seed, checked


@checked
def reconstruct(
    model: Model,
    data: Any,
    *,
    split: SplitName | None = None,
    label: str | int | None = None,
    count: Count | None = None,
    seed: Seed = 0,
) -> Rows:
    """Return the reconstruction of each example, in the units, size and columns of the data.

    Choose it to denoise or smooth data, and to see which details a model preserves.

    Args:
        data: a :class:`zoo.data.Data`, one split, or raw data in any form that :func:`zoo.evaluate` accepts.
        split: the split to use; by default all splits of the data.
        label: the class of all examples, by name or number, for a conditional model; by default that in the data.
        count: use only this many examples of each split, from its start.
        seed: seed of the draws, for a posterior whose mean is estimated from draws.

    Returns:
        Rows: ``x`` (N, …) as :meth:`~zoo.model.model.Model.postprocess` returns it with ``rounded=False``: for bytes,
            means in float32; for a table, an array for each column instead.

    Raises:
        NotApplicableError: the model does not encode data, or does not decode latents to a mean.
        DataError: the data have another shape, range or classes than the model needs.

    Example:
        >>> import zoo
        >>> zoo.reconstruct(zoo.load("vae-mlp-2d.digits"), zoo.load_data("digits"), count=5)["x"].shape
        (15, 1, 8, 8)
    """
    return reconstructions(Source(model, data, split=split, label=label, count=count), seed).collect()


def reconstructions(source: Source, seed: int = 0, *, inputs: bool = False) -> RowStream:
    """Return the reconstructions of the examples of a source; they are computed while the rows are read.

    Args:
        inputs: for images, also return ``input``.
    """
    model = source.model
    reason = why_not(model.require_reconstruction)
    if reason is not None:
        raise NotApplicableError(
            f"the model does not reconstruct data: {reason}",
            where="reconstruct",
            remedy="Use a model with an encoder and a decoder.",
        )
    units = InUnits(source.data)
    source.taken = frozenset(each.name for each in units.quantities)
    shown = units.inputs if inputs and units.images else ()

    def compute(rows: Rowwise) -> Block:
        given = {"input": units.of(rows.batch.x)["x"]} if shown else {}
        return {**given, **units.of(model.reconstruct(*rows.batch))}

    blocks, names = source.computed(compute, seed), tuple(each.name for each in shown)
    return RowStream(
        *("reconstructions", len(source), source.keys, (*shown, *units.quantities), blocks, source.data),
        (*names, *units.images),
    )
