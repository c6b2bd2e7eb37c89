"""Finite scalar quantisation: a fixed grid of codes, all of which can be reached."""

from __future__ import annotations

import math

import pytest
import torch

from zoo.errors import ComponentError
from zoo.posteriors.finite_scalar import FiniteScalar


def posterior(levels: list[int] | None, dim: int | None = None, **options: object) -> FiniteScalar:
    return FiniteScalar(feature_shape=(6, 4), latent_dim=dim or len(levels or ()), levels=levels, **options)


@pytest.mark.parametrize("levels", [[8, 6, 5], [2, 3], [5], [4, 4, 2]])
def test_numbers_and_codes_are_a_bijection(levels: list[int]) -> None:
    made = posterior(levels)
    assert made.codes == math.prod(levels)
    numbers = torch.arange(made.codes)[:, None]
    vectors = made.vectors_of(numbers)
    assert torch.equal(made.indices_of(vectors), numbers)
    assert len(vectors.unique(dim=0)) == made.codes
    assert vectors.min() == -1
    assert vectors.abs().max() <= 1
    for channel, count in enumerate(levels):
        values = vectors[:, channel].unique()
        assert len(values) == count
        torch.testing.assert_close(values.diff(), torch.full((count - 1,), 1 / (count // 2)))


@pytest.mark.parametrize("levels", [[8], [5], [2], [3], [6]])
def test_every_level_is_reached_and_even_numbers_of_them_have_an_offset(levels: list[int]) -> None:
    made = posterior(levels)
    choice = made.choose(torch.linspace(-12, 12, 4001)[:, None])
    assert choice.indices.unique().tolist() == list(range(levels[0]))
    assert choice.indices.squeeze().diff().min() >= 0
    # Zero is a code; an even number of levels has one more below it than above it.
    middle = made.choose(torch.zeros(1, 1))
    assert middle.vectors.item() == 0
    assert middle.indices.item() == levels[0] // 2


def test_thousands_of_levels_end_at_the_outermost_ones() -> None:
    made = posterior([2001])
    choice = made.choose(torch.tensor([[-50.0], [0.0], [50.0]]))
    assert choice.vectors.squeeze().tolist() == [-1, 0, 1]
    assert choice.indices.squeeze().tolist() == [0, 1000, 2000]


def test_the_gradient_passes_the_rounding_and_follows_the_bounded_value() -> None:
    made = posterior([8, 5])
    vectors = torch.randn(20, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(made.choose(vectors).vectors.sum(), vectors)
    # d/dv of w tanh(v + s) / ⌊L/2⌋, with w = ½ (L − 1) and tanh(s) = ½ / w for even L, of which 0.1 % is stretch
    width, offset, half = torch.tensor([3.5, 2.0]), torch.tensor([0.5, 0.0]), torch.tensor([4.0, 2.0])
    expected = width * (1 - torch.tanh(vectors + torch.atanh(offset / width)).square()) / half
    torch.testing.assert_close(gradient, expected, rtol=5e-3, atol=5e-3)


def test_it_has_no_loss_of_its_own() -> None:
    made = posterior([5, 5])
    assert made.losses(made(torch.randn(3, 6, 4))) == {}


@pytest.mark.parametrize(("dim", "codes"), [(3, 240), (4, 1000), (5, 4375), (6, 64000)])
def test_levels_of_the_source_are_the_default(dim: int, codes: int) -> None:
    assert posterior(None, dim).codes == codes


@pytest.mark.parametrize(("levels", "dim", "message"), [([5, 5], 3, "expected 3 .* got 2"), (None, 2, "got none")])
def test_levels_that_are_not_one_for_each_channel_are_refused(levels: list[int] | None, dim: int, message: str) -> None:
    with pytest.raises(ComponentError, match=message):
        posterior(levels, dim)


@pytest.mark.parametrize("levels", [[5], [4], [3, 2]])
def test_further_codes_divide_the_step_into_as_many_parts(levels: list[int]) -> None:
    """All sums of codes are an even grid, with a step that is L² times finer after two further codes."""
    made = posterior(levels, codebooks=3)
    numbers = torch.cartesian_prod(*[torch.arange(made.codes)] * 3)
    vectors = made.vectors_of(numbers)
    assert torch.equal(made.indices_of(vectors), numbers)
    for channel, count in enumerate(levels):
        values = vectors[:, channel].mul(1e6).round().div(1e6).unique()
        assert len(values) == count**3
        step = 1 / (count // 2) / count**2
        torch.testing.assert_close(values.diff(), torch.full((count**3 - 1,), step), atol=3e-6, rtol=0)


@pytest.mark.parametrize("count", [2, 5, 8])
@pytest.mark.parametrize("codebooks", [1, 2, 3])
def test_the_error_is_at_most_half_of_the_finest_step(count: int, codebooks: int) -> None:
    made = posterior([count], codebooks=codebooks)
    v = torch.linspace(-4, 4, 2001)[:, None]
    wanted = (torch.tanh(v + made.shift) * made.width - made.offset) / (count // 2)
    error = (made.choose(v).vectors - wanted).abs().max().item()
    half_step = 0.5 / (count // 2) / count ** (codebooks - 1)
    assert error <= half_step + 1e-3, "the stretch of the outermost levels is not quantised"
    assert error > 0.9 * half_step


def test_the_first_codes_are_those_of_one_codebook_and_a_coarse_reconstruction() -> None:
    torch.manual_seed(0)
    whole, h = posterior([5, 4], codebooks=2).eval(), torch.randn(3, 6, 4)
    single = posterior([5, 4]).eval()
    single.load_state_dict(whole.state_dict())
    q, one = whole(h), single(h)
    assert (whole.grid, q.codes.sample().shape) == ((2, 4), (3, 2, 4))
    assert torch.equal(q.codes.sample()[:, 0], one.codes.sample())
    first, last = whole.coarse_to_fine(q)
    torch.testing.assert_close(first, one.mean)
    torch.testing.assert_close(last, q.mean)
    assert single.coarse_to_fine(one) == ()


def test_a_checkpoint_holds_no_constants() -> None:
    assert {name.partition(".")[0] for name in posterior([5, 4]).state_dict()} == {"head", "standardise"}
