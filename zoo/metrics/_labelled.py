"""What the metrics share that predict labels from codes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from zoo.analysis.codes import Codes, encode_split
from zoo.analysis.probes import folds
from zoo.metrics import EvaluationContext
from zoo.model import Model

FOLDS = 5
Predict = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Maps points, known points and their labels to the points' labels."""


def no_code(model: Model) -> str | None:
    """Return why a model has no codes to predict labels from, or None if it has."""
    if model.classes:
        return "its encoder is told the class"
    return None if model.has("encoder") else "it has no code"


def too_few(context: EvaluationContext, needed: int) -> str | None:
    """Return what of labelled data is lacking, where so many known examples are needed."""
    known = context.train if context.train is not None else context.split
    if context.split.labels is None or known.labels is None:
        return "the data have no labels"
    if len(known.labels.unique()) < 2:
        return "the data are of one class"
    count = len(known) if context.train is not None else len(known) * (FOLDS - 1) // FOLDS
    return None if count >= needed else f"at least {needed} examples with labels are needed, there are {count}"


def accuracy(context: EvaluationContext, train_examples: int, predict: Predict) -> tuple[float, str]:
    """Return the share of labels of the split that are predicted from its codes, and what they were learned from.

    Codes of the training data teach where those are at hand; else the split teaches itself, in five folds.
    """
    codes = encode_split(context.model, context.split)
    if context.train is not None:
        known = encode_split(context.model, context.train, train_examples)
        return _agreement(predict(codes.means, *_labelled(known)), codes), "training data"
    means, labels = _labelled(codes)
    fold = folds(len(means), FOLDS)
    predicted = torch.empty_like(labels)
    for index in range(FOLDS):
        held_out = fold == index
        predicted[held_out] = predict(means[held_out], means[~held_out], labels[~held_out])
    return _agreement(predicted, codes), f"{FOLDS}-fold cross-validation"


def _labelled(codes: Codes) -> tuple[Tensor, Tensor]:
    assert codes.labels is not None
    return codes.means, codes.labels


def _agreement(predicted: Tensor, codes: Codes) -> float:
    return (predicted == _labelled(codes)[1]).double().mean().item()
