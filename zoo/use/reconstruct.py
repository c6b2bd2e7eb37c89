"""``zoo.reconstruct``: each example, encoded and decoded by a model."""

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
    """Return each example encoded and decoded again, in the units, size and columns of the data.

    Choose it to denoise or smooth data, and to see what a model keeps of them.

    Args:
        data: a :class:`zoo.data.Data`, one split, or raw data in any form that :func:`zoo.evaluate` takes.
        split: of several splits, the one to use; all if not given.
        label: the class of all examples by name or number, for a conditional model; that in the data if not given.
        count: use only this many examples of each split, from its start.
        seed: of the draws, for a posterior whose mean is estimated from draws.

    Returns:
        Rows: ``x`` (N, …) as :meth:`~zoo.model.model.Model.postprocess` returns it with ``rounded=False``: means of
            bytes are float32, with fractions; or a name for each column of a table.

    Raises:
        NotApplicableError: the model does not encode data, or does not decode them without their noise.
        DataError: the data have another shape, range or classes than the model needs.

    Example:
        >>> import zoo
        >>> zoo.reconstruct(zoo.load("vae-mlp-2d.digits"), zoo.load_data("digits"), count=5)["x"].shape
        (15, 1, 8, 8)
    """
    return reconstructions(Source(model, data, split=split, label=label, count=count), seed).collect()


def reconstructions(source: Source, seed: int = 0, *, inputs: bool = False) -> RowStream:
    """Return the reconstructions of the examples of a source, computed as they are read.

    Args:
        inputs: add ``input`` to images, to be shown beside them.
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
