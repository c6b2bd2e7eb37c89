"""Every likelihood in a model: it trains, estimates its likelihood with missing values, and is saved."""

from __future__ import annotations

import pytest
import torch

import zoo
from tests.likelihoods.variants import OPTIONS, raw_parameters
from tests.likelihoods.variants import build as build_likelihood


@pytest.mark.parametrize("name", zoo.list_components("likelihood"))
def test_a_vae_with_it_lowers_its_loss_and_comes_back_from_a_checkpoint(name, tmp_path):
    options = OPTIONS.get(name, [{}])[-1]
    likelihood = build_likelihood(name, (6,), **options)
    torch.manual_seed(0)
    # Data that this likelihood takes: its own draws, from two kinds of raw parameters.
    x = torch.cat([likelihood(raw.expand(24, -1)).sample() for raw in raw_parameters(likelihood, 2, scale=2.0)])
    mask = torch.rand(48, 6) > 0.2
    model = zoo.build(
        {
            "objective": "vae",
            "data_shape": (6,),
            "latent_dim": 2,
            "encoder": {"name": "mlp", "widths": [16]},
            "posterior": "diagonal_gaussian",
            "decoder": {"name": "mlp", "widths": [16]},
            "likelihood": {"name": name, **options},
        }
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, fused=True)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = model.loss(x, mask=mask).total
        loss.backward()
        assert all(parameter.grad is not None for parameter in model.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) < sum(losses[:5])
    restored = zoo.load(zoo.save(model.eval(), tmp_path))
    assert restored.spec == model.spec
    assert torch.equal(restored.reconstruct(x), model.reconstruct(x))
    assert model.log_likelihood(x, mask=mask, num_samples=4).isfinite().all()
    assert torch.equal(model.impute(x, mask)[mask], x[mask])
    assert model.sample(3, noise=True).shape == (3, 6)
