"""``zoo.impute``: fills in the missing values of each example."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from zoo.errors import NotApplicableError, why_not
from zoo.evaluation.evaluate import SplitName
from zoo.model import Model
from zoo.preparation.described import geometry_of
from zoo.preparation.preprocessing import stored_values
from zoo.spec.data_description import DataDescription
from zoo.use.masks import Masks
from zoo.use.rows import Array, Block, Quantity, Rows, RowStream
from zoo.use.source import Rowwise, Source
from zoo.use.units import InUnits
from zoo.utils.arguments import Count, Seed, checked

MISSING = Quantity("missing", meaning="number of values that were missing")
_RENAMED = Quantity("example_missing", meaning=MISSING.meaning)
"""The same for a table with a column called ``missing``."""


@checked
def impute(
    model: Model,
    data: Any,
    *,
    mask: Any = None,
    num_samples: Count = 100,
    split: SplitName | None = None,
    label: str | int | None = None,
    count: Count | None = None,
    seed: Seed = 0,
) -> Rows:
    """Return each example with its missing values replaced by their estimated means E[x | observed].

    Observed values keep their exact stored values. Data that are stored as bytes are returned as float32, because means
    are not whole numbers; images in files are rounded.

    Args:
        data: a :class:`zoo.data.Data`, one split, or raw data in any form that :func:`zoo.evaluate` accepts. NaN and
            empty values are missing.
        mask: further missing values: False (or 0) for a missing value, True (or 1) for an observed one; an array of
            the shape of a stored example for all examples, or (N, …) for each of them.
        num_samples: K, the number of importance-weighted draws of z per example.
        split: the split to use; by default all splits of the data.
        label: the class of all examples, by name or number, for a conditional model; by default that in the data.
        count: use only this many examples of each split, from its start.
        seed: seed of the draws.

    Returns:
        Rows: as those of :func:`zoo.reconstruct`, with ``missing``, the number of values that were filled in.

    Raises:
        NotApplicableError: the model does not encode data, or its images were resized.
        InputError: the mask has another shape or type.
        DataError: the data have another shape, range or classes than the model needs.

    Source:
        Mattei & Frellsen (2019), MIWAE: Deep Generative Modelling and Imputation of Incomplete Data Sets, section 3.3.
        https://arxiv.org/abs/1812.02633

    Example:
        >>> import numpy as np, zoo
        >>> upper = np.zeros((8, 8), bool)
        >>> upper[:4] = True
        >>> rows = zoo.impute(zoo.load("vae-mlp-2d.digits"), zoo.load_data("digits"), mask=upper, count=2)
        >>> rows["x"].shape, rows["missing"]
        ((6, 1, 8, 8), array([32, 32, 32, 32, 32, 32]))
    """
    source = Source(model, data, split=split, label=label, count=count)
    return imputations(source, seed, mask=mask, num_samples=num_samples).collect()


def imputations(
    source: Source, seed: int = 0, *, mask: Any = None, num_samples: int = 100, inputs: bool = False
) -> RowStream:
    """Return the examples of a source with their missing values filled in; they are computed while the rows are read.

    Args:
        inputs: for images, also return ``input``, with missing pixels at the lowest value.
    """
    model, data = source.model, source.data
    reason = why_not(model.require_reconstruction)
    if reason is not None:
        raise NotApplicableError(
            f"the model cannot fill in values: {reason}",
            where="impute",
            remedy="Use a model with an encoder and a decoder.",
        )
    if not data.is_known:
        raise NotApplicableError(
            "the checkpoint does not describe how data are prepared, so that observed values cannot be preserved",
            where="impute",
            remedy="Train the model again, or use `model.impute` on prepared tensors.",
        )
    geometry, stored_shape = geometry_of(data), data.stored.shape if data.stored else ()
    if geometry.resize is not None and tuple(stored_shape[1:]) != geometry.resize:
        raise NotApplicableError(
            f"the model's images are resized from {stored_shape[1]} × {stored_shape[2]} to {geometry.resize[0]} × "
            f"{geometry.resize[1]} pixels, so that observed pixels cannot be preserved",
            where="impute",
            remedy="Resize the images first, and train a model on the resized images.",
        )
    masks = None if mask is None else Masks(mask, source, tuple(stored_shape))
    units = InUnits(source.data)
    source.taken = frozenset(each.name for each in units.quantities)
    missing = _RENAMED if MISSING.name in source.taken else MISSING
    shown = units.inputs if inputs and units.images else ()

    def compute(rows: Rowwise) -> Block:
        x, labels, observed = rows.batch
        stored = _stored(rows, data)
        seen = ~stored.isnan() if stored.is_floating_point() else torch.ones_like(stored, dtype=torch.bool)
        known = ~x.isnan() if observed is None else observed & ~x.isnan()
        if masks is not None:
            own = masks.of(rows.split.positions[rows.indices])
            seen = seen & own
            known = known & _prepared_mask(own, data, x)
        whole = stored if stored.is_floating_point() else stored.float()  # means of bytes have fractions
        if not bool(known.all()):
            filled = model.impute(x, known, labels, num_samples=num_samples)
            whole = torch.where(seen, whole, stored_values(filled, data, rounded=False).to(whole.dtype))
        given = {"input": units.of_stored(torch.where(seen, stored, stored.min()))["x"]} if shown else {}
        return {**given, **units.of_stored(whole), missing.name: _count(seen)}

    blocks, names = source.computed(compute, seed), tuple(each.name for each in shown)
    quantities = (*shown, *units.quantities, missing)
    return RowStream("imputations", len(source), source.keys, quantities, blocks, data, (*names, *units.images))


def _count(seen: Tensor) -> Array:
    """Return how many values of each example were missing."""
    return (~seen).flatten(1).sum(1).numpy()


def _stored(rows: Rowwise, data: DataDescription) -> Tensor:
    """Return the examples as they are stored, without padding, (B, *stored.shape), on the CPU."""
    own = rows.split.info.description
    if own is None or own.binarise != "none" or not (data.columns or own.stored == data.stored):
        return stored_values(rows.batch.x, data)  # binarised pixels, or values that the user has prepared
    stored = rows.split.stored(rows.indices).cpu()
    size = data.stored.shape if data.stored else ()
    return geometry_of(data).undo(stored, (size[1], size[2])) if len(size) == 3 else stored


def _prepared_mask(mask: Tensor, data: DataDescription, x: Tensor) -> Tensor:
    """Return the mask of prepared values for a mask of stored ones (B, *stored.shape); padding counts as observed."""
    pad = geometry_of(data).pad
    if data.columns:
        mask = mask.repeat_interleave(torch.tensor([column.width for column in data.columns]), 1)
    elif pad:
        mask = torch.nn.functional.pad(mask, [pad, pad, pad, pad], value=True)
    return mask.to(x.device)
