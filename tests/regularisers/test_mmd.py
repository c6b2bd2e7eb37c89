"""Maximum mean discrepancy against its closed form between Gaussians (MMD of N(μ, s²I) and N(0, I))."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import zoo
from zoo.errors import ComponentError
from zoo.regularisers.mmd import Mmd

MEAN, SCALE = torch.tensor([0.5, -0.2, 0.3]), 0.7


def points(n: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return MEAN + SCALE * torch.randn(n, 3, generator=generator), torch.randn(n, 3, generator=generator)


def closed_form(bandwidth: Tensor) -> Tensor:
    """MMD² under exp(−r² / 2ℓ²), with ℓ² = ``bandwidth``."""
    d, s2, squared_norm = 3, SCALE**2, MEAN.square().sum()
    within = (1 + 2 * s2 / bandwidth) ** (-d / 2) + (1 + 2 / bandwidth) ** (-d / 2)
    spread = bandwidth + 1 + s2
    between = (spread / bandwidth) ** (-d / 2) * torch.exp(-squared_norm / (2 * spread))
    return within - 2 * between


def test_the_closed_form_is_the_published_number() -> None:
    assert closed_form(torch.tensor(2.0)).item() == pytest.approx(0.081711, abs=1e-6)


def test_the_estimate_is_unbiased() -> None:
    mmd = Mmd(bandwidth=2.0)
    estimates = torch.stack([mmd.discrepancy(*points(20, seed)) for seed in range(300)])
    error = estimates.std() / len(estimates) ** 0.5
    assert (estimates.mean() - closed_form(torch.tensor(2.0))).abs() < 4 * error


def multiquadric(constant: float) -> Tensor:
    """MMD² under C / (C + r²) = ∫ e^{−t} exp(−r² t / C) dt, as the same integral over closed forms."""
    t = torch.linspace(1e-6, 40, 40_001, dtype=torch.float64)
    return torch.trapezoid((-t).exp() * closed_form(constant / (2 * t)), t)


def test_an_inverse_multiquadric_is_a_mixture_of_gaussian_kernels() -> None:
    assert multiquadric(6.0).item() == pytest.approx(0.053428, abs=1e-5)
    mmd = Mmd(kernel="imq", bandwidth=6.0)
    estimates = torch.stack([mmd.discrepancy(*points(20, seed)) for seed in range(300)])
    expected = sum(multiquadric(6 * scale) for scale in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0))
    assert (estimates.mean() - expected).abs() < 4 * estimates.std() / len(estimates) ** 0.5


def test_inverse_multiquadrics_of_seven_widths_are_added_up() -> None:
    """Σ_s s C / (s C + r²) over the scales of Tolstikhin et al.'s code, for two latents and two draws on a line."""
    z, p = torch.tensor([[0.0], [1.0]]), torch.tensor([[3.0], [7.0]])

    def kernel(distance: float) -> float:
        return sum(6 * scale / (6 * scale + distance**2) for scale in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0))

    expected = kernel(1) + kernel(4) - 0.5 * (kernel(3) + kernel(7) + kernel(2) + kernel(6))
    assert Mmd(kernel="imq", bandwidth=6.0).discrepancy(z, p).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kernel", ["rbf", "imq"])
def test_it_moves_latents_towards_the_prior(kernel: str) -> None:
    mmd, z = Mmd(kernel=kernel), (points(200, 0)[0] + 2).requires_grad_()
    prior = points(200, 1)[1]
    (gradient,) = torch.autograd.grad(mmd.discrepancy(z, prior), z)
    assert (gradient.mean(0) > 0).all()


def test_an_autoencoder_with_it_has_latents_like_the_prior() -> None:
    """WAE-MMD: the latents' moments become those of N(0, I), which those of an autoencoder are not."""
    torch.manual_seed(0)
    x = torch.rand(64, 1, 4, 4).round()
    moments = []
    for regularisers in ({}, {"mmd": {"name": "mmd", "weight": 200.0, "kernel": "imq"}}):
        torch.manual_seed(0)
        model = zoo.build("ae-mlp-2d", data_shape=(1, 4, 4), encoder={"widths": [32]}, regularisers=regularisers)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        for _ in range(80):
            optimizer.zero_grad()
            model.loss(x).total.backward()
            optimizer.step()
        z = model.encode(x).mean.detach()
        moments.append((z.mean(0).abs().max() + (z.std(0) - 1).abs().max()).item())
    assert moments[1] < 0.3 < moments[0]


def test_a_weight_that_would_push_latents_away_is_refused() -> None:
    with pytest.raises(ComponentError, match=r"regularisers\.mmd\.weight: expected a weight of at least 0"):
        zoo.build("vae-mlp-2d", regularisers={"mmd": {"name": "mmd", "weight": -0.999}})


def test_the_bandwidth_follows_the_number_of_latents() -> None:
    z, p = points(20, 0)
    assert torch.equal(Mmd().discrepancy(z, p), Mmd(bandwidth=3.0).discrepancy(z, p))
    assert torch.equal(Mmd(kernel="imq").discrepancy(z, p), Mmd(kernel="imq", bandwidth=6.0).discrepancy(z, p))


def test_two_examples_are_one_pair() -> None:
    """With k = exp(−r²/2ℓ²): k(z_1, z_2) + k(p_1, p_2) − ½ Σ k(z_i, p_j)."""
    torch.manual_seed(0)
    model = zoo.build("ae-mlp-2d", data_shape=(1, 4, 4), regularisers={"mmd": {"name": "mmd", "bandwidth": 2.0}})
    samples = model.inference(torch.rand(2, 1, 4, 4)).draw()
    z, p = samples.z[0], samples.prior_draws
    pairs = [(z[0], z[1], 1.0), (p[0], p[1], 1.0), *((one, other, -0.5) for one in z for other in p)]
    expected = sum(weight * (-(one - other).square().sum() / 4).exp() for one, other, weight in pairs)
    torch.testing.assert_close(model.regularisers["mmd"](samples), expected)


def test_a_single_example_has_no_discrepancy() -> None:
    model = zoo.build("ae-mlp-2d", data_shape=(1, 4, 4), regularisers={"mmd": "mmd"})
    assert model.loss(torch.rand(1, 1, 4, 4)).terms["mmd"] == 0
