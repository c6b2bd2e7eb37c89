"""The forward chain, its moments, and one step back."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from zoo.errors import InputError

Variance = Literal["beta", "posterior"]
"""The names that the option ``variance`` takes."""


class StepBack(NamedTuple):
    """The weights of a step back, x_s = a · x̂_0 + b · x_t + σ · ε."""

    clean_weight: float
    state_weight: float
    deviation: float


class NoiseChain(nn.Module):
    r"""The chain x_t = √(1−β_t) x_{t−1} + √β_t ε_t, t = 1 … T, from data x_0 to nearly pure noise x_T.

    Every x_t is Gaussian given x_0, N(√ᾱ_t x_0, (1−ᾱ_t) I), and so is x_{t−1} given x_t and x_0, which
    :meth:`step_back` uses. All coefficients are computed in float64 and stored in float32; they are not trained.

    Attributes:
        steps: T.
        alpha_bars: (T + 1,) float64, ᾱ_0 = 1 … ᾱ_T: the share of the variance that is still data.

    Shapes:
        data (B, *data_shape), times (B,) int64 from 1 to T.

    Source:
        Ho, Jain & Abbeel (2020), Denoising Diffusion Probabilistic Models, section 2.
        https://arxiv.org/abs/2006.11239

    Example:
        >>> chain = NoiseChain(torch.full((10,), 0.2, dtype=torch.float64))
        >>> before, after = chain.draw_pair(torch.zeros(5, 2), torch.arange(1, 6))
        >>> before.shape, bool((before[0] == 0).all())
        (torch.Size([5, 2]), True)
    """

    signal: Tensor
    spread: Tensor
    keep: Tensor
    added: Tensor

    def __init__(self, betas: Tensor) -> None:
        super().__init__()
        betas = betas.detach().cpu().double()
        self.steps, self.betas = len(betas), betas
        # 1 − ᾱ from the sum of logarithms is accurate if ᾱ is nearly 1.
        log_alpha_bars = torch.cat([betas.new_zeros(1), torch.log1p(-betas).cumsum(0)])
        self.alpha_bars, self.noise_shares = log_alpha_bars.exp(), -torch.expm1(log_alpha_bars)
        for name, values in (
            ("signal", self.alpha_bars.sqrt()),
            ("spread", self.noise_shares.sqrt()),
            ("keep", (1 - betas).sqrt()),
            ("added", betas.sqrt()),
        ):
            self.register_buffer(name, values.float(), persistent=False)

    def random_times(self, batch: int, device: torch.device) -> Tensor:
        """Draw times (B,) from 1 to T: each is uniform, and together they are evenly spread, so the loss varies less.

        Source:
            Kingma et al. (2021), Variational Diffusion Models, appendix I.1. https://arxiv.org/abs/2107.00630
        """
        places = (torch.rand((), device=device) + torch.arange(batch, device=device) / batch) % 1.0
        return (places * self.steps).long() + 1

    def check_times(self, times: Tensor, batch: int) -> None:
        """Check that times are steps of this chain.

        Raises:
            InputError: they are not.
        """
        if times.shape != (batch,) or times.dtype != torch.long:
            raise InputError(
                f"expected ({batch},) steps of type int64, got {tuple(times.shape)} of {times.dtype}", where="times"
            )
        if batch and not 1 <= int(times.min()) <= int(times.max()) <= self.steps:
            raise InputError(
                f"expected steps from 1 to {self.steps}, got {int(times.min())} to {int(times.max())}",
                where="times",
            )

    def draw(self, x0: Tensor, times: Tensor) -> Tensor:
        """Draw x_t given x_0, for times from 0, which returns x_0 itself."""
        return per_example(self.signal, times, x0) * x0 + per_example(self.spread, times, x0) * torch.randn_like(x0)

    def draw_pair(self, x0: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
        """Draw x_{t−1} given x_0, and x_t given x_{t−1}."""
        before = self.draw(x0, times - 1)
        kept, added = per_example(self.keep, times - 1, x0), per_example(self.added, times - 1, x0)
        return before, kept * before + added * torch.randn_like(x0)

    def step_back(self, now: int, then: int, variance: Variance | None = "beta") -> StepBack:
        r"""Return the weights with which x_s is drawn given x_t and x_0, for t = ``now`` > s = ``then``.

        With ᾱ_{t|s} = ᾱ_t / ᾱ_s and β_{t|s} = 1 − ᾱ_{t|s}, the mean of x_s is
        (√ᾱ_s β_{t|s} / (1−ᾱ_t)) x_0 + (√ᾱ_{t|s} (1−ᾱ_s) / (1−ᾱ_t)) x_t.

        Args:
            variance: variance of the noise. ``beta``: β_{t|s}, exact for standard normal data. ``posterior``: the
                smaller β_{t|s} (1−ᾱ_s) / (1−ᾱ_t), exact for a single point. None: no noise, and x_s keeps the ε that
                x_t has (DDIM), x_s = √ᾱ_s x_0 + √(1−ᾱ_s) (x_t − √ᾱ_t x_0) / √(1−ᾱ_t).

        Source:
            Ho, Jain & Abbeel (2020), equations 6 and 7. https://arxiv.org/abs/2006.11239
            Song, Meng & Ermon (2021), Denoising Diffusion Implicit Models, equation 12 with σ = 0.
            https://arxiv.org/abs/2010.02502
        """
        signal_now, signal_then = self.alpha_bars[now].sqrt(), self.alpha_bars[then].sqrt()
        noise_now, noise_then = self.noise_shares[now], self.noise_shares[then]
        if variance is None:
            state = (noise_then / noise_now).sqrt()
            return StepBack(float(signal_then - signal_now * state), float(state), 0.0)
        beta = -torch.expm1(torch.log1p(-self.betas[then:now]).sum())
        clean = signal_then * beta / noise_now
        state = signal_now / signal_then * noise_then / noise_now
        spread = beta if variance == "beta" else beta * noise_then / noise_now
        return StepBack(float(clean), float(state), float(spread.sqrt()))


def per_example(table: Tensor, times: Tensor, like: Tensor) -> Tensor:
    """Return the entries of a table (T,) at times (B,), shaped to multiply a batch (B, *data_shape)."""
    return table[times].view(-1, *[1] * (like.ndim - 1))
