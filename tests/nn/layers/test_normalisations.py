"""Normalisations by name, for vectors, series and images."""

import pytest
import torch

from zoo.nn.layers.normalisations import BatchNorm, normalisation

VECTORS, SERIES, MAPS = (6, 16), (6, 16, 35), (6, 16, 5, 7)


@pytest.fixture(params=[VECTORS, SERIES, MAPS], ids=["vectors", "series", "maps"])
def features(request):
    torch.manual_seed(0)
    return 3 + 2 * torch.randn(request.param)


def standardised(groups: torch.Tensor) -> bool:
    """Whether each row has mean 0 and variance 1."""
    mean, variance = groups.mean(1), groups.var(1, correction=0)
    return mean.abs().max() < 1e-5 and (variance - 1).abs().max() < 1e-3


def test_none_changes_nothing(features):
    assert normalisation("none", 16)(features) is features


def test_batch_pools_over_examples_and_pixels(features):
    out = normalisation("batch", 16, dims=features.dim() - 2)(features)
    assert standardised(out.transpose(0, 1).reshape(16, -1))


def test_layer_pools_over_one_example(features):
    out = normalisation("layer", 16, dims=features.dim() - 2)(features)
    assert standardised(out.reshape(6, -1))


def test_group_pools_over_four_features_of_one_example(features):
    out = normalisation("group", 16, dims=features.dim() - 2)(features)
    assert standardised(out.reshape(6 * 4, -1))


@pytest.mark.parametrize("width", range(1, 65))
def test_groups_divide_the_width_and_are_not_small(width):
    groups = normalisation("group", width).num_groups
    assert width % groups == 0
    assert groups <= 8
    assert groups == 1 or width / groups >= 4


@pytest.mark.parametrize("shape", [(1, 16), (1, 16, 1), (1, 16, 1, 1)])
def test_a_single_value_is_normalised_by_the_running_statistics(shape):
    norm = BatchNorm(16)
    norm(torch.randn(8, *shape[1:]) * 3 + 1)
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    x = torch.randn(shape, requires_grad=True)
    out = norm.train()(x)
    torch.testing.assert_close(out, norm.eval()(x))
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())
    out.sum().backward()
    assert (x.grad != 0).all()


def test_one_map_of_several_pixels_has_statistics_of_its_own():
    out = BatchNorm(16).train()(3 + torch.randn(1, 16, 5, 7))
    assert standardised(out.reshape(16, -1))


def test_features_that_are_neither_vectors_nor_maps_are_refused():
    with pytest.raises(ValueError, match=r"got \(2, 16, 5, 1, 1\)"):
        BatchNorm(16)(torch.randn(2, 16, 5, 1, 1))
