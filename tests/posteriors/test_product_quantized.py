"""Product quantisation: groups of channels with a codebook each."""

from __future__ import annotations

import pytest
import torch

from zoo.errors import ComponentError
from zoo.posteriors.product_quantized import ProductQuantized
from zoo.posteriors.vector_quantized import VectorQuantized


def posterior(codebooks: int, dim: int = 4) -> ProductQuantized:
    torch.manual_seed(0)
    return ProductQuantized(feature_shape=(6, 4), latent_dim=dim, codes=8, codebooks=codebooks)


def test_one_codebook_is_vector_quantisation() -> None:
    torch.manual_seed(0)
    plain, product = VectorQuantized(feature_shape=(6, 4), latent_dim=4, codes=8), posterior(1)
    assert product.grid == plain.grid == (4,)
    product.load_state_dict({name.replace("codebook", "books.0"): t for name, t in plain.state_dict().items()})
    h = torch.randn(20, 6, 4)
    torch.manual_seed(0)
    expected = plain(h)
    torch.manual_seed(0)
    q = product(h)
    assert torch.equal(q.codes.indices, expected.codes.indices)
    assert torch.equal(q.mean, expected.mean)
    torch.testing.assert_close(product.losses(q), plain.losses(expected))


def test_the_squared_distances_of_the_groups_add_up() -> None:
    made, vectors = posterior(2).eval(), torch.randn(50, 4)
    choice = made.choose(vectors)
    parts = [
        (group - book.look_up(book.nearest(group))).square().sum(1)
        for book, group in zip(made.books, vectors.chunk(2, 1), strict=True)
    ]
    torch.testing.assert_close(choice.loss, parts[0] + parts[1])
    # The best of all 8² pairs of codes is the pair of the best codes.
    pairs = torch.cartesian_prod(torch.arange(8), torch.arange(8))
    best = torch.cdist(vectors, made.vectors_of(pairs)).argmin(1)
    assert torch.equal(pairs[best], choice.indices)


def test_codebooks_that_do_not_divide_the_channels_are_refused() -> None:
    with pytest.raises(ComponentError, match="expected a divisor of latent_dim, 4, got 3"):
        posterior(3)
