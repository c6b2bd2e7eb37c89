"""Codes, their means, their planes and their traversals."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Independent, MultivariateNormal, Normal, StudentT

import zoo
from zoo.analysis.codes import Codes, class_means, encode_split, posterior_covariance, typical_examples
from zoo.analysis.projection import principal_plane
from zoo.analysis.traversals import traverse
from zoo.data import split_of_tensor
from zoo.errors import DataError, InputError
from zoo.nn.delta import Delta


def test_codes_are_the_posterior_means_in_the_order_of_the_data() -> None:
    model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8)).eval()
    x, labels = torch.rand(700, 1, 8, 8), torch.arange(700)
    codes = encode_split(model, split_of_tensor(x, labels), 600)
    assert torch.equal(codes.labels, labels[:600])
    assert torch.allclose(codes.means, model.encode(x[:600]).mean.detach(), atol=1e-6)


def test_class_means_need_labels() -> None:
    with pytest.raises(DataError, match="expected labels"):
        class_means(Codes(torch.zeros(3, 2), None))


def test_covariances_are_exact_for_gaussians_and_estimated_for_others() -> None:
    full = torch.tensor([[1.0, 0.5], [0.5, 2.0]])
    assert torch.allclose(posterior_covariance(MultivariateNormal(torch.zeros(1, 2), full))[0], full)
    diagonal = Independent(Normal(torch.zeros(1, 2), torch.tensor([1.0, 2.0])), 1)
    assert torch.equal(posterior_covariance(diagonal)[0], torch.tensor([[1.0, 0.0], [0.0, 4.0]]))
    assert torch.equal(posterior_covariance(Delta(torch.ones(3, 2))), torch.zeros(3, 2, 2))
    torch.manual_seed(0)
    heavy = torch.distributions.TransformedDistribution(
        Independent(StudentT(torch.full((1, 2), 10.0)), 1), [torch.distributions.AffineTransform(0.0, 2.0, event_dim=1)]
    )
    assert torch.allclose(posterior_covariance(heavy, 20_000)[0], 5 * torch.eye(2), atol=0.3)


def test_the_plane_of_points_in_a_plane_loses_nothing() -> None:
    torch.manual_seed(0)
    basis = torch.linalg.qr(torch.randn(5, 5)).Q[:2]
    points = torch.randn(100, 2) @ (torch.tensor([[3.0, 0.0], [0.0, 1.0]]) @ basis) + 7
    plane = principal_plane(points)
    assert torch.allclose(plane.inverse(plane(points)), points, atol=1e-4)
    assert plane.shares is not None
    assert plane.shares.sum() == pytest.approx(1.0, abs=1e-5)
    assert torch.allclose(plane(points).T.cov(), plane.covariances(points.T.cov()), atol=1e-4)


def test_two_dimensions_are_shown_as_they_are() -> None:
    points = torch.randn(10, 2)
    plane = principal_plane(points)
    assert torch.equal(plane(points), points)
    assert plane.shares is None
    with pytest.raises(DataError, match="d ≥ 2"):
        principal_plane(torch.zeros(5, 1))


def test_a_traversal_changes_one_dimension_and_begins_with_the_widest() -> None:
    means = torch.stack([torch.linspace(-1, 1, 101), torch.linspace(-5, 5, 101), torch.zeros(101)], dim=1)
    base = torch.tensor([0.1, 0.2, 0.3])
    result = traverse(base, means, steps=5, count=2, tail=0.1)
    assert result.dimensions.tolist() == [1, 0]
    assert torch.allclose(result.values[0], torch.linspace(-4, 4, 5), atol=1e-5)
    changed = (result.codes != base).any(1)
    assert changed.tolist() == [[False, True, False], [True, False, False]]
    with pytest.raises(InputError, match=r"got \(2,\) and \(101, 3\)"):
        traverse(torch.zeros(2), means)


def test_a_typical_example_is_among_its_like_where_the_class_mean_is_not() -> None:
    """One class on both sides of another: its mean lies in the middle of the other."""
    torch.manual_seed(0)
    places = torch.tensor([[-5.0, 0.0], [5.0, 0.0], [0.0, 0.0]]).repeat_interleave(100, 0)
    codes = Codes(places + 0.5 * torch.randn(300, 2), torch.tensor([0, 0, 1]).repeat_interleave(100))
    assert class_means(codes)[0].norm() < 0.5
    chosen = typical_examples(codes)
    assert codes.means[chosen[0]].norm() > 3.5
    assert codes.means[chosen[1]].norm() < 0.5
    assert codes.labels[list(chosen.values())].tolist() == [0, 1]
    with pytest.raises(DataError, match="expected labels"):
        typical_examples(Codes(codes.means, None))
