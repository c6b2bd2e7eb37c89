"""Codes one after the other: sums over all grids, causality, temperature, the most probable codes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from zoo.errors import InputError
from zoo.posteriors.vector_quantized import VectorQuantized
from zoo.priors.pixelcnn import GatedPixelCnn, _GatedLayer
from zoo.priors.transformer import CausalTransformer
from zoo.quantisation.autoregressive import AutoregressiveCodes, AutoregressiveNetwork, AutoregressiveVectors

CODES = 3


def pixelcnn(grid: tuple[int, ...] = (2, 2), condition_dim: int = 0) -> AutoregressiveNetwork:
    return GatedPixelCnn(CODES, grid, 8, 2, 3, condition_dim=condition_dim)


def transformer(grid: tuple[int, ...] = (2, 2), condition_dim: int = 0) -> AutoregressiveNetwork:
    return CausalTransformer(CODES, grid, 8, 2, 2, condition_dim=condition_dim)


def transformer_of_two(grid: tuple[int, ...] = (2, 2), condition_dim: int = 0) -> AutoregressiveNetwork:
    places = torch.Size(grid).numel()
    halves = (places // 2, places - places // 2)
    return CausalTransformer(CODES, grid, 8, 2, 2, codebook_places=halves, condition_dim=condition_dim)


Maker = Callable[..., AutoregressiveNetwork]
every_network = pytest.mark.parametrize("make", [pixelcnn, transformer, transformer_of_two])


def random(make: Maker, grid: tuple[int, ...] = (2, 2), condition_dim: int = 0) -> AutoregressiveNetwork:
    """A network with weights large enough for its conditionals to differ."""
    torch.manual_seed(0)
    network = make(grid, condition_dim).eval()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.7)
    return network


def all_grids(*grid: int) -> Tensor:
    places = math.prod(grid)
    return torch.tensor(list(itertools.product(range(CODES), repeat=places))).reshape(-1, *grid)


@every_network
@pytest.mark.parametrize(("temperature", "top_k"), [(1.0, None), (0.5, None), (1.0, 2), (2.0, 1)])
def test_the_probabilities_of_all_81_grids_sum_to_one(make: Maker, temperature: float, top_k: int | None) -> None:
    p = AutoregressiveCodes(random(make), (2, 2), temperature=temperature, top_k=top_k)
    probabilities = p.log_prob(all_grids(2, 2)).exp()
    assert len(probabilities) == 81
    assert probabilities.sum().item() == pytest.approx(1.0, abs=1e-5)
    # The conditionals do differ: a uniform distribution would sum to one as well.
    assert probabilities.max() > 2 / 81


@every_network
def test_a_log_probability_is_the_sum_of_those_of_the_codes(make: Maker) -> None:
    network, grids = random(make), all_grids(2, 2)
    p, logits, chosen = AutoregressiveCodes(network, (2, 2)), network(grids.flatten(1)), grids.flatten(1)[..., None]
    vectors = AutoregressiveVectors(p, VectorQuantized(feature_shape=(3, 2, 2), latent_dim=2, codes=CODES))
    kept = [p, p.tempered(), vectors.codes, vectors.tempered().codes]
    halved = [p.tempered(0.5), vectors.tempered(0.5).codes]
    for each, temperature in [*((q, 1.0) for q in kept), *((q, 0.5) for q in halved)]:
        expected = (logits / temperature).log_softmax(-1).gather(-1, chosen).sum((1, 2))
        torch.testing.assert_close(each.log_prob(grids), expected)


@every_network
def test_the_probabilities_given_a_condition_sum_to_one_for_each(make: Maker) -> None:
    conditions = torch.randn(2, 5)
    p = AutoregressiveCodes(random(make, condition_dim=5), (2, 2), conditions)
    assert p.batch_shape == (2,)
    probabilities = p.log_prob(all_grids(2, 2)[:, None].expand(-1, 2, -1, -1)).exp()
    torch.testing.assert_close(probabilities.sum(0), torch.ones(2))
    assert (probabilities[:, 0] - probabilities[:, 1]).abs().max() > 1e-2
    assert p.sample().shape == (2, 2, 2)
    assert p.sample((3,)).shape == (3, 2, 2, 2)


@every_network
@pytest.mark.parametrize("grid", [(3, 4), (7,), (2,), ()])
def test_each_code_depends_on_all_codes_before_it_and_on_no_other(make: Maker, grid: tuple[int, ...]) -> None:
    if make is transformer_of_two and len(grid) == 0:
        pytest.skip("two codebooks need two places")
    network = random(make, grid)
    depth = 6 if make is pixelcnn else 2
    if make is pixelcnn:
        network = random(lambda grid, condition_dim: GatedPixelCnn(CODES, grid, 8, depth, 3), grid)
    places = math.prod(grid)
    assert network.places == places
    changes = torch.zeros(places, places)
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        indices = torch.randint(CODES, (1, places), generator=generator)
        logits = network(indices)
        for place in range(places):
            other = indices.clone()
            other[0, place] = (other[0, place] + 1) % CODES
            changes[:, place] = torch.maximum(changes[:, place], (network(other) - logits).abs().amax(-1)[0])
    depends = changes > 0
    assert torch.equal(depends, torch.ones(places, places).tril(-1).bool())


@every_network
@pytest.mark.parametrize("condition_dim", [0, 5])
def test_draws_have_the_stated_probabilities(make: Maker, condition_dim: int) -> None:
    condition = torch.randn(5).expand(8000, 5) if condition_dim else None
    p = AutoregressiveCodes(random(make, (2,), condition_dim), (2,), condition, temperature=0.8, top_k=2)
    torch.manual_seed(1)
    draws = p.sample(() if condition_dim else (8000,))
    found = torch.bincount(draws[:, 0] * CODES + draws[:, 1], minlength=9) / len(draws)
    single = AutoregressiveCodes(p.network, (2,), None if condition is None else condition[0], temperature=0.8, top_k=2)
    expected = single.log_prob(all_grids(2)).exp()
    torch.testing.assert_close(found, expected, atol=0.02, rtol=0)
    assert (expected == 0).sum() == 9 - 4


@every_network
def test_step_by_step_drawing_uses_the_logits_of_the_whole_pass(make: Maker) -> None:
    network, seen = random(make, (2, 3), 5), []

    def choose(logits: Tensor) -> Tensor:
        seen.append(logits)
        return logits.argmax(-1)

    condition = torch.randn(4, 5)
    with torch.no_grad():
        indices = network.generate(4, condition, choose, torch.device("cpu"))
        torch.testing.assert_close(torch.stack(seen, 1), network(indices, condition))
    assert indices.shape == (4, 6)


@every_network
def test_no_condition_is_a_condition_of_zeros_and_a_network_without_one_ignores_it(make: Maker) -> None:
    network, indices = random(make, (2, 3), 5), torch.randint(CODES, (4, 6))
    torch.testing.assert_close(network(indices), network(indices, torch.zeros(4, 5)))
    assert not torch.allclose(network(indices), network(indices, torch.ones(4, 5)))
    without = random(make, (2, 3))
    assert torch.equal(without(indices), without(indices, torch.ones(4, 5)))


def test_each_codebook_has_logits_of_its_own() -> None:
    """Known answer: a new network returns its biases, those of the codebook of each place."""
    network = CausalTransformer(CODES, (2, 3), 8, 1, 2, codebook_places=(2, 4))
    nn.init.normal_(network.bias)
    expected = network.bias[[0, 0, 1, 1, 1, 1]].expand(5, 6, CODES)
    torch.testing.assert_close(network(torch.randint(CODES, (5, 6))), expected)


def test_a_condition_is_added_before_the_gates() -> None:
    """Known answer: without the convolutions, tanh(a) σ(b) of a linear map of it, for rows and for places."""
    layer, condition = _GatedLayer(2, 3, 5), torch.randn(4, 5)
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    nn.init.normal_(layer.condition.weight)
    nn.init.dirac_(layer.output.weight)
    maps = torch.zeros(4, 2, 3, 3)
    a, b, c, d = (condition @ layer.condition.weight.T)[..., None, None].expand(4, 8, 3, 3).chunk(4, 1)
    above, left = layer(maps, maps, condition)
    torch.testing.assert_close(above, a.tanh() * b.sigmoid())
    torch.testing.assert_close(left, c.tanh() * d.sigmoid())


@every_network
def test_it_begins_uniform(make: Maker) -> None:
    p = AutoregressiveCodes(make((2, 2)), (2, 2))
    torch.testing.assert_close(p.log_prob(all_grids(2, 2)), torch.full((81,), -4 * math.log(3)))


@every_network
def test_training_reaches_the_entropy_of_the_codes(make: Maker) -> None:
    """Equal codes have log K nats in all; independent uniform ones log K each, which nothing can improve."""
    for equal, nats, steps in ((True, math.log(3), 100), (False, 4 * math.log(3), 20)):
        torch.manual_seed(0)
        network = make((2, 2))
        optimizer, losses = torch.optim.Adam(network.parameters(), lr=0.02, fused=True), []
        for _ in range(steps):
            codes = torch.randint(CODES, (100, 1, 1)).expand(-1, 2, 2) if equal else torch.randint(CODES, (100, 2, 2))
            optimizer.zero_grad()
            losses.append(-AutoregressiveCodes(network, (2, 2)).log_prob(codes).mean())
            losses[-1].backward()
            optimizer.step()
        assert torch.stack(losses[-10:]).mean().item() == pytest.approx(nats, abs=0.08)


def test_a_small_temperature_draws_the_most_probable_code_each_time() -> None:
    p = AutoregressiveCodes(random(pixelcnn), (2, 2))
    draws = p.tempered(1e-4).sample((20,))
    assert torch.equal(draws, p.tempered(top_k=1).sample((20,)))
    assert len(draws.unique(dim=0)) == 1


@pytest.mark.parametrize(("temperature", "top_k", "where"), [(0.0, None, "temperature"), (1.0, 0, "top_k")])
def test_a_wrong_temperature_or_limit_is_refused(temperature: float, top_k: int | None, where: str) -> None:
    with pytest.raises(InputError) as refusal:
        AutoregressiveCodes(pixelcnn(), (2, 2)).tempered(temperature, top_k)
    assert refusal.value.where == where


def test_dropout_is_off_while_codes_are_drawn() -> None:
    network = random(lambda grid, condition_dim: GatedPixelCnn(CODES, grid, 8, 2, 3, dropout=0.9)).train()
    AutoregressiveCodes(network, (2, 2), top_k=1).sample((2,))
    draws = AutoregressiveCodes(network, (2, 2), top_k=1).sample((50,))
    assert len(draws.unique(dim=0)) == 1
    assert all(module.training for module in network.modules())
