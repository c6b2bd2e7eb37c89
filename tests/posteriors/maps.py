"""What every invertible map of a flow posterior is held against."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.nn.flows.distributions import FlowDistribution


def check_maps(q: FlowDistribution, *, spread: float = 1.5) -> None:
    """Hold each map of a flow in float64 against autograd's Jacobian and against its own inverse."""
    z = spread * torch.randn(4, *q.batch_shape, *q.event_shape, dtype=torch.float64)
    for bijection in q.maps:
        y, log_det = bijection(z)
        torch.testing.assert_close(log_det, log_det_by_autograd(lambda v, f=bijection: f(v)[0], z))
        back, inverse_log_det = bijection.inverse(y)
        torch.testing.assert_close(back, z)
        torch.testing.assert_close(inverse_log_det, -log_det)
        z = y


def log_det_by_autograd(function: object, z: Tensor) -> Tensor:
    """Return log |det ∂f/∂z|, (*S, B), where examples do not see each other."""
    jacobian = torch.autograd.functional.jacobian(lambda v: function(v).sum(tuple(range(v.ndim - 1))), z)
    return torch.linalg.slogdet(torch.movedim(jacobian, 0, -2)).logabsdet


def check_gradient_through_the_inverse(q: FlowDistribution, h: Tensor) -> None:
    """The density's gradient is the same through the draw and through the inverse."""
    z, with_draw = q.rsample_and_log_prob((3,))
    expected, found = (torch.autograd.grad(v.sum(), h, retain_graph=True)[0] for v in (with_draw, q.log_prob(z)))
    torch.testing.assert_close(found, expected)
