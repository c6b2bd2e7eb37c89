"""Products with few entries agree with dense ones, in values and in gradients."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from zoo.nn.layers.sparse import Places, combine, linear_at

ROWS, COLUMNS, FEATURES = 4, 9, 5
FLAT = torch.tensor([2, 7, 9, 11, 17, 28, 30])  # the third row has none


@pytest.fixture
def places() -> Places:
    return Places.of(FLAT, (ROWS, COLUMNS))


def normal(*shape: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()


def test_places_know_their_rows_and_columns(places):
    assert places.columns.tolist() == [2, 7, 0, 2, 8, 1, 3]
    assert places.starts.tolist() == [0, 2, 5, 5]
    matrix = normal(ROWS, COLUMNS, seed=0)
    kept = places.scatter(places.gather(matrix))
    mask = torch.zeros(ROWS * COLUMNS, dtype=torch.bool)
    mask[FLAT] = True
    assert torch.equal(kept, torch.where(mask.view(ROWS, COLUMNS), matrix, 0.0))


def test_entries_of_a_product_have_the_gradients_of_the_dense_product(places):
    h, weight, bias = normal(ROWS, FEATURES, seed=1), normal(COLUMNS, FEATURES, seed=2), normal(COLUMNS, seed=3)
    along = normal(len(FLAT), seed=4).detach()
    dense = F.linear(h, weight, bias)
    expected = torch.autograd.grad((dense.view(-1)[FLAT] * along).sum(), (h, weight, bias))
    found = linear_at(h, weight, bias, places.gather(dense).detach(), places)
    assert torch.equal(found, dense.view(-1)[FLAT])
    for mine, other in zip(torch.autograd.grad((found * along).sum(), (h, weight, bias)), expected, strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize("frozen", ["weight", "bias"])
def test_a_frozen_weight_or_bias_leaves_the_other_its_gradient(places, frozen):
    given = {"h": normal(ROWS, FEATURES, seed=1), "weight": normal(COLUMNS, FEATURES, seed=2)}
    given["bias"] = normal(COLUMNS, seed=3)
    given[frozen].requires_grad_(False)
    learned = [each for each in given.values() if each.requires_grad]
    dense = F.linear(given["h"], given["weight"], given["bias"])
    expected = torch.autograd.grad(dense.view(-1)[FLAT].square().sum(), learned)
    found = linear_at(**given, values=places.gather(dense).detach(), places=places).square().sum()
    for mine, other in zip(torch.autograd.grad(found, learned), expected, strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize("unit_norm", [False, True])
def test_sums_of_vectors_have_the_values_and_gradients_of_the_dense_product(places, unit_norm):
    values, atoms = normal(len(FLAT), seed=5), normal(COLUMNS, FEATURES, seed=6)
    along = normal(ROWS, FEATURES, seed=7).detach()
    dense = places.scatter(values) @ (F.normalize(atoms, dim=1) if unit_norm else atoms)
    found = combine(values, places, atoms, unit_norm=unit_norm)
    torch.testing.assert_close(found, dense)
    expected = torch.autograd.grad((dense * along).sum(), (values, atoms))
    for mine, other in zip(torch.autograd.grad((found * along).sum(), (values, atoms)), expected, strict=True):
        torch.testing.assert_close(mine, other)


def test_the_gradient_of_a_unit_vector_is_orthogonal_to_it(places):
    values, atoms = normal(len(FLAT), seed=5), normal(COLUMNS, FEATURES, seed=6)
    combine(values, places, atoms, unit_norm=True).square().sum().backward()
    assert atoms.grad.norm(dim=1)[places.columns].min() > 0
    torch.testing.assert_close((atoms * atoms.grad).sum(1), torch.zeros(COLUMNS, dtype=torch.float64))
