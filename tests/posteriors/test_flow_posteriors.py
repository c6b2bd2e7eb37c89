"""What sets a flow posterior apart from a Gaussian one under a flow prior: its maps follow the data."""

from __future__ import annotations

import inspect

import pytest
import torch

import zoo
from tests import linear_gaussian
from zoo.nn.flows.distributions import FlowDistribution
from zoo.registry import find_component
from zoo.spec.options import wiring_of

NAMES = [
    name
    for name in zoo.list_components("posterior")
    if find_component("posterior", name).density == "any"
    and not find_component("posterior", name).discrete
    and not {"feature_shape", "prior"} & wiring_of(find_component("posterior", name))
]


def flow_of(name: str) -> FlowDistribution | None:
    """Return q(z|x) of three examples, or None if it is no flow."""
    torch.manual_seed(0)
    q = linear_gaussian.randomise(linear_gaussian.build(name, latent_dim=3)).encode(linear_gaussian.data(3))
    return q if isinstance(q, FlowDistribution) else None


@pytest.mark.parametrize("name", ["planar", "radial", "sylvester", "autoregressive_flow"])
def test_these_are_flows(name: str) -> None:
    assert flow_of(name) is not None


@pytest.mark.parametrize("name", NAMES)
def test_every_map_is_another_one_for_another_example(name: str) -> None:
    """Without this, a flow posterior has no smaller gap than its Gaussian start, under another prior."""
    q = flow_of(name)
    if q is None:
        return  # no flow: there are no maps
    z = torch.randn(5, 1, 3).expand(5, 3, 3)
    for bijection in q.maps:
        y, _ = bijection(z, q.context)
        assert (y[:, 0] != y[:, 1]).any()
        assert (y[:, 1] != y[:, 2]).any()


@pytest.mark.parametrize("name", ["planar", "radial", "sylvester"])
def test_flows_have_four_maps_and_a_small_floor_if_not_stated(name: str) -> None:
    """So that one can be tried in the place of another."""
    posterior = find_component("posterior", name)(features=2, latent_dim=3)
    assert len(posterior(torch.zeros(1, 2)).maps) == 4
    assert posterior.head.floor == 1e-4


@pytest.mark.parametrize("name", zoo.list_components("posterior"))
def test_scales_have_the_same_floor_and_concentrations_too(name: str) -> None:
    posterior = find_component("posterior", name)
    floor = inspect.signature(posterior).parameters.get("floor")
    if floor is not None:
        assert floor.default == (1.0 if posterior.manifold == "sphere" else 1e-4)
