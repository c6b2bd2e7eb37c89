"""Conditions as vectors."""

import pytest
import torch

from zoo.errors import ComponentError
from zoo.nn.layers.conditions import LabelEmbedding, TimeEmbedding


def test_each_class_and_no_class_have_a_vector_of_their_own():
    embedding = LabelEmbedding(classes=10, dim=4)
    assert embedding.no_class == 10
    vectors = embedding(torch.arange(11))
    assert vectors.shape == (11, 4)
    assert len(vectors.unique(dim=0)) == 11


def test_a_label_trains_its_own_vector_alone():
    embedding = LabelEmbedding(classes=5, dim=4)
    embedding(torch.tensor([3, 3])).sum().backward()
    assert embedding.table.weight.grad.any(1).tolist() == [False, False, False, True, False, False]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64])
def test_labels_of_any_integer_type_are_taken(dtype):
    assert LabelEmbedding(classes=5, dim=4)(torch.tensor([0, 4], dtype=dtype)).shape == (2, 4)


def test_no_labels_give_no_vectors():
    assert LabelEmbedding(classes=5, dim=4)(torch.zeros(0, dtype=torch.int64)).shape == (0, 4)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (torch.tensor([0, 6]), "expected labels from 0 to 4, got 6"),
        (torch.tensor([-1]), "expected labels from 0 to 4, got -1"),
        (torch.tensor([1.0]), r"got \(1,\) of torch.float32"),
        (torch.tensor([[1]]), r"got \(1, 1\) of torch.int64"),
        (torch.tensor(1), r"got \(\) of torch.int64"),
    ],
)
def test_labels_that_name_no_class_are_refused(labels, message):
    with pytest.raises(ComponentError, match=message):
        LabelEmbedding(classes=5, dim=4)(labels)


def nearest_pair(vectors: torch.Tensor) -> float:
    distances = torch.cdist(vectors, vectors) + torch.eye(len(vectors)) * 1e6
    return distances.min().item()


@pytest.mark.parametrize("dim", [1, 16, 33])
def test_all_times_of_a_long_chain_differ(dim):
    torch.manual_seed(0)
    vectors = TimeEmbedding(dim)(torch.arange(1, 1001))
    assert vectors.shape == (1000, dim)
    assert len(vectors.unique(dim=0)) == 1000


def test_neighbouring_times_are_told_apart_by_more_than_rounding():
    torch.manual_seed(0)
    embedding, times = TimeEmbedding(64), torch.arange(1, 1001)
    vectors = embedding(times)
    assert nearest_pair(vectors) > 1e-2 * vectors.std()
    with torch.autocast("cpu", torch.bfloat16):
        assert len(embedding(times).unique(dim=0)) == 1000


def test_frequencies_fall_geometrically_from_one_to_that_of_the_longest_period():
    """The known answer of the formula: cos(ω t) and sin(ω t), with ω from 1 to 1/10,000."""
    embedding = TimeEmbedding(64)
    embedding.mlp = torch.nn.Identity()
    phases = torch.tensor([0.0, 1.0, 250.0])[:, None] * 10_000 ** -(torch.arange(32) / 31)
    found = embedding(torch.tensor([0, 1, 250]))
    torch.testing.assert_close(found, torch.cat([phases.cos(), phases.sin()], 1), rtol=0, atol=1e-4)


def test_the_nearer_in_time_the_nearer_in_space():
    torch.manual_seed(0)
    embedding = TimeEmbedding(64)
    start, *later = embedding(torch.tensor([500.0, 500.01, 500.1, 501.0]))
    distances = [(vector - start).norm().item() for vector in later]
    assert distances == sorted(distances)


def test_whole_and_real_times_agree_and_every_parameter_learns():
    embedding = TimeEmbedding(8)
    vectors = embedding(torch.tensor([1, 7]))
    torch.testing.assert_close(vectors, embedding(torch.tensor([1.0, 7.0])))
    vectors.sum().backward()
    assert all(parameter.grad.any() for parameter in embedding.parameters())
    assert all("mlp" in name for name in embedding.state_dict())


@pytest.mark.parametrize("times", [torch.tensor(3), torch.zeros(4, 1)])
def test_times_that_are_no_vector_are_refused(times):
    with pytest.raises(ComponentError, match=r"expected times of shape \(B,\), got"):
        TimeEmbedding(8)(times)
