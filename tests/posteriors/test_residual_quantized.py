"""Residual quantisation: sums of codes, coarse to fine."""

from __future__ import annotations

import itertools

import pytest
import torch

from zoo.errors import InputError
from zoo.posteriors.residual_quantized import ResidualQuantized
from zoo.posteriors.vector_quantized import VectorQuantized


def posterior(codebooks: int, *, codes: int = 8, dim: int = 2, **options: object) -> ResidualQuantized:
    torch.manual_seed(0)
    return ResidualQuantized(feature_shape=(6, 4), latent_dim=dim, codes=codes, codebooks=codebooks, **options)


def test_one_codebook_is_vector_quantisation() -> None:
    torch.manual_seed(0)
    plain = VectorQuantized(feature_shape=(6, 4), latent_dim=2, codes=8)
    residual = posterior(1)
    assert residual.grid == plain.grid == (4,)
    residual.load_state_dict({name.replace("codebook", "books.0"): t for name, t in plain.state_dict().items()})
    for step in range(3):
        h = torch.randn(20, 6, 4)
        torch.manual_seed(step)
        expected = plain(h)
        torch.manual_seed(step)
        q = residual(h)
        assert torch.equal(q.codes.indices, expected.codes.indices)
        torch.testing.assert_close(q.mean, expected.mean)
        torch.testing.assert_close(residual.losses(q), plain.losses(expected))


def test_codebooks_that_halve_give_the_binary_digits() -> None:
    made = posterior(4, codes=2, dim=1).eval()
    for level, book in enumerate(made.books):
        step = 0.5 ** (level + 1)
        book.begin_at(torch.tensor([[-step], [step]]))  # (−½, ½), (−¼, ¼), …
    numbers = torch.linspace(-0.97, 0.97, 100)[:, None]
    digits = ((numbers + 1) * 8).floor().long()  # sixteen intervals of [−1, 1]
    expected = torch.stack([digits.squeeze() // 2**place % 2 for place in (3, 2, 1, 0)], 1)
    choice = made.choose(numbers)
    assert torch.equal(choice.indices, expected)
    assert (choice.vectors - numbers).abs().max() <= 1 / 16 + 1e-6
    assert torch.equal(made.indices_of(choice.vectors), expected)


def test_the_distortion_falls_with_every_codebook_that_can_choose_nothing() -> None:
    made, vectors = posterior(5).eval(), torch.randn(200, 2)
    for book in made.books:
        book.begin_at(torch.cat([torch.zeros(1, 2), 0.5 * torch.randn(7, 2)]))
    indices = made.choose(vectors).indices
    partial = torch.zeros_like(vectors)
    found = [vectors.square().sum(1)]
    for book, numbers in zip(made.books, indices.unbind(1), strict=True):
        partial = partial + book.look_up(numbers)
        found.append((vectors - partial).square().sum(1))
    assert all((after <= before + 1e-6).all() for before, after in itertools.pairwise(found))
    torch.testing.assert_close(made.vectors_of(indices), partial)
    assert found[-1].mean() < 0.2 * found[0].mean()


def test_the_loss_is_the_sum_of_the_squared_residuals() -> None:
    made, vectors = posterior(3).eval(), torch.randn(50, 2, requires_grad=True)
    choice = made.choose(vectors)
    sums = torch.stack([book.look_up(k) for book, k in zip(made.books, choice.indices.unbind(1), strict=True)]).cumsum(
        0
    )
    expected = (vectors - sums).square().sum((0, 2))
    torch.testing.assert_close(choice.loss, expected)
    for first, second in zip(
        torch.autograd.grad(choice.loss.sum(), vectors), torch.autograd.grad(expected.sum(), vectors), strict=True
    ):
        torch.testing.assert_close(first, second)


def test_numbers_are_found_where_the_first_code_is_not_the_nearest_to_the_sum() -> None:
    made = posterior(2, codes=2, dim=1)
    made.books[0].begin_at(torch.tensor([[0.0], [1.0]]))
    made.books[1].begin_at(torch.tensor([[0.8], [-0.1]]))
    sums = torch.tensor([[0.8], [-0.1], [1.8], [0.9]])
    # 0.8 = 0 + 0.8, though 1 is nearer to 0.8 than 0.
    assert made.indices_of(sums).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]


def test_vectors_that_are_no_sums_are_refused() -> None:
    with pytest.raises(InputError, match="sums of one code of each of 3 codebooks"):
        posterior(3).indices(torch.randn(2, 2, 4))


def test_depth_dropout_uses_the_first_codebooks_in_training_alone() -> None:
    made, h = posterior(4, depth_dropout=1.0), torch.randn(30, 6, 4)
    used = set()
    for seed in range(30):
        torch.manual_seed(seed)
        books = [book.vectors.clone() for book in made.books]
        q = made(h)
        if seed == 0:  # the step that started the codebooks from the batch
            continue
        indices = q.codes.indices
        sums = torch.stack([book[k] for book, k in zip(books, indices.unbind(1), strict=True)]).cumsum(0).movedim(-1, 2)
        (depth,) = [n for n in range(4) if torch.allclose(sums[n], q.mean, atol=1e-5)]
        used.add(depth + 1)
    assert used == {1, 2, 3, 4}
    q = made.eval()(h)
    torch.testing.assert_close(made.embed(q.codes.indices), q.mean)


def test_coarse_to_fine_are_the_sums_of_the_vectors_of_the_first_codes() -> None:
    torch.manual_seed(0)
    made = ResidualQuantized(feature_shape=(6, 4, 3), latent_dim=2, codes=8, codebooks=3).eval()
    q = made(torch.randn(5, 6, 4, 3))
    vectors = [book.vectors[numbers] for book, numbers in zip(made.books, q.codes.sample().unbind(1), strict=True)]
    parts = made.coarse_to_fine(q)
    assert len(parts) == 3
    for count, part in enumerate(parts, start=1):
        torch.testing.assert_close(part, sum(vectors[:count]).movedim(-1, 1))
    torch.testing.assert_close(parts[-1], q.mean)
    single = ResidualQuantized(feature_shape=(6, 4, 3), latent_dim=2, codes=8, codebooks=1).eval()
    assert single.coarse_to_fine(single(torch.randn(5, 6, 4, 3))) == ()


@pytest.mark.parametrize("scale", [1e-2, 1.0, 1e4])
def test_codes_are_found_for_sums_with_rounding_errors_at_any_scale(scale: float) -> None:
    made = posterior(3).eval()
    for book in made.books:
        book.vectors.mul_(scale)
    codes = torch.randint(8, (20, 3))
    assert torch.equal(made.indices_of(made.vectors_of(codes) * (1 + 1e-6)), codes)
