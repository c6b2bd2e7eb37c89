import pytest
import torch

from zoo.data.validation import check_collection
from zoo.datasets import Collection, Stored
from zoo.errors import DataError


def collection(classes=(), **splits):
    return Collection(splits, None, class_names=classes)


def test_the_shape_of_an_example_is_returned():
    assert check_collection(collection(train=Stored(torch.zeros(3, 1, 4, 5)))) == (1, 4, 5)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (collection(test=Stored(torch.zeros(3, 2))), "expected the split `train`"),
        (collection(train=Stored(torch.zeros(3, 2)), dev=Stored(torch.zeros(3, 2))), "'dev'"),
        (collection(train=Stored(torch.zeros(0, 2))), "expected examples in the train split, got none"),
        (collection(train=Stored(torch.zeros(3))), "single numbers"),
        (
            collection(train=Stored(torch.zeros(3, 2)), test=Stored(torch.zeros(3, 4))),
            r"shape \(2,\) in the test split, as in train, got \(4,\)",
        ),
        (collection(train=Stored(torch.zeros(3, 2), torch.zeros(3))), "int64"),
        (
            collection(train=Stored(torch.zeros(3, 2), torch.zeros(2, dtype=torch.int64))),
            r"got torch.int64 of shape \(2,\)",
        ),
        (
            collection(train=Stored(torch.zeros(3, 2), torch.tensor([0, 1, 2])), classes=("a", "b")),
            "from 0 to 1 in the train split, got 0 to 2",
        ),
        (collection(train=Stored(torch.zeros(3, 2), torch.tensor([0, 1, 0])), classes=("a", "a")), "got 'a' twice"),
        (collection(train=Stored(torch.zeros(3, 2), torch.tensor([0, -1, 1]))), "got -1 to 1"),
    ],
)
def test_a_mistake_of_a_dataset_is_found(wrong, said):
    with pytest.raises(DataError, match=said):
        check_collection(wrong)
