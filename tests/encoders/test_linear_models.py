"""Models of linear maps, `widths: []`: principal component analysis and its probabilistic form."""

import math

import pytest
import torch
from torch import Tensor

import zoo
from zoo.model import Model

DIMENSION, LATENTS = 6, 2


@pytest.fixture(scope="module")
def x() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(DIMENSION, 3, generator=generator) * torch.tensor([2.0, 1.2, 0.6])
    noise = 0.4 * torch.randn(400, DIMENSION, generator=generator)
    return torch.randn(400, 3, generator=generator) @ mixing.T + noise + torch.linspace(-1, 1, DIMENSION)


@pytest.fixture(scope="module")
def principal(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the variances along the principal components, from the largest, and the components as columns."""
    values, vectors = torch.linalg.eigh(torch.cov(x.T, correction=0))
    return values.flip(0), vectors.flip(1)


def linear(objective: str, posterior: str, **likelihood: object) -> Model:
    torch.manual_seed(0)
    return zoo.build(
        {
            "objective": objective,
            "data_shape": [DIMENSION],
            "latent_dim": LATENTS,
            "encoder": {"name": "mlp", "widths": []},
            "posterior": posterior,
            "decoder": {"name": "mlp", "widths": []},
            "likelihood": {"name": "gaussian", **likelihood},
        }
    )


def test_a_linear_autoencoder_spans_the_principal_subspace(x, principal):
    variances, components = principal
    model = linear("autoencoder", "point")
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=60, line_search_fn="strong_wolfe", tolerance_change=0)

    def closure():
        optimizer.zero_grad()
        loss = model.loss(x).total
        loss.backward()
        return loss

    optimizer.step(closure)
    # The error that is left is the variance along the components that are left out.
    assert model.loss(x).total.item() == pytest.approx(variances[LATENTS:].sum().item(), rel=1e-3)
    basis = torch.linalg.qr(model.decoder.output.weight.detach()).Q
    cosines = torch.linalg.svdvals(basis.T @ components[:, :LATENTS])
    torch.testing.assert_close(cosines, torch.ones(LATENTS), rtol=0, atol=1e-3)


def test_a_linear_vae_reaches_the_likelihood_of_probabilistic_pca(x, principal):
    """The maximum is −½ (D log 2π + Σ log λ_i + (D − d) log σ² + D), with σ² the mean of the variances left out."""
    variances, _ = principal
    left_out = variances[LATENTS:].mean()
    maximum = -0.5 * (
        DIMENSION * (math.log(2 * math.pi) + 1)
        + variances[:LATENTS].log().sum()
        + (DIMENSION - LATENTS) * left_out.log()
    )
    model = linear("vae", "diagonal_gaussian", scale_mode="shared", scale=1.0)
    steps = 400
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        model.loss(x).total.backward()
        optimizer.step()
        schedule.step()
    reached = model.log_likelihood(x, num_samples=50).mean()
    assert reached.item() == pytest.approx(maximum.item(), abs=0.03)
    assert reached <= maximum + 1e-3
    scale = model.likelihood(torch.zeros(1, DIMENSION)).stddev[0, 0]
    assert scale.item() == pytest.approx(left_out.sqrt().item(), rel=0.03)


@pytest.mark.parametrize("classes", [None, 3])
def test_a_conditional_linear_model_takes_labels(x, classes):
    model = zoo.build(linear("vae", "diagonal_gaussian").spec.model_copy(update={"classes": classes}))
    labels = torch.arange(len(x)) % 3 if classes else None
    model.loss(x, labels).total.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
