import pytest
import torch

from zoo.datasets.gaussian_mixture import GaussianMixture
from zoo.errors import DataError

WEIGHTS = [0.3, 0.7]
MEANS = [[-1.0, 0.0, 2.0], [4.0, 1.0, -3.0]]
COVARIANCES = [
    [[1.0, 0.5, 0.0], [0.5, 2.0, -0.3], [0.0, -0.3, 0.4]],
    [[0.2, 0.0, 0.1], [0.0, 0.1, 0.0], [0.1, 0.0, 3.0]],
]


def test_draws_have_the_mixtures_moments():
    size = 40_000
    mixture = GaussianMixture(weights=WEIGHTS, means=MEANS, covariances=COVARIANCES, size=size)
    train = mixture.load(print).splits["train"]
    for number in range(2):
        points = train.examples[train.labels == number].double()
        weight, mean, covariance = WEIGHTS[number], torch.tensor(MEANS[number]), torch.tensor(COVARIANCES[number])
        assert abs(len(points) / size - weight) < 4 * (weight * (1 - weight) / size) ** 0.5
        standard_error = (covariance.diagonal() / len(points)).sqrt()
        assert ((points.mean(0) - mean).abs() < 4 * standard_error).all()
        # Isserlis: the variance of a sample covariance is (σᵢᵢ σⱼⱼ + σᵢⱼ²) / n.
        spread = torch.outer(covariance.diagonal(), covariance.diagonal()) + covariance.square()
        assert ((points.T.cov() - covariance).abs() < 4 * (spread / len(points)).sqrt()).all()


def test_the_default_is_eight_gaussians_on_a_circle():
    collection = GaussianMixture().load(print)
    means = torch.tensor(collection.facts["means"])
    assert means.shape == (8, 2)
    assert torch.allclose(means.norm(dim=1), torch.tensor(2.0))
    assert collection.facts["weights"] == [0.125] * 8
    assert {name: len(stored) for name, stored in collection.splits.items()} == {
        "train": 10_000,
        "validation": 2_000,
        "test": 2_000,
    }
    assert collection.stored_range is None


def test_the_seed_alone_decides_and_splits_differ():
    first = GaussianMixture(size=50, held_out=50).load(print).splits
    torch.manual_seed(1)
    second = GaussianMixture(size=50, held_out=50).load(print).splits
    other = GaussianMixture(size=50, held_out=50, seed=1).load(print).splits
    for name in first:
        assert torch.equal(first[name].examples, second[name].examples)
        assert not torch.equal(first[name].examples, other[name].examples)
    assert not torch.equal(first["train"].examples, first["test"].examples)


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"weights": [0.5, 0.5]}, "weights"),
        ({"weights": [0.5, 0.6], "means": MEANS}, "weights"),
        ({"weights": [1.5, -0.5], "means": MEANS}, "weights"),
        ({"weights": [float("nan"), 1.0], "means": MEANS}, "weights"),
        ({"means": []}, "means"),
        ({"means": [[0.0], [0.0, 1.0]]}, "means"),
        ({"means": [[float("inf")]]}, "means"),
        ({"means": MEANS, "covariances": COVARIANCES[:1]}, "covariances"),
        ({"means": [[0.0]], "covariances": [[[1.0, 0.0]]]}, "covariances"),
        ({"means": [[0.0]], "covariances": [[[-1.0]]]}, "covariances[0]"),
        ({"means": [[0.0, 0.0]], "covariances": [[[1.0, 0.5], [0.4, 1.0]]]}, "covariances[0]"),
        ({"means": [[0.0, 0.0]], "covariances": [[[1.0, 1.0], [1.0, 1.0]]]}, "covariances[0]"),
        ({"size": 0}, "size"),
        ({"held_out": 0}, "held_out"),
        ({"seed": -1}, "seed"),
    ],
)
def test_what_is_no_mixture_is_refused(options, where):
    with pytest.raises(DataError) as caught:
        GaussianMixture(**options)
    assert caught.value.where == where
