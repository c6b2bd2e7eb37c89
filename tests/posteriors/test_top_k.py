"""Codes with exactly k latents, and the count of those that are silent."""

from __future__ import annotations

import pytest
import torch

import zoo
from zoo.errors import ComponentError
from zoo.posteriors._sparse import checked_count
from zoo.posteriors.top_k import TopK


def test_it_keeps_exactly_the_k_largest_activations():
    posterior = TopK(features=20, latent_dim=300, k=7)
    h = torch.randn(50, 20)
    z = posterior(h).mean
    activations = posterior.head(h)
    kept = activations.topk(7)
    assert ((z != 0).sum(1) == 7).all()
    assert torch.equal(z, torch.zeros_like(z).scatter(1, kept.indices, kept.values))


def test_activations_below_zero_are_kept_as_zero():
    posterior = TopK(features=3, latent_dim=6, k=4)
    with torch.no_grad():
        posterior.head.bias.copy_(torch.tensor([-9.0, -9, -9, -9, 9, 9]))
    z = posterior(torch.randn(8, 3)).mean
    assert ((z > 0).sum(1) == 2).all()
    assert z.min() == 0


def test_gradients_are_those_of_the_dense_product():
    posterior, h = TopK(features=5, latent_dim=12, k=3).double(), torch.randn(6, 5, dtype=torch.float64)
    h.requires_grad_()
    posterior(h).mean.square().sum().backward()
    mine = [h.grad.clone(), *(parameter.grad.clone() for parameter in posterior.parameters())]
    h.grad = None
    posterior.zero_grad()
    activations = posterior.head(h)
    mask = torch.zeros_like(activations).scatter(1, activations.topk(3).indices, 1.0)
    (activations.relu() * mask).square().sum().backward()
    for gradient, other in zip(mine, [h.grad, *(p.grad for p in posterior.parameters())], strict=True):
        torch.testing.assert_close(gradient, other)


def test_silence_is_counted_in_training_examples_and_ends_when_a_latent_fires():
    posterior = TopK(features=2, latent_dim=4, k=1)
    with torch.no_grad():
        posterior.head.weight.copy_(torch.tensor([[1.0, 0], [0, 1], [-1, 0], [0, -1]]))
    right, up = torch.tensor([[1.0, 0.0]]).repeat(5, 1), torch.tensor([[0.0, 1.0]]).repeat(3, 1)
    posterior(right)
    assert posterior.silent.tolist() == [0, 5, 5, 5]
    posterior(up)
    assert posterior.silent.tolist() == [3, 0, 8, 8]
    assert posterior.dead(8).tolist() == [2, 3]
    with torch.no_grad():
        posterior(right)
    posterior.eval()(right)
    assert posterior.silent.tolist() == [3, 0, 8, 8]


def test_more_latents_than_there_are_are_refused():
    with pytest.raises(ComponentError, match=r"model\.posterior\.k: expected at most 512, .*, got 600"):
        zoo.build("sparse-ae-top-k-512d", posterior={"k": 600})


@pytest.mark.parametrize(
    ("k", "latent_dim", "kept"), [(None, 512, 32), (None, 63, 32), (None, 5, 3), (None, 1, 1), (7, 7, 7)]
)
def test_by_default_half_of_few_latents_are_kept_and_32_of_many(k, latent_dim, kept):
    assert checked_count(k, latent_dim) == kept


def test_a_single_draw_brings_the_positions_of_its_latents():
    posterior = TopK(features=20, latent_dim=300, k=7)
    q = posterior(torch.randn(50, 20))
    single, several = (q.draw(torch.Size([count]), q) for count in (1, 2))
    assert single.carry.shape == (1, 50, 7)
    assert torch.equal(single.z[0].flatten().nonzero()[:, 0], single.carry.flatten().sort().values)
    assert several.carry is None
    assert torch.equal(several.z, q.mean.expand(2, 50, 300))


def test_the_values_of_chosen_latents_are_those_of_the_dense_product():
    posterior, h, latents = TopK(features=5, latent_dim=12, k=3), torch.randn(6, 5), torch.tensor([7, 0, 11])
    torch.nn.init.normal_(posterior.head.bias)
    torch.testing.assert_close(posterior.activations_of(h, latents), posterior.head(h).relu()[:, latents])
