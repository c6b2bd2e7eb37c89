"""The ladder posterior: products of messages and priors."""

from __future__ import annotations

import torch
from torch.distributions import Normal

from tests import two_levels
from tests.two_levels import PRECISION, B, C, W, raw
from zoo.posteriors._top_down import product_of_gaussians


def test_exact_messages_make_it_the_true_posterior() -> None:
    """Every single draw then gives log p(x): the gap is 0 and so is its variance."""
    model = two_levels.build({"name": "ladder", "width": 2})
    message_scale = PRECISION**-0.5
    slope = W / (W @ W)  # of the message's mean in x
    top_precision = two_levels.A**2 / (1 / PRECISION + two_levels.S**2)
    top_slope = top_precision / (1 + top_precision) / two_levels.A * slope
    with torch.no_grad():
        bottom, top = model.posterior.heads
        bottom.weight.copy_(torch.stack([slope, torch.zeros(3)]))
        bottom.bias.copy_(torch.tensor([-float(slope @ B), raw(message_scale)]))
        # A linear map through ReLUs: relu(a) − relu(−a) = a.
        layer = model.posterior.layers[0].layer
        layer.weight.copy_(torch.stack([top_slope, -top_slope]))
        layer.bias.zero_()
        top.weight.copy_(torch.tensor([[1.0, -1.0], [0.0, 0.0]]))
        mean_of_top = -float(top_slope @ B) - top_precision / (1 + top_precision) * C / two_levels.A
        top.bias.copy_(torch.tensor([mean_of_top, raw((1 + top_precision) ** -0.5)]))
    x = two_levels.data(20)
    with torch.no_grad():
        weights = model.inference(x).draw(50).log_weights
    torch.testing.assert_close(weights, two_levels.log_evidence(x).expand(50, -1), atol=1e-3, rtol=0)


def test_the_product_adds_precisions() -> None:
    q = product_of_gaussians(
        torch.tensor([1.0, -2.0]), torch.tensor([0.5, 3.0]), torch.tensor([0.2, 0.4]), torch.tensor([1.5, 0.7])
    )
    z = torch.linspace(-3, 3, 7)[:, None]
    product = (
        Normal(torch.tensor([1.0, -2.0]), torch.tensor([0.5, 3.0])).log_prob(z)
        + Normal(torch.tensor([0.2, 0.4]), torch.tensor([1.5, 0.7])).log_prob(z)
        - q.base_dist.log_prob(z)
    )
    torch.testing.assert_close(product, product[:1].expand_as(product))


def test_a_message_that_says_nothing_leaves_the_prior() -> None:
    q = product_of_gaussians(torch.tensor([5.0]), torch.tensor([1e6]), torch.tensor([0.2]), torch.tensor([1.5]))
    torch.testing.assert_close(q.base_dist.loc, torch.tensor([0.2]), atol=1e-5, rtol=0)
    torch.testing.assert_close(q.base_dist.scale, torch.tensor([1.5]))
