"""Laws that every registered decoder obeys."""

import copy
import math

import pytest
import torch

from zoo.decoders import Decoder
from zoo.encoders.mlp import MLPEncoder
from zoo.errors import ComponentError, DataError
from zoo.nn.convolution.maps import halvings
from zoo.posteriors.point import Point
from zoo.priors.top_down import TopDown
from zoo.priors.top_down_map import TopDownMap
from zoo.registry import find_component, list_components
from zoo.spec.options import check_options, construct, option_names

SHAPE = (2, 9, 12)
NAMES = list_components("decoder")
OPTIONS = [
    {},
    {"depth": 2, "normalisation": "batch"},
    {"depth": 3, "normalisation": "layer", "activation": "gelu"},
    {"normalisation": "group", "activation": "leaky_relu", "dropout": 0.5},
    {"normalisation": "layer", "activation": "tanh", "hidden": 24},
    {"activation": "elu", "dropout": 0.25, "hidden": None},
    {"widths": []},
]


def build(name: str, shape: tuple[int, ...] = SHAPE, condition_dim: int = 0, **options) -> Decoder:
    torch.manual_seed(0)
    component = find_component("decoder", name)
    known = {option: value for option, value in options.items() if option in option_names(component)}
    latent = latent_shape(name, shape)
    wiring = {"latent_dim": math.prod(latent), "latent_shape": latent}
    wiring |= {"output_shape": shape, "condition_dim": condition_dim}
    wiring["prior"] = map_prior(shape) if name == "top_down_map" else TopDown(latent_dim=5, activation="tanh")
    wiring["encoder"] = MLPEncoder(data_shape=shape, condition_dim=condition_dim, widths=[])
    wiring["posterior"] = Point(features=7, latent_dim=5)
    return construct(component, check_options(component, known, "decoder"), wiring, "decoder")


def latent_shape(name: str, shape: tuple[int, ...] = SHAPE) -> tuple[int, ...]:
    """Return vectors for every decoder but those of maps, for which two stages halve the output."""
    if name == "top_down_map":
        return map_prior(shape).latent_shape
    return (5, *halvings(shape[1:], 2)[-1]) if name == "conv_map" else (5,)


def map_prior(shape: tuple[int, ...]) -> TopDownMap:
    """Return two levels of maps, of which the last is as large as two halvings of the output."""
    return TopDownMap(feature_shape=(3, *halvings(shape[1:], 2)[-1]), latent_dim=1, levels=2, activation="tanh")


def latents(name: str, count: int, shape: tuple[int, ...] = SHAPE) -> torch.Tensor:
    return torch.randn(count, *latent_shape(name, shape), generator=torch.Generator().manual_seed(1))


def with_option(option: str) -> list[str]:
    """Return the decoders that have an option."""
    return [name for name in NAMES if option in option_names(find_component("decoder", name))]


every_decoder = pytest.mark.parametrize("name", NAMES)
every_option = pytest.mark.parametrize("options", OPTIONS, ids=str)


@every_decoder
@every_option
@pytest.mark.parametrize("condition_dim", [0, 3])
def test_outputs_have_exactly_the_shape_asked_for(name, options, condition_dim):
    condition = torch.randn(4, condition_dim) if condition_dim else None
    raw = build(name, condition_dim=condition_dim, **options)(latents(name, 4), condition)
    assert raw.shape == (4, *SHAPE)
    assert raw.is_contiguous()


@every_decoder
@every_option
def test_outputs_begin_small_and_alive(name, options):
    raw = build(name, (1, 28, 28), **options)(latents(name, 16, (1, 28, 28)))
    assert raw.abs().max() < 5
    assert raw.std(0).mean() > 1e-3


@every_decoder
@every_option
def test_examples_do_not_see_each_other_in_evaluation(name, options):
    decoder = build(name, condition_dim=3, **options).eval()
    z, condition = latents(name, 5), torch.randn(5, 3)
    alone = torch.cat([decoder(z[i : i + 1], condition[i : i + 1]) for i in range(5)])
    torch.testing.assert_close(decoder(z, condition), alone)


@every_decoder
@every_option
def test_the_gradient_reaches_every_parameter(name, options):
    decoder = build(name, condition_dim=3, **options)
    decoder(latents(name, 6), torch.randn(6, 3)).square().sum().backward()
    for parameter_name, parameter in decoder.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.abs().max() > 1e-6, parameter_name


@every_decoder
@every_option
def test_a_condition_is_without_effect_until_it_is_trained(name, options):
    decoder = build(name, condition_dim=3, **options).eval()
    z, one, other = latents(name, 4), torch.randn(4, 3), torch.randn(4, 3)
    torch.testing.assert_close(decoder(z, one), decoder(z, other), rtol=0, atol=0)
    optimizer = torch.optim.SGD(decoder.parameters(), lr=0.1)
    (decoder(z, one) - 1).square().mean().backward()
    optimizer.step()
    assert not torch.allclose(decoder(z, one), decoder(z, other))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("conv_map", "top_down_map")])
def test_every_latent_reaches_every_output(name):
    decoder = build(name, activation="tanh")
    slopes = torch.autograd.functional.jacobian(lambda z: decoder(z).sum(0), latents(name, 4))
    assert (slopes.abs().sum(-2) > 0).all()


@pytest.mark.parametrize("name", with_option("dropout"))
def test_dropout_acts_only_in_training(name):
    decoder, z = build(name, dropout=0.5), latents(name, 4)
    assert not torch.equal(decoder(z), decoder(z))
    decoder.eval()
    assert torch.equal(decoder(z), decoder(z))
    assert torch.equal(decoder(z), build(name).eval()(z))


@every_decoder
@every_option
def test_loading_a_state_restores_the_outputs(name, options):
    decoder = build(name, condition_dim=3, **options)
    z, condition = latents(name, 4), torch.randn(4, 3)
    decoder(z, condition)  # moves running statistics
    restored = build(name, condition_dim=3, **options)
    for parameter in restored.parameters():
        torch.nn.init.normal_(parameter)
    restored.load_state_dict(copy.deepcopy(decoder.state_dict()), strict=True)
    assert torch.equal(decoder.eval()(z, condition), restored.eval()(z, condition))


@every_decoder
@every_option
def test_a_batch_of_one_can_be_trained_on(name, options):
    decoder = build(name, condition_dim=3, **options)
    decoder(latents(name, 1), torch.randn(1, 3)).sum().backward()


@every_decoder
@every_option
def test_mixed_precision_stays_close_to_full_precision(name, options):
    decoder, z, condition = build(name, condition_dim=3, **options).eval(), latents(name, 4), torch.randn(4, 3)
    with torch.autocast("cpu", torch.bfloat16):
        raw = decoder(z, condition)
        raw.sum().backward()
    torch.testing.assert_close(raw.float(), decoder(z, condition), rtol=0.1, atol=0.1)


@every_decoder
@pytest.mark.parametrize("wrong", [(4, 6), (4, 5, 1), (5,), (4, 6, 3, 3), (4, 5, 3, 4)])
def test_latents_of_another_shape_are_refused_with_both_shapes(name, wrong):
    expected = ", ".join(map(str, latent_shape(name)))
    with pytest.raises(DataError, match=rf"\(B, {expected}\), got") as refusal:
        build(name)(torch.zeros(wrong))
    assert str(wrong) in str(refusal.value)


@every_decoder
def test_a_missing_unwanted_or_misshapen_condition_is_refused(name):
    with pytest.raises(ComponentError, match=r"expected a condition of shape \(4, 3\), got none"):
        build(name, condition_dim=3)(latents(name, 4))
    with pytest.raises(ComponentError, match=r"expected no condition, got one of shape \(4, 3\)"):
        build(name)(latents(name, 4), torch.zeros(4, 3))
    with pytest.raises(ComponentError, match=r"expected a condition of shape \(4, 3\), got \(4, 2\)"):
        build(name, condition_dim=3)(latents(name, 4), torch.zeros(4, 2))


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        (name, wrong)
        for wrong in ({"depth": 0}, {"depth": 1.5}, {"activation": "sine"}, {"normalisation": True}, {"dropout": 1.0})
        for name in with_option(*wrong)
    ],
)
def test_options_out_of_range_are_refused_with_their_path(name, wrong):
    with pytest.raises(ComponentError, match=rf"decoder\.{next(iter(wrong))}"):
        build(name, **wrong)
