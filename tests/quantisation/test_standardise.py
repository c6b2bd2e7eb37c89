"""Standardised channels: their moments, and those of evaluation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import distributed

from zoo.quantisation.standardise import Standardise


def test_channels_of_a_batch_have_mean_0_and_variance_1_whatever_their_scale() -> None:
    scale = torch.tensor([1e-3, 1.0, 1e3])
    out = Standardise(3)(100 * scale + scale * torch.randn(500, 3))
    torch.testing.assert_close(out.mean(0), torch.zeros(3), atol=1e-3, rtol=0)
    torch.testing.assert_close(out.var(0, correction=0), torch.ones(3), atol=2e-2, rtol=0)


def test_evaluation_uses_the_running_moments_and_changes_nothing() -> None:
    torch.manual_seed(0)
    layer = Standardise(2)
    for _ in range(200):
        layer(3 + 2 * torch.randn(1000, 2))
    state = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    out = layer.eval()(torch.tensor([[3.0, 5.0]]))
    torch.testing.assert_close(out, torch.tensor([[0.0, 1.0]]), atol=0.05, rtol=0)
    with torch.no_grad():
        layer.train()(torch.randn(10, 2))
    assert all(torch.equal(tensor, state[name]) for name, tensor in layer.state_dict().items())


def test_a_single_vector_and_a_constant_channel_stay_finite() -> None:
    layer = Standardise(2)
    assert layer(torch.ones(1, 2)).isfinite().all()
    vectors = torch.ones(5, 2, requires_grad=True)
    out = layer(vectors)
    out.sum().backward()
    assert out.isfinite().all()
    assert vectors.grad is not None
    assert vectors.grad.isfinite().all()


def test_it_keeps_float64() -> None:
    layer, vectors = Standardise(2).double(), torch.randn(9, 2, dtype=torch.float64)
    torch.testing.assert_close(
        layer(vectors), (vectors - vectors.mean(0)) / (vectors.var(0, correction=0) + 1e-8).sqrt()
    )


@pytest.fixture
def a_group_of_one() -> Iterator[None]:
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


def test_over_processes_it_is_batch_normalisation_of_all_vectors(a_group_of_one: None) -> None:
    torch.manual_seed(0)
    vectors = (3 + 2 * torch.randn(7, 2)).requires_grad_()
    alone, together, along = Standardise(2), Standardise(2), torch.randn(7, 2)
    found, expected = together._over_processes(vectors), alone(vectors)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(together.state_dict(), alone.state_dict())
    gradients = [torch.autograd.grad((out * along).sum(), vectors)[0] for out in (found, expected)]
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-4, atol=1e-5)
