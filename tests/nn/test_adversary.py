"""Adversaries, and the discriminator as an estimate of a ratio of densities."""

import math

import pytest
import torch

from zoo.errors import ComponentError
from zoo.nn.adversary import Adversary, Discriminator, MapDiscriminator, two_class_loss


def test_at_chance_the_loss_is_log_2_however_many_examples_and_sources_there_are():
    critic = Discriminator(3, depth=0)
    torch.nn.init.zeros_(critic.output.weight)
    torch.nn.init.zeros_(critic.output.bias)
    evidence = [torch.randn(n, 3) for n in (4, 9, 2)]
    for sources in (evidence, evidence[:2]):
        torch.testing.assert_close(critic(*sources), torch.tensor(math.log(2)))


def test_the_loss_is_the_mean_cross_entropy_of_both_classes():
    first, other = torch.randn(6), torch.randn(6)
    labels = torch.cat([torch.ones(6), torch.zeros(6)])
    expected = torch.nn.functional.binary_cross_entropy_with_logits(torch.cat([first, other]), labels)
    torch.testing.assert_close(two_class_loss(first, other), expected)


def test_the_best_logit_is_the_log_ratio_of_the_densities():
    """For N(1, 1) against N(0, 1), log p1 − log p0 = x − ½, which a linear logit can reach."""
    torch.manual_seed(0)
    critic = Discriminator(1, depth=0).double()
    noise = torch.distributions.Normal(0.0, 1.0).icdf((torch.arange(4000, dtype=torch.float64) + 0.5) / 4000)
    optimizer = torch.optim.LBFGS(critic.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = critic((noise + 1)[:, None], noise[:, None])
        loss.backward()
        return loss

    optimizer.step(closure)
    assert critic.output.weight.item() == pytest.approx(1, abs=0.02)
    assert critic.output.bias.item() == pytest.approx(-0.5, abs=0.02)


def test_examples_of_any_shape_are_taken_and_the_features_are_the_last_hidden_layer():
    critic = Discriminator(24, width=7, depth=2)
    x = torch.randn(5, 2, 3, 4)
    assert critic.features(x).shape == (5, 7)
    torch.testing.assert_close(critic.logits(x), critic.output(critic.features(x)).squeeze(1))


def test_logits_are_float32_under_mixed_precision():
    with torch.autocast("cpu", torch.bfloat16):
        assert Discriminator(3).logits(torch.randn(2, 3)).dtype == torch.float32


def test_an_adversary_must_define_its_loss():
    with pytest.raises(TypeError):
        Adversary()


@pytest.mark.parametrize("count", [0, 1])
def test_one_source_alone_is_refused(count):
    with pytest.raises(ComponentError, match="expected evidence from two sources or more, got"):
        Discriminator(3)(*[torch.randn(2, 3)] * count)


@pytest.mark.parametrize(
    ("shape", "layers"),
    [((3, 9, 12), [(4, 5, 6), (5, 3, 3)]), ((2, 13), [(4, 7), (5, 4)])],
    ids=["images", "series"],
)
def test_a_critic_of_maps_halves_them_and_has_a_logit_of_all_places(
    shape: tuple[int, ...], layers: list[tuple[int, ...]]
) -> None:
    critic, x = MapDiscriminator(shape, [4, 5]), torch.randn(6, *shape)
    found = critic.layers(x)
    assert [tuple(each.shape[1:]) for each in found] == layers
    expected = found[-1].flatten(1) @ critic.output.weight[0] + critic.output.bias
    torch.testing.assert_close(critic.logits(x), expected)
