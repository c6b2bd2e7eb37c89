"""``zoo.score``: the log-likelihood of each example under a model, and the terms of its bound."""

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
"""Draws of z for the terms, which are means and need fewer draws than the estimate of log p(x)."""

LOG_LIKELIHOOD = Quantity(
    "log_likelihood", meaning="importance-weighted estimate of log p(x)", unit="nats", depends_on_units=True
)
ELBO = Quantity("elbo", meaning="lower bound on log p(x): −reconstruction − kl", unit="nats", depends_on_units=True)
RECONSTRUCTION = Quantity("reconstruction", meaning="−E log p(x|z)", unit="nats", depends_on_units=True)
KL = Quantity("kl", meaning="KL(q(z|x) ‖ p(z))", unit="nats")
SQUARED_ERROR = Quantity("squared_error", meaning="mean squared error of the reconstruction, of prepared values")

_RANKINGS = ((LOG_LIKELIHOOD, -1), (RECONSTRUCTION, 1), (SQUARED_ERROR, 1))
"""Quantities to rank examples by, the preferred one first, with the sign that makes unusual examples large."""


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
    """Return the log-likelihood of each example, in nats, with the terms of its bound.

    Choose it to find anomalies, the examples with a low log-likelihood. Densities are those of the data in their own
    units: for standardised columns, log p(x) differs from that of the prepared values by a constant, or, if values are
    missing, by a number that depends on which ones are observed. A larger ``num_samples`` gives a tighter estimate.

    Args:
        data: a :class:`zoo.data.Data`, one split, or raw data in any form that :func:`zoo.evaluate` accepts.
        num_samples: K, the number of importance-weighted draws of z per example.
        fitted: use the prior that was fitted after training as p(z).
        by_value: add ``contribution``, the contribution of each value to log p(x|z): of each pixel, or of each column
            of a table (all categories of a column together).
        split: the split to use; by default all splits of the data.
        label: the class of all examples, by name or number, for a conditional model; by default that in the data.
        count: use only this many examples of each split, from its start.
        seed: seed of the draws; the same data and seed give the same numbers.

    Returns:
        Rows: ``log_likelihood``, ``elbo``, ``reconstruction`` (−E log p(x|z)), ``kl`` and ``squared_error``, (N,) each;
        for a model without a density of z, such as an autoencoder, only ``reconstruction`` and ``squared_error``.

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
    """Return the scores of the examples of a source; they are computed while the rows are read."""
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
        raise InputError(f"{reason}, so its score does not depend on p(z)", where="fitted", remedy="Leave it out.")
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


def ranking(quantities: tuple[Quantity, ...]) -> tuple[Quantity, int]:
    """Return the quantity by which examples are ranked, and the sign that makes it large for unusual examples."""
    return next((quantity, sign) for quantity, sign in _RANKINGS if quantity in quantities)


def _quantities(model: Model) -> tuple[Quantity, ...]:
    """Return the quantities of a score that can be computed with a model.

    Raises:
        NotApplicableError: there are none.
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
    return Quantity("contribution", shape, columns, "contribution of a value to log p(x|z)", "nats")


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
    """Return the contribution of each value to log p(x|z) at the mean of z, or −(x − mean)² if that is not known."""
    x, mask = inference.x, inference.mask
    assert x is not None
    p = inference.decode(posterior_mean(inference.posterior))
    found = model.likelihood.log_prob_by_value(p, x, mask) if model.has("likelihood") else None
    if found is not None:
        return found + volume
    errors = -(p.mean - x).square()
    return errors if mask is None else torch.where(mask, errors, 0.0)


def _by_column(values: Tensor, data: DataDescription) -> Tensor:
    """Return the sums (B, C) of the values (B, W) of each column of a table; other data are returned unchanged."""
    if not data.columns:
        return values
    widths = [column.width for column in data.columns]
    return torch.stack([part.sum(1) for part in values.split(widths, 1)], 1)


def _summed(volume: Tensor, mask: Tensor | None) -> Tensor:
    """Return the sum over the values of an example, (), or (B,) if values are missing."""
    return volume.sum() if mask is None else volume.flatten(1).sum(1)
