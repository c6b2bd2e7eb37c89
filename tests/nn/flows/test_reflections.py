"""Householder reflections as orthogonal matrices."""

import torch

from zoo.nn.flows.reflections import Reflections


def test_a_reflection_is_its_own_inverse() -> None:
    reflection, z = Reflections(torch.randn(3, 1, 5)), torch.randn(7, 3, 5)
    torch.testing.assert_close(reflection(reflection(z)), z)


def test_products_are_orthogonal_and_are_undone() -> None:
    reflections, z = Reflections(torch.randn(3, 4, 5)), torch.randn(7, 3, 5)
    torch.testing.assert_close(reflections(z).norm(dim=-1), z.norm(dim=-1))
    torch.testing.assert_close(reflections.back(reflections(z)), z)


def test_columns_are_those_of_the_matrix() -> None:
    reflections = Reflections(torch.randn(3, 4, 5))
    columns = reflections.columns(5)
    torch.testing.assert_close(columns @ columns.mT, torch.eye(5).expand(3, 5, 5), atol=1e-5, rtol=0)
    z = torch.randn(7, 3, 5)
    torch.testing.assert_close(torch.einsum("kbi,bij->kbj", z, columns), reflections(z))
    torch.testing.assert_close(reflections.columns(2), columns[:, :2])


def test_a_vector_without_length_leaves_everything_as_it_is() -> None:
    vectors = torch.zeros(2, 1, 3, requires_grad=True)
    z = torch.randn(2, 3)
    result = Reflections(vectors)(z)
    torch.testing.assert_close(result, z)
    (gradient,) = torch.autograd.grad(result.sum(), vectors)
    assert gradient.isfinite().all()


def test_columns_of_one_reflection_are_those_of_its_formula() -> None:
    v = torch.tensor([3.0, 4.0])
    expected = torch.eye(2) - 2 * torch.outer(v, v) / 25
    torch.testing.assert_close(Reflections(v[None]).columns(2), expected)
    torch.testing.assert_close(Reflections(v.expand(3, 1, 2)).columns(2), expected.expand(3, 2, 2))
