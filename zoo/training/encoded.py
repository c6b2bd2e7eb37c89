"""Data that are encoded once, for a fit that would otherwise encode them again in every epoch."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from zoo.data import Batch, Data, Split
from zoo.data.store import MemoryStore
from zoo.model import Model
from zoo.preparation.transforms import Scaling
from zoo.spec.training import TrainSpec
from zoo.utils.precision import full_precision

_MOST_BYTES = 2**29
_ROWS = 512


def encoded(model: Model, data: Data, spec: TrainSpec) -> Data | None:
    """Return the data with the encoder's features in place of the examples, or None if that is not equivalent.

    None if pixels are drawn again in each epoch, if the posterior, the prior or a callback asks for the examples, for a
    single epoch, and for features that are not float32 or take more than half a gigabyte. The test split is not
    encoded, because a fit does not read it; a resumed fit checks only its length.

    Example:
        >>> import zoo
        >>> data = zoo.load_data("digits")
        >>> model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8), encoder={"widths": [16]}).eval()
        >>> encoded(model, data, TrainSpec(epochs=10)).train.examples(3).shape
        torch.Size([3, 16])
    """
    splits = (data.train, data.validation) if data.validation is not None else (data.train,)
    needs_examples = model.posterior_asks or (model.has("fitted_prior") and model.fitted_prior.needs_data)
    if needs_examples or spec.callbacks or spec.epochs == 1 or any(split.changes for split in splits):
        return None
    example = _features(model, data.train.take(torch.arange(1)))
    size = sum(map(len, splits)) * math.prod(example.shape[1:]) * example.element_size()
    if size > _MOST_BYTES or example.dtype != torch.float32:
        return None
    train, *others = (_encoded_split(model, split) for split in splits)
    return Data(train.info, train, others[0] if others else None, data.test)


def _encoded_split(model: Model, split: Split) -> Split:
    features = torch.cat([_features(model, batch) for batch in split.batches(_ROWS, device=model.device)])
    labels = None if split.labels is None else split.labels.to(features.device)
    info = replace(split.info, data_shape=tuple(features.shape[1:]), data_range=None, missing=False, scaling=Scaling())
    return Split(info, MemoryStore(features, labels, split.positions.to(features.device)), Scaling())


@torch.no_grad()
def _features(model: Model, batch: Batch) -> Tensor:
    x, labels, mask = (None if each is None else each.to(model.device) for each in batch)
    assert x is not None
    with full_precision(x):
        return model.inference_of_batch(x, labels if model.classes else None, mask).features
