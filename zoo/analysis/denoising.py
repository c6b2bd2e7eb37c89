"""The error of a denoiser at each step of its chain, also compared with the exact answer."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from zoo.data import DataInfo
from zoo.diffusion.oracle import MixtureOracle
from zoo.errors import InputError, NotApplicableError
from zoo.model import Model
from zoo.objectives.denoising import Denoising


class StepLosses(NamedTuple):
    """Squared errors of a denoiser at some steps: sums over an example, means over examples, float64.

    Attributes:
        steps: (S,) the steps t.
        loss: (S,) E‖s − x_{t−1}‖².
        floor: (S,) E tr Cov(x_{t−1}|x_t), the lower bound for every s; None without an oracle.
        excess: (S,) E‖s − E[x_{t−1}|x_t]‖², so that loss = floor + excess up to sampling error; None without an oracle.
        gap_error: (S,) the standard error of loss − floor − excess; None without an oracle.
    """

    steps: Tensor
    loss: Tensor
    floor: Tensor | None = None
    excess: Tensor | None = None
    gap_error: Tensor | None = None

    @property
    def ratios(self) -> Tensor:
        """(S,) excess / floor of each step.

        Raises:
            InputError: there was no oracle.
        """
        floor, excess = self._parts()
        return excess / floor

    @property
    def excess_over_floor(self) -> float:
        """The average of the excess, divided by the average of the floor."""
        floor, excess = self._parts()
        return (excess.mean() / floor.mean()).item()

    def _parts(self) -> tuple[Tensor, Tensor]:
        if self.floor is None or self.excess is None:
            raise InputError("expected losses that were compared with an oracle, got losses without", where="measured")
        return self.floor, self.excess


def denoising_of(model: Model) -> Denoising:
    """Return the model's objective if it is ``denoising``.

    Raises:
        NotApplicableError: the model has another objective.
    """
    if not isinstance(model.objective, Denoising):
        name = model.spec.objective.name
        raise NotApplicableError(f"the model's objective is {name!r}, not 'denoising'", where="model")
    return model.objective


def is_known_mixture(info: DataInfo) -> bool:
    """Whether the data are from a Gaussian mixture with known parameters."""
    return {"weights", "means", "covariances"} <= set(info.facts)


def has_exact_denoiser(model: Model, info: DataInfo) -> bool:
    """Whether the exact answer is known: for data from a known mixture, if the model is not conditioned on labels."""
    return model.classes is None and is_known_mixture(info)


def check_has_exact_denoiser(model: Model, info: DataInfo) -> None:
    """Check that the exact answer is known, see :func:`has_exact_denoiser`.

    Raises:
        NotApplicableError: it is not.
    """
    if not has_exact_denoiser(model, info):
        raise NotApplicableError("the best denoiser of the data is not known")


def mixture_oracle(model: Model, info: DataInfo) -> MixtureOracle:
    """Return the exact denoiser for data from the dataset ``gaussian_mixture``, in the scale of the data."""
    return MixtureOracle.of_facts(info.facts, denoising_of(model).chain, info.scaling.shift, info.scaling.span)


@torch.no_grad()
def losses_by_step(
    model: Model,
    x0: Tensor,
    labels: Tensor | None = None,
    *,
    steps: int | None = None,
    oracle: MixtureOracle | None = None,
    batch_size: int = 2048,
) -> StepLosses:
    """Measure a denoiser at evenly spread steps of its chain, with new noise for each.

    Args:
        x0: (N, *data_shape) data.
        labels: (N,) class numbers, for a conditional model.
        steps: number of steps; default: all of the chain.
        oracle: the exact denoiser, if it is known.
    """
    objective = denoising_of(model)
    total = objective.chain.steps
    count = total if steps is None else min(steps, total)
    chosen = torch.linspace(1, total, count).round().long()
    rows = []
    for t in chosen.tolist():
        parts = []
        for start in range(0, len(x0), batch_size):
            block = slice(start, start + batch_size)
            parts.append(_errors(model, x0[block], None if labels is None else labels[block], t, oracle))
        errors = torch.cat(parts)
        gap = errors[:, 0] - errors[:, 1:].sum(1)
        rows.append(torch.cat([errors.mean(0), gap.std()[None] / len(errors) ** 0.5]))
    table = torch.stack(rows).T
    return StepLosses(chosen, table[0]) if oracle is None else StepLosses(chosen, *table)


def _errors(model: Model, x0: Tensor, labels: Tensor | None, t: int, oracle: MixtureOracle | None) -> Tensor:
    """Return the loss of each example at step t, and with an oracle its floor and excess, (N, 1) or (N, 3)."""
    objective = denoising_of(model)
    times = torch.full((len(x0),), t, device=x0.device)
    before, state = objective.chain.draw_pair(x0, times)
    estimate = objective.previous(model, state, times, labels).flatten(1).cpu().double()
    errors = [(estimate - before.flatten(1).cpu().double()).square().sum(1)]
    if oracle is not None:
        exact = oracle.posterior(state, t)
        errors.append(exact.covariance.diagonal(dim1=-2, dim2=-1).sum(-1))
        errors.append((estimate - exact.mean).square().sum(1))
    return torch.stack(errors, dim=1)
