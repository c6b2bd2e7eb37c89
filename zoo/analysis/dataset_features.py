"""Features of a dataset, from a classifier that is trained in seconds and stored in the user's cache."""

from __future__ import annotations

import hashlib
import math
import warnings
from pathlib import Path
from typing import cast

import torch
from filelock import FileLock
from platformdirs import user_cache_path
from torch import Tensor
from torch.nn import functional as F

from zoo.analysis.feature_classifier import FeatureClassifier
from zoo.checkpoints.weights import load_weights, read_weights, save_weights
from zoo.data import Split
from zoo.errors import CheckpointError, DataError, ZooWarning
from zoo.utils.seeds import epoch_order, seeded

_VERSION = 1
"""Part of the key: raised when the network or its training changes, so that metrics of two versions do not mix."""
_STEPS, _BATCH, _RATE = 600, 128, 2e-3
_FIRST_EXAMPLES = 256


def dataset_classifier(train: Split, *, cache: Path | None = None) -> FeatureClassifier:
    """Return the classifier of a dataset, from the cache or newly trained; the same data give the same classifier.

    It is the same for data in [0, 1] and in [-1, 1], so that samples of a VAE and of a denoiser can be compared.

    Args:
        train: the training data, with labels.
        cache: the folder of the files; in the user's cache if not given.

    Raises:
        DataError: there are no labels, or fewer than two classes.

    Example:
        >>> import torch
        >>> from zoo.data import split_of_tensor
        >>> train = split_of_tensor(torch.arange(40.0).view(20, 2), torch.arange(20) % 2)
        >>> classifier = dataset_classifier(train)
        >>> classifier.features(train.examples(4)).shape
        torch.Size([4, 32])
    """
    if train.labels is None or len(train.labels.unique()) < 2:
        raise DataError(
            "expected labels of at least two classes to train a classifier, got data without",
            where="features",
            remedy="Pass your own features: zoo.evaluate(…, features=…).",
        )
    folder = cache or user_cache_path("latent-zoo", appauthor=False) / "features"
    path = folder / f"{train.info.name}-{fingerprint(train)}.safetensors"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            classifier = _read(path, train)
            if classifier is None:
                classifier = train_classifier(train)
                save_weights(classifier.state_dict(), path)
    except OSError as error:
        warnings.warn(f"cannot write to {folder} ({error}): the classifier is not cached", ZooWarning, stacklevel=2)
        classifier = train_classifier(train)
    if train.info.data_range is not None:
        low, high = train.info.data_range
        classifier.shift.mul_(high - low).add_(low)
        classifier.span.mul_(high - low)
    return classifier


def train_classifier(train: Split) -> FeatureClassifier:
    """Train the classifier for a fixed number of steps from a fixed seed, on data mapped to [0, 1] if bounded."""
    assert train.labels is not None
    with seeded(0), torch.enable_grad():
        classifier = _blank(train)
        examples = _in_unit(train.examples(torch.arange(min(_FIRST_EXAMPLES, len(train)))), train)
        classifier.shift.copy_(examples.mean())
        classifier.span.copy_(examples.std().clamp_min(1e-6))
        optimizer = torch.optim.Adam(classifier.parameters(), lr=_RATE)
        step = 0
        while step < _STEPS:
            order = epoch_order(len(train), 0, step)
            for batch in train.batches(_BATCH, order=order, device="cpu"):
                for group in optimizer.param_groups:
                    group["lr"] = _RATE * 0.5 * (1 + math.cos(math.pi * step / _STEPS))
                loss = F.cross_entropy(classifier(_in_unit(batch.x, train)), cast(Tensor, batch.labels))
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                step += 1
                if step == _STEPS:
                    break
    return classifier.eval().requires_grad_(False)


def fingerprint(train: Split) -> str:
    """Return a key for the data and the training of the classifier, 16 hexadecimal digits.

    It depends on the stored examples, their labels, and the first prepared examples, so that the same data in the same
    form have the same key.
    """
    assert train.labels is not None
    with seeded(0):
        first = _in_unit(train.examples(_FIRST_EXAMPLES).cpu(), train).contiguous()
    bounds = None if train.info.data_range is None else (0.0, 1.0)
    digest = hashlib.sha256(f"{_VERSION} {train.info.data_shape} {bounds} {train.digest()}".encode())
    digest.update(first.numpy().tobytes())
    return digest.hexdigest()[:16]


def _read(path: Path, train: Split) -> FeatureClassifier | None:
    """Return the classifier in the cache, or None if there is none or it cannot be read."""
    if not path.is_file():
        return None
    classifier = _blank(train)
    try:
        load_weights(classifier, read_weights(path), str(path))
    except CheckpointError:
        return None
    return classifier.eval().requires_grad_(False)


def _blank(train: Split) -> FeatureClassifier:
    """Return an untrained classifier; the caller's random state does not change."""
    assert train.labels is not None
    with seeded(0):
        return FeatureClassifier(train.info.data_shape, int(train.labels.max()) + 1)


def _in_unit(x: Tensor, train: Split) -> Tensor:
    """Map bounded data to [0, 1], bytes exactly, because rounding errors would lead to another classifier."""
    if train.info.data_range is None or tuple(train.info.data_range) == (0.0, 1.0):
        return x
    low, high = train.info.data_range
    unit = (x - low) / (high - low)
    byte = (unit * 255).round()
    return torch.where((unit * 255 - byte).abs() < 1e-4, byte / 255, unit)
