"""Laws that every registered network obeys."""

import copy

import pytest
import torch

from zoo.errors import ComponentError, DataError
from zoo.networks import Network
from zoo.registry import find_component, list_components
from zoo.spec.options import check_options, construct, option_names

SHAPE = (2, 9, 12)
NAMES = list_components("network")
OPTIONS = [
    {"width": 16, "channels": [8, 12]},
    {"width": 16, "channels": [8], "depth": 2, "normalisation": "layer", "skip": False},
    {"width": 16, "channels": [4, 6, 8], "activation": "gelu", "dropout": 0.5, "normalisation": "group"},
]
every_network = pytest.mark.parametrize("name", NAMES)
every_option = pytest.mark.parametrize("options", OPTIONS, ids=str)


def build(name: str, shape: tuple[int, ...] = SHAPE, condition_dim: int = 3, **options) -> Network:
    torch.manual_seed(0)
    component = find_component("network", name)
    known = {option: value for option, value in options.items() if option in option_names(component)}
    wiring = {"data_shape": shape, "condition_dim": condition_dim}
    return construct(component, check_options(component, known, "network"), wiring, "network")


def stirred(network: Network) -> Network:
    """Give every parameter a value, as training would: some begin as zero."""
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return network


def images(count: int, shape: tuple[int, ...] = SHAPE) -> torch.Tensor:
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(1))


@every_network
@every_option
@pytest.mark.parametrize("condition_dim", [0, 3])
def test_data_go_to_data_of_the_same_shape(name, options, condition_dim):
    network = stirred(build(name, condition_dim=condition_dim, **options))
    result = network(images(5), torch.randn(5, condition_dim) if condition_dim else None)
    assert result.shape == (5, *SHAPE)
    assert result.isfinite().all()


@pytest.mark.parametrize("size", [(8, 8), (9, 8), (8, 15), (17, 11), (28, 28)])
@pytest.mark.parametrize("levels", [1, 2, 3, 4])
def test_unet_takes_images_of_any_size_from_8(size, levels):
    network = build("unet", (1, *size), channels=[4] * levels)
    assert network(images(2, (1, *size)), torch.randn(2, 3)).shape == (2, 1, *size)


@pytest.mark.parametrize("length", [8, 13, 100])
def test_unet_takes_series_of_any_length_from_8(length):
    network = stirred(build("unet", (2, length), channels=[4, 8], normalisation="group", dropout=0.1))
    assert network(images(2, (2, length)), torch.randn(2, 3)).shape == (2, 2, length)


@every_network
def test_it_begins_as_the_identity_or_as_zero(name):
    x = images(3)
    result = build(name)(x, torch.randn(3, 3))
    assert torch.equal(result, x) or not result.any()


@every_network
@every_option
def test_examples_do_not_see_each_other(name, options):
    network = stirred(build(name, **options)).eval()
    x, condition = images(4), torch.randn(4, 3)
    alone = torch.cat([network(x[i : i + 1], condition[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(network(x, condition), alone, rtol=1e-4, atol=1e-4)


@every_network
@every_option
def test_the_gradient_reaches_every_parameter_and_every_value(name, options):
    network = stirred(build(name, **options)).eval()
    x = images(6).requires_grad_()
    network(x, torch.randn(6, 3)).square().sum().backward()
    assert (x.grad.abs().sum(0) > 0).all()
    for parameter_name, parameter in network.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.abs().max() > 1e-6, parameter_name


@every_network
def test_the_condition_of_an_example_changes_what_it_becomes(name):
    network, x = stirred(build(name)).eval(), images(4)
    assert not torch.allclose(network(x, torch.zeros(4, 3)), network(x, torch.ones(4, 3)))


def test_unet_sees_the_whole_image():
    network = stirred(build("unet", (1, 16, 16), channels=[4, 4, 4])).eval()
    x = images(1, (1, 16, 16)).requires_grad_()
    network(x, torch.randn(1, 3))[0, 0, 0, 0].backward()
    assert (x.grad != 0).all()


@every_network
@every_option
def test_a_checkpoint_brings_the_same_outputs_back(name, options):
    network = stirred(build(name, **options)).eval()
    restored = build(name, **options).eval()
    restored.load_state_dict(copy.deepcopy(network.state_dict()), strict=True)
    x, condition = images(4), torch.randn(4, 3)
    assert torch.equal(network(x, condition), restored(x, condition))


@every_network
def test_mixed_precision_stays_close_to_full_precision(name):
    network, x, condition = stirred(build(name, width=16, channels=[8])).eval(), images(4), torch.randn(4, 3)
    with torch.autocast("cpu", torch.bfloat16):
        result = network(x, condition)
        result.float().sum().backward()
    expected = network(x, condition)
    assert (result.float() - expected).abs().max() < 0.05 * expected.abs().max()


@every_network
@pytest.mark.parametrize("shape", [(4, 2, 12, 9), (4, 2, 9), SHAPE])
def test_data_of_another_shape_are_refused_with_both_shapes(name, shape):
    with pytest.raises(DataError, match=r"\(B, 2, 9, 12\)") as refusal:
        build(name)(torch.zeros(shape), torch.zeros(shape[0], 3))
    assert str(shape) in str(refusal.value)


@every_network
def test_a_missing_or_unwanted_condition_is_refused(name):
    with pytest.raises(ComponentError, match=r"expected a condition of shape \(4, 3\), got none"):
        build(name)(images(4))
    with pytest.raises(ComponentError, match="expected no condition, got one of shape"):
        build(name, condition_dim=0)(images(4), torch.zeros(4, 3))


@pytest.mark.parametrize("shape", [(2,), (1, 7, 9), (8, 7)])
def test_unet_refuses_data_that_it_cannot_halve_and_names_mlp(shape):
    with pytest.raises(ComponentError, match="mlp"):
        build("unet", shape)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("mlp", {"width": 0}), ("mlp", {"skip": "yes"}), ("unet", {"channels": []}), ("unet", {"dropout": 1.0})],
)
def test_options_out_of_range_are_refused_with_their_path(name, wrong):
    with pytest.raises(ComponentError, match=rf"network\.{next(iter(wrong))}"):
        build(name, **wrong)
