"""A budget of latents for a batch, and the threshold that stands for it afterwards."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from zoo.posteriors import batch_top_k
from zoo.posteriors.batch_top_k import BatchTopK, largest


def test_it_keeps_exactly_k_times_b_and_these_are_the_largest():
    posterior, h = BatchTopK(features=10, latent_dim=100, k=5), torch.randn(30, 10)
    z = posterior(h).mean
    activations = posterior.head(h)
    assert int((z > 0).sum()) == 150
    assert activations[z == 0].max() <= activations[z > 0].min()
    assert (z > 0).sum(1).float().std() > 0  # unevenly


def test_the_threshold_keeps_the_same_latents_of_the_same_batch():
    posterior, h = BatchTopK(features=10, latent_dim=100, k=5, decay=0.0), torch.randn(30, 10)
    trained = posterior(h).mean
    assert posterior.threshold > 0
    torch.testing.assert_close(posterior.eval()(h).mean, trained)


def test_the_threshold_is_a_moving_average_and_keeps_k_of_new_examples_on_average():
    generator = torch.Generator().manual_seed(0)
    posterior = BatchTopK(features=10, latent_dim=100, k=5, decay=0.9)
    smallest, average = [], 0.0
    for step in range(30):
        h = torch.randn(64, 10, generator=generator)
        kept = posterior(h).mean
        smallest.append(kept[kept > 0].min().item())
        average = smallest[0] if step == 0 else 0.9 * average + 0.1 * smallest[-1]
        assert posterior.threshold.item() == pytest.approx(average, rel=1e-5)
    count = (posterior.eval()(torch.randn(2000, 10, generator=generator)).mean > 0).sum(1).float().mean()
    assert count.item() == pytest.approx(5, rel=0.05)


def test_a_code_does_not_depend_on_its_companions_after_training():
    posterior = BatchTopK(features=10, latent_dim=100, k=5)
    posterior(torch.randn(30, 10))
    posterior.eval()
    h = torch.randn(6, 10)
    torch.testing.assert_close(torch.cat([posterior(each[None]).mean for each in h]), posterior(h).mean)


def test_without_a_positive_activation_the_threshold_stays():
    posterior = BatchTopK(features=2, latent_dim=4, k=2)
    posterior(torch.randn(20, 2))
    before = posterior.threshold.clone()
    with torch.no_grad():
        posterior.head.bias.fill_(-100.0)
    assert (posterior(torch.randn(20, 2)).mean == 0).all()
    assert torch.equal(posterior.threshold, before)


@pytest.mark.parametrize(("kept", "expected"), [([0.0, -1.0], 2.0), ([3.0, 4.0, 0.0], 2.5)])
def test_a_process_without_a_positive_activation_does_not_count_in_the_mean(kept, expected, monkeypatch):
    """The other process keeps 2.0 at least."""
    group = SimpleNamespace(sum=lambda own: own + torch.tensor([2.0, 1.0]))
    monkeypatch.setattr(batch_top_k, "ProcessGroup", SimpleNamespace(here=lambda device: group))
    posterior = BatchTopK(features=2, latent_dim=4, k=2)
    posterior._learn(torch.tensor(kept))
    assert posterior.threshold.item() == expected


@pytest.mark.parametrize("spread", [1.0, 100.0])
def test_the_largest_are_found_where_one_row_has_most_of_them(spread):
    values = torch.randn(16, 200)
    values[3] += spread
    found = largest(values, 64)
    assert set(found.tolist()) == set(values.flatten().topk(64).indices.tolist())
