"""Classifier-free guidance: the denoiser and the labels with which the reverse chain is run.

Source:
    Ho & Salimans (2022), Classifier-Free Diffusion Guidance. https://arxiv.org/abs/2207.12598
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.errors import ComponentError, InputError
from zoo.utils.precision import full_precision

if TYPE_CHECKING:
    from zoo.model import Model
    from zoo.objectives.denoising import Denoising


class GuidedDenoiser:
    """The function from states x_t (B, *data_shape) and t to the estimates x̂_0, for some labels.

    Args:
        labels: (B,) class numbers, or None.
        guidance: w; the output is u + w (c − u), with the outputs c for the labels and u without labels.
        clip: keep the estimates within the range of the data, if it is known.
    """

    def __init__(
        self, objective: Denoising, model: Model, labels: Tensor | None, guidance: float, *, clip: bool
    ) -> None:
        self.objective, self.model, self.labels, self.guidance = objective, model, labels, guidance
        self.bounds = objective.data_range if clip else None

    def __call__(self, state: Tensor, t: int) -> Tensor:
        """Return x̂_0, (B, *data_shape)."""
        times = torch.full((len(state),), t, device=state.device)
        if self.guidance == 1 or self.labels is None:
            raw = self.objective.output(self.model, state, times, self.labels)
        else:
            both = torch.cat([self.labels, no_class(self.model, len(self.labels))])
            stacked = self.objective.output(self.model, torch.cat([state, state]), torch.cat([times, times]), both)
            with_class, without = stacked.chunk(2)
            raw = without + self.guidance * (with_class - without)
        with full_precision(state):
            clean = self.objective.prediction.clean(state, raw, times)
            return clean.clamp(*self.bounds) if self.bounds else clean


def sampling_labels(
    objective: Denoising, model: Model, n: int, labels: Tensor | None, guidance: float
) -> Tensor | None:
    """Return the labels (n,) to sample with: the given ones, or "no class" for a model that was trained for it.

    Raises:
        InputError: the guidance is not a number, or labels are missing or wrong.
        ComponentError: guidance is asked for, but the model was not trained for it, or there are no labels.
    """
    if not isinstance(guidance, int | float):
        raise InputError(f"expected a number, got {guidance!r}", where="sample.guidance")
    if guidance != 1 and not (objective.label_dropout and labels is not None):
        reason = (
            "there are no labels to guide by" if objective.label_dropout else "the model was not trained without labels"
        )
        raise ComponentError(
            f"expected guidance 1, got {guidance:g}: {reason}",
            where="sample.guidance",
            remedy="It needs a model with `classes` and `objective: {label_dropout: 0.1}`, and labels.",
        )
    if labels is None and objective.label_dropout:
        return no_class(model, n)
    model.check_labels(labels, n)
    return labels


def no_class(model: Model, count: int) -> Tensor:
    """Return the labels (count,) that stand for no class."""
    embedding = model.label_embedding
    if embedding is None:
        raise ComponentError("the model has no labels", where="labels")
    return torch.full((count,), embedding.no_class, device=model.device)
