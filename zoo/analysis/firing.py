"""The firing frequencies of sparse latents."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from zoo.data import Batch
from zoo.model import Model


@torch.no_grad()
def firing_counts(model: Model, batches: Iterable[Batch]) -> tuple[Tensor, Tensor]:
    """Return the number of firing latents of each example, (N,), and of firing examples of each latent, (M,).

    A latent fires if it is not 0. Both results are float64, on the CPU. Batches have labels only if the model is
    conditioned on them.

    Example:
        >>> import zoo
        >>> model = zoo.build("sparse-ae-top-k-512d", data_shape=(8,), latent_dim=16, posterior={"k": 3}).eval()
        >>> for_example, of_latent = firing_counts(model, [Batch(torch.randn(20, 8), None)])
        >>> for_example.mean(), of_latent.sum()
        (tensor(3., dtype=torch.float64), tensor(60., dtype=torch.float64))
    """
    each, total = [torch.zeros(0, dtype=torch.float64)], torch.zeros(model.latent_dim, dtype=torch.float64)
    for batch in batches:
        fires = model.inference(*batch).draw(1, reparameterised=False).z[0].flatten(1) != 0
        each.append(fires.sum(1).double().cpu())
        total += fires.sum(0).double().cpu()
    return torch.cat(each), total
