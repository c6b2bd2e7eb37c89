"""The quantities that a network may predict, and the estimate that each of them corresponds to."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.diffusion.chain import NoiseChain, per_example

Quantity = Literal["previous", "clean", "noise", "v"]
"""The names that the option ``predict`` takes."""


class Parameterisation(nn.Module):
    r"""The meaning of the network's output r: x_{t−1} itself, x_0, the noise ε, or v = √ᾱ_t ε − √(1−ᾱ_t) x_0.

    Given x_t, each is a linear function of the others, so each output corresponds to an estimate s_θ(x_t, t) of
    x_{t−1}. With A_t and B_t the weights of x_0 and x_t in E[x_{t−1}|x_t, x_0]:

    =========  =======================================================  ==================================
    r          s = p_t x_t + q_t r                                      x̂_0 = c_t x_t + d_t r
    =========  =======================================================  ==================================
    previous   r                                                        (r − B_t x_t) / A_t
    clean      B_t x_t + A_t r                                          r
    noise      (x_t − β_t r / √(1−ᾱ_t)) / √(1−β_t)                      (x_t − √(1−ᾱ_t) r) / √ᾱ_t
    v          (B_t + A_t √ᾱ_t) x_t − A_t √(1−ᾱ_t) r                    √ᾱ_t x_t − √(1−ᾱ_t) r
    =========  =======================================================  ==================================

    Shapes:
        states and outputs (B, *data_shape), times (B,) int64 from 1 to T.

    Source:
        Ho, Jain & Abbeel (2020), Denoising Diffusion Probabilistic Models, section 3.2 (noise).
        https://arxiv.org/abs/2006.11239
        Salimans & Ho (2022), Progressive Distillation for Fast Sampling, appendix D (v).
        https://arxiv.org/abs/2202.00512

    Example:
        >>> chain = NoiseChain(torch.full((10,), 0.2, dtype=torch.float64))
        >>> x, times, x0 = torch.randn(3, 2), torch.tensor([1, 5, 10]), torch.randn(3, 2)
        >>> one, other = Parameterisation(chain, "clean"), Parameterisation(chain, "noise")
        >>> torch.allclose(one.previous(x, x0, times), other.previous(x, other.output(x, x0, times), times), atol=1e-5)
        True
    """

    tables: Tensor

    def __init__(self, chain: NoiseChain, quantity: Quantity) -> None:
        super().__init__()
        self.quantity = quantity
        # Index 0 is not a step of the chain; it keeps the index equal to t.
        tables = F.pad(torch.stack(_weights(chain, quantity)), (1, 0))
        self.register_buffer("tables", tables.float(), persistent=False)

    def previous(self, x: Tensor, output: Tensor, times: Tensor) -> Tensor:
        """Return s, the estimate of x_{t−1}, from the state x_t and the network's output."""
        return self._weight(0, times, x) * x + self._weight(1, times, x) * output

    def clean(self, x: Tensor, output: Tensor, times: Tensor) -> Tensor:
        """Return x̂_0, the estimate of the data, from the state x_t and the network's output."""
        return self._weight(2, times, x) * x + self._weight(3, times, x) * output

    def output(self, x: Tensor, x0: Tensor, times: Tensor) -> Tensor:
        """Return the output that corresponds to x̂_0 = ``x0``: the inverse of :meth:`clean`."""
        return (x0 - self._weight(2, times, x) * x) / self._weight(3, times, x)

    def _weight(self, row: int, times: Tensor, like: Tensor) -> Tensor:
        return per_example(self.tables[row], times, like)


def _weights(chain: NoiseChain, quantity: Quantity) -> list[Tensor]:
    """Return p, q, c and d of all steps, each (T,): the weights of ``chain.step_back`` from t to t − 1."""
    noise_now, noise_then = chain.noise_shares[1:], chain.noise_shares[:-1]
    signal, signal_then = chain.alpha_bars[1:].sqrt(), chain.alpha_bars[:-1].sqrt()
    beta = chain.betas
    a, b = signal_then * beta / noise_now, signal / signal_then * noise_then / noise_now
    spread, keep = noise_now.sqrt(), (1 - beta).sqrt()
    zero, one = torch.zeros_like(beta), torch.ones_like(beta)
    return {
        "previous": [zero, one, -b / a, 1 / a],
        "clean": [b, a, zero, one],
        "noise": [1 / keep, -beta / (keep * spread), 1 / signal, -spread / signal],
        "v": [b + a * signal, -a * spread, signal, -spread],
    }[quantity]
