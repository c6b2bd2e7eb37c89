"""The codes of data: posterior means with their labels, draws of the posteriors, and the covariance around each mean.

Latents of any shape are flattened to vectors here, (N, d), so that the analysis of codes needs to know one shape only.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal

from zoo.analysis.neighbours import distance_blocks
from zoo.data import Split
from zoo.errors import DataError
from zoo.model import Model
from zoo.posteriors import posterior_mean


class Codes(NamedTuple):
    """Where a model encodes data in its latent space.

    Attributes:
        means: (N, d) float32, the mean of q(z|x) of each example, flattened.
        labels: (N,) int64, or None.
    """

    means: Tensor
    labels: Tensor | None


@torch.no_grad()
def encode_split(model: Model, split: Split, count: int | None = None) -> Codes:
    """Return the codes of a split on the CPU.

    Args:
        count: encode only this many examples, from the start; all if not given.

    Raises:
        ComponentError: the model has no latent space.

    Example:
        >>> import zoo
        >>> from zoo.data import split_of_tensor
        >>> model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8)).eval()
        >>> encode_split(model, split_of_tensor(torch.rand(5, 1, 8, 8))).means.shape
        torch.Size([5, 2])
    """
    order = torch.arange(len(split) if count is None else min(count, len(split)))
    means = []
    for batch in split.batches(512, order=order, device=model.device):
        q = model.encode(batch.x, batch.labels if model.classes else None)
        means.append(posterior_mean(q).flatten(1).float().cpu())
    labels = split.labels
    return Codes(
        torch.cat(means) if means else torch.zeros(0, model.latent_dim),
        None if labels is None else labels[order.to(labels.device)].cpu(),
    )


class Latents(NamedTuple):
    """Draws of q(z|x) for data.

    Attributes:
        z: (N, *latent_shape).
        labels: (N,) int64, or None for a model without classes.
    """

    z: Tensor
    labels: Tensor | None


@torch.no_grad()
def draw_latents(
    model: Model,
    split: Split,
    count: int | None = None,
    *,
    total: int = 20_000,
    per_example: int = 20,
    batch_size: int = 512,
) -> Latents:
    """Return draws of the posteriors of a split, on the model's device, to which a prior is fitted.

    Posterior means vary less than draws of q(z), the average of the posteriors over the data. If there are few
    examples, several latents are drawn for each.

    Args:
        count: use only this many examples, from the start; all if not given.
        total: draw at least this many latents, unless that takes more than ``per_example`` for each example.

    Example:
        >>> import zoo
        >>> from zoo.data import split_of_tensor
        >>> model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8)).eval()
        >>> draw_latents(model, split_of_tensor(torch.rand(5, 1, 8, 8)), per_example=3).z.shape
        torch.Size([15, 2])
    """
    order = None if count is None else torch.arange(min(count, len(split)))
    examples = len(split) if order is None else len(order)
    varied = model.has_density and not model.posterior.deterministic
    draws = max(1, min(per_example, -(-total // max(1, examples)))) if varied else 1
    latents, classes = [], []
    for x, labels, mask in split.batches(batch_size, order=order, device=model.device):
        known = labels if model.classes else None
        latents.append(model.inference_of_batch(x, known, mask).draw(draws, reparameterised=False).z.flatten(0, 1))
        classes += [] if known is None else [known.repeat(draws)]
    empty = torch.zeros(0, *model.latent_shape)
    return Latents(torch.cat(latents) if latents else empty, torch.cat(classes) if classes else None)


def class_means(codes: Codes) -> dict[int, Tensor]:
    """Return the mean code (d,) of each class.

    Raises:
        DataError: there are no labels.

    Example:
        >>> class_means(Codes(torch.tensor([[0.0], [2.0], [5.0]]), torch.tensor([3, 3, 4])))
        {3: tensor([1.]), 4: tensor([5.])}
    """
    if codes.labels is None:
        raise DataError("expected labels for the means of classes, got data without labels", where="data")
    return {int(label): codes.means[codes.labels == label].mean(0) for label in codes.labels.unique()}


def typical_examples(codes: Codes, k: int = 50) -> dict[int, int]:
    """Return, for each class, the index of a typical example: most of its k nearest codes are of its class.

    The mean of a class may lie among the codes of another class; this code does not. Among several such examples, the
    nearest to the class mean is chosen.

    Raises:
        DataError: there are no labels.

    Example:
        >>> codes = Codes(torch.tensor([[0.0], [1.0], [4.0], [5.0], [6.0], [9.0]]), torch.tensor([1, 1, 0, 1, 1, 1]))
        >>> typical_examples(codes, k=2)
        {0: 2, 1: 5}
    """
    means = class_means(codes)
    points, labels = codes.means, codes.labels
    assert labels is not None
    k = min(k, len(points) - 1)
    shares = torch.empty(len(points))
    for block, distances in distance_blocks(points, points):
        nearest = distances.topk(k + 1, largest=False).indices[:, 1:]  # without the point itself
        shares[block] = (labels[nearest] == labels[block, None]).float().mean(1)
    chosen = {}
    for label, mean in means.items():
        members = (labels == label).nonzero()[:, 0]
        best = members[shares[members] == shares[members].max()]
        chosen[label] = int(best[(points[best] - mean).norm(dim=1).argmin()])
    return chosen


def posterior_covariance(q: Distribution, num_samples: int = 256, dtype: torch.dtype | None = None) -> Tensor:
    """Return Cov(z|x) of flattened latents, (B, d, d): exact for Gaussians and points, else estimated from draws.

    Args:
        dtype: the dtype of the computation; a covariance that is factorised later needs float64.
    """
    if isinstance(q, MultivariateNormal):
        lower = q.scale_tril.to(dtype)
        return lower @ lower.mT
    if isinstance(q, Independent):
        return torch.diag_embed(q.variance.to(dtype).flatten(1))
    z = q.sample(torch.Size([num_samples])).flatten(2).to(dtype)
    centred = z - z.mean(0)
    return torch.einsum("kbi,kbj->bij", centred, centred) / (num_samples - 1)
