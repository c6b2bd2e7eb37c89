"""The discretised logistic mixture."""

import itertools
import math

import pytest
import torch

from zoo.errors import ComponentError
from zoo.likelihoods._parameters import inverse_softplus
from zoo.likelihoods.discretised_logistic import DiscretisedLogistic, log_bin_mass


def every_colour(levels: int, channels: int) -> torch.Tensor:
    """Return all pixels (N, channels, 1, 1) of whole levels."""
    return torch.tensor(list(itertools.product(range(levels), repeat=channels))).float()[..., None, None]


def test_a_small_scale_puts_all_mass_into_one_bin():
    likelihood = DiscretisedLogistic(data_shape=(1,), components=1)
    # The component begins in the middle of the range: 100.2 / 255 is 0.5 − 0.1071.
    p = likelihood(torch.tensor([[0.0, 100.2 / 255 - 0.5, -1e4]]))
    assert p.log_prob(torch.tensor([[100 / 255]])).item() == pytest.approx(0, abs=1e-4)
    assert p.log_prob(torch.tensor([[101 / 255]])).item() < -5
    assert p.mean.item() == pytest.approx(100 / 255, abs=0.5 / 255)
    assert (p.sample((50,)) * 255).round().unique().tolist() == [100]


@pytest.mark.parametrize("mean", [-3.0, 0.0, 0.31, 1.0, 7.0])
@pytest.mark.parametrize("scale", [1e-3, 0.02, 0.5, 30.0])
def test_bin_masses_are_exact_differences_of_the_distribution_function(mean, scale):
    position = torch.arange(256) / 255
    found = log_bin_mass(position, torch.tensor(mean), torch.tensor(scale), 0.5 / 255).double()
    edges = (torch.arange(257, dtype=torch.float64) - 0.5) / 255
    below = ((edges - mean) / scale).sigmoid()
    below[0], below[-1] = 0, 1
    expected = below.diff()
    torch.testing.assert_close(found.exp(), expected, rtol=1e-3, atol=1e-9)
    assert found.isfinite().all()
    assert found.exp().sum().item() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("channels", [2, 3])
def test_masses_of_all_colours_of_a_coupled_pixel_sum_to_one(channels):
    torch.manual_seed(0)
    likelihood = DiscretisedLogistic(data_shape=(channels, 1, 1), components=2, levels=4, values="whole", coupled=True)
    p = likelihood(2 * torch.randn(3, *likelihood.parameter_shape))
    total = p.log_prob(every_colour(4, channels)[:, None]).exp().sum(0)
    torch.testing.assert_close(total, torch.ones(3), rtol=0, atol=1e-4)


def test_draws_of_coupled_pixels_have_the_probabilities_that_are_stated():
    torch.manual_seed(0)
    likelihood = DiscretisedLogistic(data_shape=(3, 1, 1), components=2, levels=3, values="whole")
    p = likelihood(1.5 * torch.randn(1, *likelihood.parameter_shape))
    colours = every_colour(3, 3)
    stated = p.log_prob(colours[:, None]).exp().squeeze(1)
    draws = p.sample((40_000,))[:, 0]
    found = (draws[:, None] == colours).all((2, 3, 4)).float().mean(0)
    torch.testing.assert_close(found, stated, rtol=0, atol=0.012)


def test_a_coupling_moves_the_mean_of_a_channel_with_the_value_of_the_channel_before():
    likelihood = DiscretisedLogistic(data_shape=(2, 1, 1), components=1, levels=256, coupled=True)
    # One component: its logit, two means, two scales, one coupling that tanh takes to nearly 1.
    raw = torch.tensor([0.0, 0.0, 0.0, -20.0, -20.0, 10.0])[None, :, None, None]
    p = likelihood(raw)
    for first in (0, 100, 200):
        # The mean of the second channel is ½ + (x₁ − ½).
        x = torch.tensor([first, first])[None, :, None, None] / 255
        other = torch.tensor([first, (first + 60) % 256])[None, :, None, None] / 255
        assert p.log_prob(x).item() - p.log_prob(other).item() > 50


@pytest.mark.parametrize(("coupling", "channel", "before"), [(0, 1, 0), (1, 2, 0), (2, 2, 1)])
def test_each_pair_of_channels_has_its_coupling(coupling, channel, before):
    """The couplings are those of green to red, of blue to red, and of blue to green."""
    likelihood = DiscretisedLogistic(data_shape=(3, 1, 1), components=1)
    raw = torch.zeros(1, 10, 1, 1)
    # One component: its logit, three means, three scales, three couplings.
    raw[:, 4:7] = inverse_softplus(0.02) - inverse_softplus(0.1)
    raw[:, 7 + coupling] = 10
    p, levels = likelihood(raw), torch.arange(256) / 255
    for value in (51, 204):
        pixels = torch.full((256, 3, 1, 1), 128 / 255)
        pixels[:, before], pixels[:, channel] = value / 255, levels[:, None, None]
        assert abs(p.log_prob(pixels).argmax().item() - value) <= 1


def test_channels_of_a_pixel_share_their_component_only_if_coupled():
    """With components far apart and no coupling, a pixel with channels from both has no mass if it is coupled."""
    mixed = torch.tensor([0.25, 0.75])[None, :, None, None]
    same = torch.tensor([0.25, 0.25])[None, :, None, None]
    narrow = inverse_softplus(1e-3) - inverse_softplus(0.1)
    options = {"data_shape": (2, 1, 1), "components": 2, "levels": 5}
    # Components begin at ¼ and ¾ of the range.
    coupled, independent = (DiscretisedLogistic(**options, coupled=coupled) for coupled in (True, False))
    raw = torch.tensor([0.0, 0.0, 0.0, narrow, narrow, 0.0] * 2)[None, :, None, None]
    assert coupled(raw).log_prob(mixed).item() < -100
    assert coupled(raw).log_prob(same).exp().item() == pytest.approx(0.5, rel=1e-3)
    raw = torch.tensor([0.0, 0.0, 0.0, 0.0, narrow, narrow] * 2)[None, :, None, None]
    assert independent(raw).log_prob(mixed).exp().item() == pytest.approx(0.25, rel=1e-3)


def test_colour_images_are_coupled_and_others_are_not_unless_asked():
    assert DiscretisedLogistic(data_shape=(3, 8, 8)).coupled
    assert not DiscretisedLogistic(data_shape=(1, 8, 8)).coupled
    assert not DiscretisedLogistic(data_shape=(3,)).coupled
    assert DiscretisedLogistic(data_shape=(3, 8, 8), components=10).parameter_shape == (100, 8, 8)
    for shape in ((1, 8, 8), (3,)):
        with pytest.raises(ComponentError, match="coupled: expected data with several channels, got"):
            DiscretisedLogistic(data_shape=shape, coupled=True)


def test_a_mask_keeps_whole_pixels_of_coupled_images():
    torch.manual_seed(0)
    likelihood = DiscretisedLogistic(data_shape=(3, 2, 2))
    p = likelihood(torch.randn(2, *likelihood.parameter_shape))
    x = p.sample()
    mask = torch.tensor([[True, False], [False, True]]).expand(2, 3, 2, 2)
    parts = likelihood.log_prob(p, x, mask) + likelihood.log_prob(p, x, ~mask)
    torch.testing.assert_close(parts, p.log_prob(x))
    some = mask.clone()
    some[:, 0] = True
    with pytest.raises(ComponentError, match="expected the channels of a pixel to be observed together"):
        likelihood.log_prob(p, x, some)


def test_levels_of_images_in_the_unit_interval_are_whole_numbers():
    raw = torch.randn(4, 15)
    unit, whole = (DiscretisedLogistic(data_shape=(1,), values=values)(raw) for values in ("unit", "whole"))
    x = torch.tensor([[0.0], [7.0], [128.0], [255.0]])
    torch.testing.assert_close(unit.log_prob(x / 255), whole.log_prob(x))
    torch.testing.assert_close(unit.mean * 255, whole.mean)


def test_components_begin_apart_so_that_their_gradients_differ():
    likelihood = DiscretisedLogistic(data_shape=(1,), components=3)
    assert likelihood.state_dict() == {}, "where they begin is no weight"
    raw = torch.zeros(1, 9, requires_grad=True)
    likelihood(raw).log_prob(torch.tensor([[0.2]])).sum().backward()
    assert raw.grad.view(3, 3)[:, 1].unique().numel() == 3


def test_the_mean_of_a_coupled_channel_follows_the_mean_of_the_channel_before():
    likelihood = DiscretisedLogistic(data_shape=(2, 1, 1), components=1, coupled=True)
    p = likelihood(torch.tensor([0.0, 0.1, 0.2, -20.0, -20.0, 0.5])[None, :, None, None])
    expected = [0.6, 0.7 + 0.1 * math.tanh(0.5)]
    assert p.mean.flatten().tolist() == pytest.approx(expected, abs=1e-3)
    assert p.sample((50,)).mean(0).flatten().tolist() == pytest.approx(expected, abs=3e-3)
