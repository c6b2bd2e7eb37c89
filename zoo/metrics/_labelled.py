"""Shared by the metrics that predict labels from codes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from zoo.analysis.codes import Codes, encode_split
from zoo.analysis.probes import folds
from zoo.errors import NotApplicableError
from zoo.metrics import EvaluationContext, Measurement, Result

FOLDS = 5
Predict = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Maps points, known points and their labels to the points' labels."""


def check_labelled_codes(context: EvaluationContext, least: int) -> None:
    """Check that there are at least this many codes of labelled examples to learn from.

    Raises:
        NotApplicableError: there are not, or the encoder is given the labels that the codes should predict.
    """
    context.require_latents()
    if context.model.classes:
        raise NotApplicableError("the model's encoder is given the labels")
    known = context.train if context.train is not None else context.split
    if context.split.labels is None or known.labels is None:
        raise NotApplicableError("the data have no labels")
    if len(known.labels.unique()) < 2:
        raise NotApplicableError("all labels of the data are the same")
    count = len(known) if context.train is not None else len(known) * (FOLDS - 1) // FOLDS
    if count < least:
        raise NotApplicableError(f"it needs at least {least} labelled examples to learn from, there are {count}")


def measure_accuracy(result: Result, context: EvaluationContext, train_examples: int, predict: Predict) -> Measurement:
    """Return the share of the split's labels that are predicted from its codes.

    The prediction is learned from codes of the training data where those are available; else from the split itself, in
    five-fold cross-validation.
    """
    codes = encode_split(context.model, context.split)
    if context.train is not None:
        known = encode_split(context.model, context.train, train_examples)
        predicted = predict(codes.means, *_labelled(known))
        return Measurement(result, _agreement(predicted, codes), note="learned from the training data")
    means, labels = _labelled(codes)
    fold = folds(len(means), FOLDS)
    predicted = torch.empty_like(labels)
    for index in range(FOLDS):
        held_out = fold == index
        predicted[held_out] = predict(means[held_out], means[~held_out], labels[~held_out])
    return Measurement(result, _agreement(predicted, codes), note=f"learned in {FOLDS}-fold cross-validation")


def _labelled(codes: Codes) -> tuple[Tensor, Tensor]:
    assert codes.labels is not None
    return codes.means, codes.labels


def _agreement(predicted: Tensor, codes: Codes) -> float:
    return (predicted == _labelled(codes)[1]).double().mean().item()
