"""The perfect denoiser: the exact posterior mean of the chain, for data from a Gaussian mixture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from zoo.diffusion.chain import NoiseChain


class Moments(NamedTuple):
    """Mean (B, D) and covariance (B, D, D) of x_{t−1} given each of B states x_t."""

    mean: Tensor
    covariance: Tensor


class MixtureOracle:
    r"""The exact E[x_{t−1}|x_t], Cov[x_{t−1}|x_t] and score ∇log p(x_t), for x_0 ~ Σ_i w_i N(m_i, C_i).

    Each x_t is a mixture again, with means √ᾱ_t m_i and covariances ᾱ_t C_i + (1−ᾱ_t) I. Given the component,
    x_{t−1} and x_t are jointly Gaussian. With a = √(1−β_t) and N(m, C) the component's distribution of x_{t−1}:
    S = a² C + β_t I, E_i = m + a C S⁻¹ (x_t − a m), Cov_i = C − a² C S⁻¹ C = β_t C S⁻¹; and with the
    responsibilities r_i ∝ w_i N(x_t; a m, S), E = Σ r_i E_i and Cov = Σ r_i (Cov_i + E_i E_iᵀ) − E Eᵀ.

    Compare a trained denoiser with it: for any s, E‖s − x_{t−1}‖² = E‖s − E[x_{t−1}|x_t]‖² + E tr Cov.
    All computations are in float64 with Cholesky factors; no matrix is inverted.

    Source:
        Bishop (2006), Pattern Recognition and Machine Learning, equations 2.113 to 2.117 (each component).

    Example:
        >>> from zoo.diffusion.schedules import noise_schedule
        >>> chain = NoiseChain(noise_schedule("linear", 10))
        >>> oracle = MixtureOracle(torch.ones(1), torch.zeros(1, 2), torch.eye(2)[None], chain)
        >>> oracle.posterior(torch.ones(3, 2), 5).mean.shape, oracle.score(torch.ones(3, 2), 5)[0]
        (torch.Size([3, 2]), tensor([-1., -1.], dtype=torch.float64))
    """

    def __init__(self, weights: Tensor, means: Tensor, covariances: Tensor, chain: NoiseChain) -> None:
        self.weights, self.means, self.covariances = (
            tensor.detach().cpu().double() for tensor in (weights, means, covariances)
        )
        self.chain = chain

    @classmethod
    def of_facts(
        cls, facts: Mapping[str, Any], chain: NoiseChain, shift: float | Tensor = 0.0, span: float | Tensor = 1.0
    ) -> MixtureOracle:
        """Return the oracle for the dataset ``gaussian_mixture`` from its ``facts``, scaled as (x − shift) / span."""
        weights, means, covariances = (
            torch.tensor(facts[name], dtype=torch.float64) for name in ("weights", "means", "covariances")
        )
        shift, span = (torch.as_tensor(value).cpu().double().expand(means.shape[1]) for value in (shift, span))
        return cls(weights, (means - shift) / span, covariances / torch.outer(span, span), chain)

    def marginal(self, t: int) -> MixtureSameFamily:
        """Return the distribution of x_t, with event shape (D,); t = 0 gives that of the data."""
        return MixtureSameFamily(
            Categorical(self.weights, validate_args=False), self._components(t), validate_args=False
        )

    def posterior(self, x: Tensor, t: int) -> Moments:
        """Return mean and covariance of x_{t−1} given states x_t, (B, D)."""
        x = x.detach().cpu().double()
        kept, beta = (1 - self.chain.betas[t - 1]).sqrt(), self.chain.betas[t - 1]
        before, now = self._components(t - 1), self._components(t)
        covariance = before.covariance_matrix
        # S⁻¹ C = C S⁻¹, because S is a polynomial of C: one solve serves mean and covariance.
        gain = torch.cholesky_solve(covariance, now.scale_tril)
        shares = self._responsibilities(x, now)
        means = before.mean + kept * torch.einsum("kij,bkj->bki", gain, x[:, None] - now.mean)
        mean = torch.einsum("bk,bki->bi", shares, means)
        apart = means - mean[:, None]
        within = torch.einsum("bk,kij->bij", shares, beta * 0.5 * (gain + gain.mT))
        return Moments(mean, within + torch.einsum("bk,bki,bkj->bij", shares, apart, apart))

    def score(self, x: Tensor, t: int) -> Tensor:
        """Return ∇log p(x_t), (B, D), for t from 0."""
        x = x.detach().cpu().double()
        now = self._components(t)
        difference = (now.mean - x[:, None]).unsqueeze(-1)
        pulls = torch.cholesky_solve(difference, now.scale_tril.expand(len(x), -1, -1, -1)).squeeze(-1)
        return torch.einsum("bk,bki->bi", self._responsibilities(x, now), pulls)

    def responsibilities(self, x: Tensor, t: int = 0) -> Tensor:
        """Return the probability of each component given x_t, (B, K)."""
        return self._responsibilities(x.detach().cpu().double(), self._components(t))

    def _responsibilities(self, x: Tensor, components: MultivariateNormal) -> Tensor:
        return (self.weights.log() + components.log_prob(x[:, None])).softmax(-1)

    def _components(self, t: int) -> MultivariateNormal:
        share, rest = self.chain.alpha_bars[t], self.chain.noise_shares[t]
        covariances = share * self.covariances + rest * torch.eye(self.means.shape[1], dtype=torch.float64)
        return MultivariateNormal(share.sqrt() * self.means, covariances, validate_args=False)
