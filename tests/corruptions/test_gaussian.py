"""A linear autoencoder with noisy input is principal component analysis with shrunken components."""

from __future__ import annotations

import pytest
import torch

import zoo

DIMENSION, LATENTS, SCALE = 6, 2, 0.8


def test_a_linear_denoising_autoencoder_is_shrunken_principal_component_analysis() -> None:
    """The best map is Σ (Σ + σ²I)⁻¹ on the d leading eigenvectors; its error Σ_d λσ²/(λ + σ²) + the other λ."""
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(DIMENSION, 3, generator=generator) * torch.tensor([2.0, 1.2, 0.6])
    x = torch.randn(512, 3, generator=generator) @ mixing.T + 0.3 * torch.randn(512, DIMENSION, generator=generator)
    x = x - x.mean(0)
    values, vectors = torch.linalg.eigh(torch.cov(x.T, correction=0))
    variances, components = values.flip(0), vectors.flip(1)[:, :LATENTS]

    torch.manual_seed(0)
    model = zoo.build(
        "linear-ae-8d",
        data_shape=(DIMENSION,),
        latent_dim=LATENTS,
        corruption={
            "name": "gaussian",
            "scale": SCALE,
        },
    )
    steps = 300
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        model.loss(x.repeat(4, 1)).total.backward()
        optimizer.step()
        schedule.step()

    lead = variances[:LATENTS]
    shrunken = components * (lead / (lead + SCALE**2)) @ components.T
    weight = model.decoder.output.weight @ model.posterior.head.weight
    torch.testing.assert_close(weight.detach(), shrunken, atol=0.03, rtol=0)
    with torch.no_grad():
        error = torch.stack([model.loss(x.repeat(40, 1)).total for _ in range(10)]).mean()
    best = (lead * SCALE**2 / (lead + SCALE**2)).sum() + variances[LATENTS:].sum()
    assert error.item() == pytest.approx(best.item(), rel=0.02)
