"""``zoo.score``: how probable each example is under a model, and the terms of its bound."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

import torch
from torch import Tensor

from zoo.errors import InputError, NotApplicableError, why_not
from zoo.evaluation.evaluate import SplitName
from zoo.model import Inference, Model
from zoo.posteriors import posterior_mean
from zoo.spec.data_description import DataDescription
from zoo.use.rows import Block, Quantity, Rows, RowStream
from zoo.use.source import Rowwise, Source
from zoo.use.units import log_volume
from zoo.utils.arguments import Count, Seed, checked

_DRAWS = 16
"""Draws of z for the terms: they are means, which need fewer of them than the estimate of log p(x)."""

LOG_LIKELIHOOD = Quantity("log_likelihood", meaning="importance-weighted estimate of log p(x)", unit="nats")
ELBO = Quantity("elbo", meaning="lower bound on log p(x): −reconstruction − kl", unit="nats")
RECONSTRUCTION = Quantity("reconstruction", meaning="−E log p(x|z)", unit="nats")
KL = Quantity("kl", meaning="KL(q(z|x) ‖ p(z))", unit="nats")
SQUARED_ERROR = Quantity("squared_error", meaning="mean squared error of the reconstruction, of prepared values")


@checked
def score(
    model: Model,
    data: Any,
    *,
    num_samples: Count = 200,
    fitted: bool = False,
    by_value: bool = False,
    split: SplitName | None = None,
    label: str | int | None = None,
    count: Count | None = None,
    seed: Seed = 0,
) -> Rows:
    """Return how probable each example is, in nats, with the terms of the bound: improbable ones are anomalies.

    Densities are those of the data as they are stored: of standardised columns, log p(x) of a row in its own units,
    which differs from that of prepared values by a constant, or, where values are missing, by an amount that depends
    on which are observed. Choose ``num_samples`` larger for a tighter estimate.

    Args:
        data: a :class:`zoo.data.Data`, one split, or raw data in any form that :func:`zoo.evaluate` takes.
        num_samples: K, importance-weighted draws of z for each example.
        fitted: take the prior that was fitted after training as p(z).
        by_value: add ``contribution``, what each value of the example adds to its score: each column of a table, whose
            categories count together, or each pixel.
        split: of several splits, the one to use; all if not given.
        label: the class of all examples by name or number, for a conditional model; that in the data if not given.
        count: use only this many examples of each split, from its start.
        seed: of the draws; the same data and seed give the same numbers.

    Returns:
        Rows: ``log_likelihood``, ``elbo``, ``reconstruction`` (−E log p(x|z)), ``kl`` and ``squared_error``, (N,) each;
        of a model without a density of z, such as an autoencoder, only ``reconstruction`` and ``squared_error``.

    Raises:
        NotApplicableError: the model neither has a likelihood nor reconstructs data.
        DataError: the data have another shape, range or classes than the model needs.

    Source:
        Burda, Grosse & Salakhutdinov (2016), Importance Weighted Autoencoders, equation 8.
        https://arxiv.org/abs/1509.00519

    Example:
        >>> import zoo
        >>> rows = zoo.score(zoo.load("vae-mlp-2d.digits"), zoo.load_data("digits"), num_samples=50, split="test")
        >>> rows["log_likelihood"].shape, bool((rows["elbo"].mean() < rows["log_likelihood"].mean()))
        ((270,), True)
    """
    source = Source(model, data, split=split, label=label, count=count)
    return scores(source, seed, num_samples=num_samples, fitted=fitted, by_value=by_value).collect()


def scores(
    source: Source, seed: int = 0, *, num_samples: int = 200, fitted: bool = False, by_value: bool = False
) -> RowStream:
    """Return the scores of the examples of a source, computed as they are read."""
    model = source.model
    quantities = list(_quantities(model))
    if num_samples < 1:
        raise InputError(f"expected at least 1 draw, got {num_samples}", where="num_samples")
    if fitted and not model.has("fitted_prior"):
        raise InputError(
            "the model has no fitted prior", where="fitted", remedy="Fit one with `zoo.fit_prior`, or leave it out."
        )
    if fitted and not model.has_density:
        reason = why_not(model.require_density)
        raise InputError(f"{reason}, so its score has no p(z)", where="fitted", remedy="Leave it out.")
    if by_value:
        quantities.append(_contribution(model, {each.name for each in (*source.keys, *quantities)}))

    def compute(rows: Rowwise) -> Block:
        x, labels, _ = rows.batch
        inference = model.inference(*rows.batch, fitted=fitted)
        mask = inference.mask
        volume = log_volume(model, mask)
        found = _terms(model, inference, volume)
        if model.has_density:
            estimate = model.log_likelihood(x, labels, mask=mask, num_samples=num_samples, fitted=fitted)
            found["log_likelihood"] = estimate + _summed(volume, mask)
        if by_value:
            found["contribution"] = _by_column(_contributions(model, inference, volume), model.data)
        return {each.name: found[each.name].float().cpu().numpy() for each in quantities}

    return RowStream("scores", len(source), source.keys, tuple(quantities), source.computed(compute, seed), model.data)


def ranking(quantities: tuple[Quantity, ...]) -> tuple[str, int]:
    """Return the quantity by which examples are ranked, and the sign with which it grows for stranger ones."""
    names = [each.name for each in quantities]
    if "log_likelihood" in names:
        return "log_likelihood", -1
    return ("reconstruction" if "reconstruction" in names else "squared_error"), 1


def _quantities(model: Model) -> tuple[Quantity, ...]:
    """Return the quantities of a score that the model has.

    Raises:
        NotApplicableError: nothing can.
    """
    reason = why_not(model.require_reconstruction)
    error = (SQUARED_ERROR,) if reason is None else ()
    if model.has_density:
        return (LOG_LIKELIHOOD, ELBO, RECONSTRUCTION, KL, *error)
    if reason is not None:
        raise NotApplicableError(
            f"the model neither has a likelihood nor reconstructs data: {reason}",
            where="score",
            remedy="Use a model with a posterior and a decoder, such as a VAE or an autoencoder.",
        )
    return (RECONSTRUCTION, *error) if model.has("likelihood") else error


def _contribution(model: Model, taken: Set[str]) -> Quantity:
    columns = tuple(f"contribution_{name}" if name in taken else name for name in model.data.column_names)
    shape = (len(columns),) if columns else model.data_shape
    return Quantity("contribution", shape, columns, "what a value adds to log p(x|z)", "nats")


def _terms(model: Model, inference: Inference, volume: Tensor) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    x, mask = inference.x, inference.mask
    assert x is not None
    if why_not(model.require_reconstruction) is None:
        mean = inference.decode(posterior_mean(inference.posterior)).mean
        errors = (mean - x).square()
        if mask is not None:
            errors = torch.where(mask, errors, 0.0)
        seen = mask.flatten(1).sum(1).clamp_min(1) if mask is not None else errors[0].numel()
        found["squared_error"] = errors.flatten(1).sum(1) / seen
    if not model.has("likelihood"):
        return found
    samples = inference.draw(1 if model.posterior.deterministic or not model.has_density else _DRAWS)
    found["reconstruction"] = -samples.log_likelihood.mean(0) - _summed(volume, mask)
    if model.has_density:
        found["kl"] = samples.kl()
        found["elbo"] = -found["reconstruction"] - found["kl"]
    return found


def _contributions(model: Model, inference: Inference, volume: Tensor) -> Tensor:
    """Return what each value adds to log p(x|z) at the mean of z, or where that is not known, −(x − mean)²."""
    x, mask = inference.x, inference.mask
    assert x is not None
    p = inference.decode(posterior_mean(inference.posterior))
    found = model.likelihood.log_prob_by_value(p, x, mask) if model.has("likelihood") else None
    if found is not None:
        return found + volume
    errors = -(p.mean - x).square()
    return errors if mask is None else torch.where(mask, errors, 0.0)


def _by_column(values: Tensor, data: DataDescription) -> Tensor:
    """Return the sums (B, C) of the values (B, W) of each column of a table; other values are left as they are."""
    if not data.columns:
        return values
    widths = [column.width for column in data.columns]
    return torch.stack([part.sum(1) for part in values.split(widths, 1)], 1)


def _summed(volume: Tensor, mask: Tensor | None) -> Tensor:
    """Return the sum over the values of an example: (), or (B,) where values are missing."""
    return volume.sum() if mask is None else volume.flatten(1).sum(1)
