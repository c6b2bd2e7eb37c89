"""What a report says in words: each figure of merit explained in a sentence, numbers as people write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoo.registry import find_source, list_components
from zoo.registry.inspection import describe_component

_EXPLANATIONS: Mapping[str, str] = {
    "elbo": "Evidence lower bound, a floor under log p(x), mean over the examples, in nats. Higher is better.",
    "reconstruction": "Nats that it takes to tell an example once its code is known, −E log p(x|z). Lower is better.",
    "kl": "Nats that the codes tell about an example: KL divergence of q(z|x) from the prior, part of the ELBO.",
    "log_likelihood": "Importance-weighted estimate of log p(x), in nats: a tighter floor than the ELBO. "
    "Higher is better.",
    "log_likelihood_samples": "Draws of the code for each example behind that estimate.",
    "log_likelihood_examples": "Examples behind that estimate.",
    "bits_per_dimension": "The same estimate as the length of a code for each value, in bits. Lower is better.",
    "mse": "Mean squared error of reconstructions, for each value. Lower is better.",
    "kl_per_dimension": "Nats in each latent dimension; one near zero is not used.",
    "active_units": "Latent dimensions whose mean changes with the example, by more than 0.01 in variance.",
    "variance_of_means": "How much the mean of each latent dimension varies from example to example.",
    "neighbour_accuracy": "Share of examples whose nearest neighbours in the latent space are of their class.",
    "neighbour_accuracy_learned_from": "Where those neighbours come from.",
    "linear_probe_accuracy": "Share of examples whose class a linear classifier reads off the code.",
    "linear_probe_learned_from": "What that classifier was fitted to.",
    "frechet_distance": "Distance of Gaussians fitted to features of examples and of samples; training data set "
    "the mark. Lower is better.",
    "precision": "Share of samples that lie where real examples are. Higher is better.",
    "recall": "Share of real examples that lie where samples are. Higher is better.",
    "density": "How many real examples surround a sample; 1 is as dense as the data. Higher is better.",
    "coverage": "Share of real examples with a sample nearby. Higher is better.",
    "sample_quality_examples": "Examples, and as many samples, behind the figures of sample quality.",
    "fid": "Fréchet distance in features of the Inception network. Lower is better.",
    "fid_examples": "Examples, and as many samples, behind the FID.",
    "denoising_loss": "Squared error of the estimated previous state, mean over the steps. Lower is better.",
    "denoising_loss_by_step": "The same at each step.",
    "denoising_steps": "The steps of the chain that these lists are of.",
    "denoising_floor": "The error that the best estimate makes, known in closed form for these data.",
    "denoising_floor_by_step": "The same at each step.",
    "denoising_excess": "Squared distance to the best estimate. Lower is better, 0 is exact.",
    "denoising_excess_by_step": "The same at each step.",
    "excess_over_floor": "That distance as a share of the error that cannot be avoided.",
}
SAMPLERS: Mapping[str, str] = {
    "data": "training data",
    "prior": "prior",
    "aggregate": "fit to the codes",
}
"""What figures of sample quality are measured on, by the end of their names."""


def sampled(name: str) -> tuple[str, str] | None:
    """Split the name of a figure of sample quality into the figure and what it was measured on.

    Example:
        >>> sampled("recall_prior"), sampled("kl_per_dimension")
        (('recall', 'prior'), None)
    """
    stem, _, of = name.rpartition("_")
    return (stem, of) if stem in _EXPLANATIONS and of in SAMPLERS else None


def explain_figure(name: str, settings: Sequence[Mapping[str, Any]] = ()) -> str:
    """Return a sentence on a figure of merit; that of the metric it is named after if it is not known here.

    Args:
        settings: the metrics that were measured, as in ``evaluation.json``.

    Example:
        >>> explain_figure("mse")
        'Mean squared error of reconstructions, for each value. Lower is better.'
    """
    if name in _EXPLANATIONS:
        return _EXPLANATIONS[name]
    measured = [str(setting.get("name")) for setting in settings]
    owners = [metric for metric in measured if name.startswith(metric)] or (measured if len(measured) == 1 else [])
    return summary_of("metric", max(owners, key=len)) if owners else ""


def summary_of(kind: str, name: str) -> str:
    """Return the first sentence of a component's documentation, as plain text; empty if it is not installed."""
    if name not in list_components(kind):
        return ""
    return describe_component(find_source(kind, name)).summary.replace("`", "")


def number(value: float, digits: int | None = None) -> str:
    """Write a figure with as many digits as tell something, or with so many, and a proper minus sign.

    Example:
        >>> number(-141.4213), number(0.04142), number(10000), number(1e-7), number(0.4963, 2)
        ('−141.42', '0.0414', '10,000', '1e-07', '0.50')
    """
    if digits is not None:
        text = f"{value:#.{digits}g}".rstrip(".")
    elif isinstance(value, int):
        text = f"{value:,}"
    elif value != 0 and not 1e-4 <= abs(value) < 1e7:
        text = f"{value:.3g}"
    else:
        text = f"{value:,.4f}" if abs(value) < 10 else f"{value:,.2f}"
    return text.replace("-", "−") if text.startswith("-") else text


def title_of(name: str) -> str:
    """Write a component's or a figure's name as words: ``latent_grid`` becomes ``Latent grid``."""
    words = name.replace("_", " ")
    known = {"elbo": "ELBO", "kl": "KL divergence", "mse": "Mean squared error", "fid": "FID"}
    return known.get(words, words[:1].upper() + words[1:]).replace("Kl ", "KL ").replace("Frechet", "Fréchet")
