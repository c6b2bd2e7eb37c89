"""The usage of codes of a codebook."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.posteriors import Quantiser


def code_counts(posterior: Quantiser, indices: Tensor) -> Tensor:
    """Return the number of occurrences of each code of each codebook, (M, K) float64, among indices (*S, *grid).

    Example:
        >>> import zoo
        >>> model = zoo.build("vqvae-conv-16d", data_shape=(1, 8, 8), posterior={"codes": 4})
        >>> code_counts(model.posterior, torch.tensor([[[0, 0], [0, 3]]]))
        tensor([[3., 0., 0., 1.]], dtype=torch.float64)
    """
    flat = indices.reshape(-1, sum(posterior.codebook_places))
    numbers = flat.split(posterior.codebook_places, dim=1)
    return torch.stack([torch.bincount(each.flatten(), minlength=posterior.codes) for each in numbers]).double().cpu()


def perplexities(counts: Tensor) -> Tensor:
    """Return exp(−Σ_k f_k log f_k) of the frequencies f of each codebook, (M,), from counts (M, K).

    Example:
        >>> perplexities(torch.tensor([[5.0, 5.0, 5.0, 5.0], [7.0, 0.0, 0.0, 0.0]]))
        tensor([4., 1.])
    """
    frequencies = counts / counts.sum(1, keepdim=True).clamp_min(1)
    return torch.special.entr(frequencies).sum(1).exp()
