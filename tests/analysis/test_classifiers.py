"""Classes read off codes: by neighbours, and by a plane."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from zoo.analysis.neighbours import neighbour_radius, neighbours_vote
from zoo.analysis.probes import folds, linear_probe
from zoo.errors import DataError


def blobs(n: int, spread: float = 0.3) -> tuple[Tensor, Tensor]:
    labels = torch.arange(n) % 3
    torch.manual_seed(0)
    return torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])[labels] + spread * torch.randn(n, 2), labels + 5


def test_separate_classes_are_found_without_a_mistake() -> None:
    points, labels = blobs(300)
    for predict in (neighbours_vote, linear_probe):
        assert torch.equal(predict(points[200:], points[:200], labels[:200]), labels[200:])
    assert torch.equal(neighbours_vote(points, points, labels, same=True), labels)


def test_a_ring_around_a_blob_is_for_neighbours_and_not_for_a_plane() -> None:
    torch.manual_seed(0)
    angle = 6.3 * torch.rand(300)
    points = torch.cat([torch.stack([angle.cos(), angle.sin()], 1), 0.1 * torch.randn(300, 2)])
    labels = torch.arange(2).repeat_interleave(300)
    assert (neighbours_vote(points, points, labels, same=True) == labels).all()
    assert (linear_probe(points, points, labels) == labels).double().mean() < 0.8


def test_the_probe_is_the_minimum_of_a_convex_loss() -> None:
    points, labels = blobs(90, spread=2.0)
    moved = points * torch.tensor([1000.0, 0.001]) + 7
    assert (linear_probe(points, points, labels) == linear_probe(moved, moved, labels)).double().mean() > 0.98


def test_the_nearer_neighbour_decides_a_tie() -> None:
    known, labels = torch.tensor([[0.0], [1.0]]), torch.tensor([9, 2])
    assert neighbours_vote(torch.tensor([[0.4], [0.6]]), known, labels, k=2).tolist() == [9, 2]


def test_the_radius_is_that_of_the_kth_other_point() -> None:
    points = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
    assert neighbour_radius(points, 2).tolist() == [3.0, 2.0, 3.0, 6.0]


def test_folds_are_even_and_always_the_same() -> None:
    assert folds(11, 5).bincount().tolist() == [3, 2, 2, 2, 2]
    assert torch.equal(folds(100, 5), folds(100, 5))


def test_too_little_to_learn_from_is_refused() -> None:
    points, labels = blobs(6)
    with pytest.raises(DataError, match="expected at least 10 points with labels, got 6"):
        neighbours_vote(points, points, labels)
    with pytest.raises(DataError, match="at least 2 classes"):
        linear_probe(points, points, torch.zeros(6, dtype=torch.long))
