"""Masked autoregressive networks and the affine flow made from one."""

import itertools

import pytest
import torch

from zoo.errors import ComponentError
from zoo.nn.flows.masked import Autoregressive, MaskedNetwork

ORDERS = pytest.mark.parametrize(
    "order", [None, [3, 1, 0, 2, 4], [4, 3, 2, 1, 0]], ids=["natural", "mixed", "reversed"]
)
WIDTHS = pytest.mark.parametrize("widths", [(), (3,), (16, 11)], ids=["linear", "narrow", "deep"])


def randomised(module: torch.nn.Module) -> torch.nn.Module:
    """Return the module in float64 with random weights everywhere: a network begins with outputs of zero."""
    torch.manual_seed(0)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.6)
    return module.double()


def jacobian(function, z):
    return torch.autograd.functional.jacobian(function, z)


@ORDERS
@WIDTHS
@pytest.mark.parametrize("context_dim", [0, 3])
def test_parameters_of_a_variable_depend_on_those_before_it_and_on_no_other(order, widths, context_dim):
    network = randomised(MaskedNetwork(5, 2, widths, context_dim=context_dim, order=order, activation="tanh"))
    context = torch.randn(context_dim, dtype=torch.float64) if context_dim else None
    found = jacobian(lambda z: network(z, context), torch.randn(5, dtype=torch.float64)).abs().amax(1)
    places = {variable: place for place, variable in enumerate(order or range(5))}
    for output, variable in itertools.product(range(5), repeat=2):
        if places[variable] >= places[output]:
            assert found[output, variable] == 0
        elif widths != (3,):
            assert found[output, variable] > 0, f"variable {output} should see {variable}"


@WIDTHS
def test_every_variable_sees_the_context(widths):
    network = randomised(MaskedNetwork(5, 2, widths, context_dim=3, activation="tanh"))
    z = torch.randn(5, dtype=torch.float64)
    found = jacobian(lambda context: network(z, context), torch.randn(3, dtype=torch.float64))
    assert (found != 0).all()


def test_one_variable_has_constant_parameters_or_those_of_its_context():
    network = randomised(MaskedNetwork(1, 3, (8,)))
    z = torch.randn(6, 1, dtype=torch.float64)
    assert network(z).unique(dim=0).shape[0] == 1
    conditional = randomised(MaskedNetwork(1, 3, (8,), context_dim=2))
    contexts = torch.randn(6, 2, dtype=torch.float64)
    assert conditional(z, contexts).unique(dim=0).shape[0] == 6


@ORDERS
@WIDTHS
def test_the_log_determinant_is_that_of_the_jacobian_both_ways(order, widths):
    flow = randomised(Autoregressive(5, widths, context_dim=2, order=order, activation="tanh"))
    z, context = torch.randn(5, dtype=torch.float64), torch.randn(2, dtype=torch.float64)
    y, log_det = flow(z, context)
    torch.testing.assert_close(log_det, torch.linalg.slogdet(jacobian(lambda v: flow(v, context)[0], z)).logabsdet)
    back, inverse_log_det = flow.inverse(y, context)
    torch.testing.assert_close(back, z)
    torch.testing.assert_close(inverse_log_det, -log_det)


def test_a_linear_step_gives_every_gaussian():
    """y = L z + m with any lower triangular L of positive diagonal: the weights are L's rows over the scales."""
    lower = torch.tensor([[2.0, 0, 0], [0.7, 0.5, 0], [-0.4, 1.1, 1.5]], dtype=torch.float64)
    mean = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    flow = Autoregressive(3).double()
    with torch.no_grad():
        flow.network.output.weight.view(3, 2, 3)[:, 0] = lower
        flow.network.output.bias.view(3, 2)[:, 0] = mean
        flow.network.output.bias.view(3, 2)[:, 1] = 3 * torch.atanh(lower.diagonal().log() / 3)
    y = torch.randn(50, 3, dtype=torch.float64)
    z, log_det = flow.inverse(y)
    log_prob = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1) + log_det
    torch.testing.assert_close(log_prob, torch.distributions.MultivariateNormal(mean, scale_tril=lower).log_prob(y))


@WIDTHS
def test_a_flow_begins_as_the_identity_and_learns_from_the_first_step(widths):
    flow, z, context = Autoregressive(4, widths, context_dim=3), torch.randn(5, 4), torch.randn(5, 3)
    y, log_det = flow(z, context)
    assert torch.equal(y, z)
    assert not log_det.any()
    (y.square().sum() + log_det.sum()).backward()
    assert flow.network.output.weight.grad.any()
    assert flow.network.output.bias.grad.all()


def test_one_context_serves_many_draws():
    flow = randomised(Autoregressive(4, (8,), context_dim=3))
    z, context = torch.randn(7, 5, 4, dtype=torch.float64), torch.randn(5, 3, dtype=torch.float64)
    y, log_det = flow(z, context)
    assert log_det.shape == (7, 5)
    torch.testing.assert_close(y[3, 2], flow(z[3, 2], context[2])[0])


def test_extreme_inputs_give_finite_values_and_gradients():
    flow = Autoregressive(6, (16,))
    torch.nn.init.normal_(flow.network.output.weight, std=50)
    z = torch.tensor([[-1e6] * 6, [1e6] * 6], requires_grad=True)
    y, log_det = flow(z)
    (y.sum() + log_det.sum()).backward()
    assert y.isfinite().all()
    assert z.grad.isfinite().all()
    assert flow.inverse(torch.full((1, 6), 1e6))[0].isfinite().all()


def test_densities_are_float32_under_mixed_precision_and_in_16_bit_models():
    z = torch.randn(3, 4)
    flow = Autoregressive(4, (8,), context_dim=2)
    with torch.autocast("cpu", torch.bfloat16):
        assert flow(z, torch.randn(3, 2, dtype=torch.bfloat16))[1].dtype == torch.float32
    assert flow.bfloat16()(z, torch.randn(3, 2))[0].dtype == torch.float32


@pytest.mark.parametrize("order", [[0, 1], [0, 1, 1], [1, 2, 3]])
def test_an_order_that_is_no_permutation_is_refused(order):
    with pytest.raises(ComponentError, match=r"order: expected an order of the variables 0 to 2, each once, got \["):
        MaskedNetwork(3, 2, order=order)


def test_a_context_that_is_missing_or_unwanted_is_refused():
    with pytest.raises(ComponentError, match=r"expected a context of shape \(…, 2\), got none"):
        MaskedNetwork(3, 2, context_dim=2)(torch.randn(4, 3))
    with pytest.raises(ComponentError, match="expected no context, got one of shape"):
        MaskedNetwork(3, 2)(torch.randn(4, 3), torch.randn(4, 2))


@pytest.mark.parametrize("order", [None, [4, 3, 2, 1, 0]], ids=["natural", "reversed"])
def test_with_two_groups_the_first_half_moves_the_second(order):
    """A coupling layer: the first group depends on nothing but the context, and the inverse takes two passes."""
    flow = randomised(Autoregressive(5, (16,), context_dim=2, order=order, groups=2, activation="tanh"))
    z, context = torch.randn(5, dtype=torch.float64), torch.randn(2, dtype=torch.float64)
    first = (flow.network.places == 0).nonzero()[:, 0].tolist()
    assert first == ([0, 1, 2] if order is None else [2, 3, 4])
    found = jacobian(lambda v: flow(v, context)[0], z)
    for output, variable in itertools.permutations(range(5), 2):
        depends = variable in first and output not in first
        assert (found[output, variable] != 0) == depends
    passes = []
    flow.network.register_forward_hook(lambda *_: passes.append(1))
    back, _ = flow.inverse(flow(z, context)[0], context)
    assert len(passes) == 3
    torch.testing.assert_close(back, z)


@pytest.mark.parametrize("groups", [2, 3, None])
def test_without_a_context_no_hidden_unit_is_a_constant(groups):
    network = MaskedNetwork(6, 2, (7, 5), groups=groups)
    for layer in network.layers:
        assert layer.mask.any(1).all()
        assert layer.mask.any(0).sum() >= network.groups - 1


def test_variables_of_one_group_have_parameters_that_every_weight_moves():
    network = randomised(MaskedNetwork(3, 2, (4,), groups=1))
    first, second = network(torch.randn(2, 3, dtype=torch.float64))
    assert torch.equal(first, second)
    first.sum().backward()
    assert network.layers[0].bias.grad.any()
