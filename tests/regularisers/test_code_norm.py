"""The length of codes, and the linear regularised autoencoder, whose optimum is known."""

from __future__ import annotations

import pytest
import torch

import zoo


def test_it_is_half_the_mean_squared_length() -> None:
    model = zoo.build("ae-mlp-2d", data_shape=(1, 4, 4), regularisers={"norm": "code_norm"})
    x = torch.rand(8, 1, 4, 4)
    expected = 0.5 * model.encode(x).mean.square().sum(1).mean()
    assert model.loss(x).terms["norm"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_of_a_gaussian_the_variance_counts() -> None:
    objective = {"num_samples": 20_000}
    model = zoo.build("vae-mlp-2d", data_shape=(1, 4, 4), objective=objective, regularisers={"norm": "code_norm"})
    x = torch.rand(2, 1, 4, 4)
    q = model.encode(x)
    expected = 0.5 * (q.mean.square() + q.variance).sum(1).mean()
    assert model.loss(x).terms["norm"].item() == pytest.approx(expected.item(), rel=0.05)


def test_a_linear_regularised_autoencoder_shrinks_every_principal_component_by_the_same_amount() -> None:
    """With ‖J_D‖² = ‖W‖² of a linear decoder, min ‖x − W z‖² + (β/2)‖z‖² + λ‖W‖² is a nuclear-norm penalty.

    The standard deviation of the reconstruction along each principal axis is that of the data less √(βλ/2), or 0.
    """
    torch.manual_seed(0)
    deviations, beta, penalty = torch.tensor([2.0, 1.2, 0.3]), 0.5, 1.0
    whitened = torch.linalg.qr(torch.randn(256, 4) - torch.randn(4))[0]
    whitened = torch.linalg.qr(whitened - whitened.mean(0))[0][:, :3] * 16
    x = whitened * deviations
    parts = {"encoder": {"widths": []}, "decoder": {"widths": []}, "likelihood": "gaussian", "latent_dim": 3}
    regularisers = {
        "norm": {"name": "code_norm", "weight": beta},
        "smooth": {"name": "decoder_jacobian", "weight": penalty, "directions": 2},
    }
    model = zoo.build("ae-mlp-2d", data_shape=(3,), data_range=None, regularisers=regularisers, **parts)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 100)
    for _ in range(100):
        optimizer.zero_grad()
        model.loss(x).total.backward()
        optimizer.step()
        schedule.step()
    shrinkage = (beta * penalty / 2) ** 0.5
    expected = torch.diag((deviations - shrinkage).clamp_min(0) / deviations)
    gain = whitened.T / deviations[:, None] @ model.reconstruct(x) / 256
    torch.testing.assert_close(gain, expected, atol=0.02, rtol=0)
