"""Laws that every registered encoder obeys."""

import copy

import pytest
import torch

from zoo.encoders import Encoder
from zoo.errors import ComponentError, DataError
from zoo.registry import find_component, list_components
from zoo.spec.options import check_options, construct, option_names

SHAPE = (2, 9, 12)
NAMES = list_components("encoder")
OPTIONS = [
    {},
    {"depth": 2, "normalisation": "batch"},
    {"depth": 3, "normalisation": "layer", "activation": "gelu"},
    {"normalisation": "group", "activation": "leaky_relu", "dropout": 0.5},
    {"normalisation": "layer", "activation": "tanh", "hidden": 24},
    {"activation": "elu", "dropout": 0.25, "hidden": None},
    {"widths": []},
]


def build(name: str, shape: tuple[int, ...] = SHAPE, condition_dim: int = 0, **options) -> Encoder:
    torch.manual_seed(0)
    component = find_component("encoder", name)
    known = {option: value for option, value in options.items() if option in option_names(component)}
    wiring = {"data_shape": shape, "condition_dim": condition_dim}
    return construct(component, check_options(component, known, "encoder"), wiring, "encoder")


def images(count: int, shape: tuple[int, ...] = SHAPE) -> torch.Tensor:
    return torch.rand(count, *shape, generator=torch.Generator().manual_seed(1))


every_encoder = pytest.mark.parametrize("name", NAMES)
every_option = pytest.mark.parametrize("options", OPTIONS, ids=str)


@every_encoder
@every_option
@pytest.mark.parametrize("condition_dim", [0, 3])
def test_features_are_as_many_as_announced_and_finite(name, options, condition_dim):
    encoder = build(name, condition_dim=condition_dim, **options)
    condition = torch.randn(5, condition_dim) if condition_dim else None
    features = encoder(images(5), condition)
    assert features.shape == (5, *getattr(encoder, "feature_shape", (encoder.features,)))
    assert features.flatten(1).shape[1] == encoder.features
    assert features.isfinite().all()


@every_encoder
@every_option
def test_examples_do_not_see_each_other_in_evaluation(name, options):
    encoder = build(name, condition_dim=3, **options).eval()
    x, condition = images(5), torch.randn(5, 3)
    alone = torch.cat([encoder(x[i : i + 1], condition[i : i + 1]) for i in range(5)])
    torch.testing.assert_close(encoder(x, condition), alone)


@every_encoder
@every_option
def test_the_gradient_reaches_every_parameter(name, options):
    encoder = build(name, condition_dim=3, **options)
    encoder(images(6), torch.randn(6, 3)).square().sum().backward()
    for parameter_name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.abs().max() > 1e-6, parameter_name


@every_encoder
@every_option
def test_a_condition_is_without_effect_until_it_is_trained(name, options):
    encoder = build(name, condition_dim=3, **options).eval()
    x, one, other = images(4), torch.randn(4, 3), torch.randn(4, 3)
    torch.testing.assert_close(encoder(x, one), encoder(x, other), rtol=0, atol=0)
    optimizer = torch.optim.SGD(encoder.parameters(), lr=0.1)
    encoder(x, one).square().mean().backward()
    optimizer.step()
    assert not torch.allclose(encoder(x, one), encoder(x, other))


@every_encoder
def test_an_unconditional_encoder_has_no_parameters_for_a_condition(name):
    conditional = build(name, condition_dim=3).state_dict()
    plain = build(name).state_dict()
    assert set(plain) < set(conditional)
    assert not any("modulation" in key for key in plain)


@every_encoder
def test_every_value_of_the_data_affects_the_features(name):
    x = images(8).requires_grad_()
    build(name, activation="tanh")(x).square().sum().backward()
    assert (x.grad.abs().sum(0) > 0).all()


@every_encoder
def test_dropout_acts_only_in_training(name):
    encoder, x = build(name, dropout=0.5), images(4)
    assert not torch.equal(encoder(x), encoder(x))
    encoder.eval()
    assert torch.equal(encoder(x), encoder(x))
    assert torch.equal(encoder(x), build(name).eval()(x))


@every_encoder
@every_option
def test_loading_a_state_restores_the_outputs(name, options):
    encoder = build(name, condition_dim=3, **options)
    x, condition = images(4), torch.randn(4, 3)
    encoder(x, condition)  # moves running statistics
    restored = build(name, condition_dim=3, **options)
    for parameter in restored.parameters():
        torch.nn.init.normal_(parameter)
    restored.load_state_dict(copy.deepcopy(encoder.state_dict()), strict=True)
    assert torch.equal(encoder.eval()(x, condition), restored.eval()(x, condition))


@every_encoder
@every_option
def test_a_batch_of_one_can_be_trained_on(name, options):
    encoder = build(name, condition_dim=3, **options)
    encoder(images(1), torch.randn(1, 3)).sum().backward()


@every_encoder
@every_option
def test_mixed_precision_stays_close_to_full_precision(name, options):
    encoder, x, condition = build(name, condition_dim=3, **options).eval(), images(4), torch.randn(4, 3)
    with torch.autocast("cpu", torch.bfloat16):
        features = encoder(x, condition)
        features.sum().backward()
    torch.testing.assert_close(features.float(), encoder(x, condition), rtol=0.1, atol=0.1)


@every_encoder
@pytest.mark.parametrize("shape", [(4, 2, 12, 9), (4, 2, 9), (4, 1, 9, 12), SHAPE])
def test_data_of_another_shape_are_refused_with_both_shapes(name, shape):
    with pytest.raises(DataError, match=r"\(B, 2, 9, 12\)") as refusal:
        build(name)(torch.zeros(shape))
    assert str(shape) in str(refusal.value)


@every_encoder
def test_a_missing_unwanted_or_misshapen_condition_is_refused(name):
    with pytest.raises(ComponentError, match=r"expected a condition of shape \(4, 3\), got none"):
        build(name, condition_dim=3)(images(4))
    with pytest.raises(ComponentError, match=r"expected no condition, got one of shape \(4, 3\)"):
        build(name)(images(4), torch.zeros(4, 3))
    with pytest.raises(ComponentError, match=r"expected a condition of shape \(4, 3\), got \(1, 3\)"):
        build(name, condition_dim=3)(images(4), torch.zeros(1, 3))


@every_encoder
@pytest.mark.parametrize(
    "wrong", [{"depth": 0}, {"depth": 1.5}, {"activation": "sine"}, {"normalisation": True}, {"dropout": 1.0}]
)
def test_options_out_of_range_are_refused_with_their_path(name, wrong):
    with pytest.raises(ComponentError, match=rf"encoder\.{next(iter(wrong))}"):
        build(name, **wrong)
