import pytest
import torch

from zoo.data.splitting import divide
from zoo.errors import DataError
from zoo.spec import DataSpec


def spec(**options) -> DataSpec:
    return DataSpec.model_validate({"name": "digits", **options})


@pytest.mark.parametrize("size", [3, 10, 1797])
@pytest.mark.parametrize("seed", [0, 1, 2**40])
def test_splits_are_disjoint_and_cover(size, seed):
    parts = divide({"train": size}, spec(split_seed=seed))
    together = torch.cat([part.positions for part in parts.values()])
    assert torch.equal(together.sort().values, torch.arange(size))


def test_the_same_seed_gives_the_same_split_whatever_torchs_seed():
    torch.manual_seed(0)
    first = divide({"train": 100}, spec())
    torch.manual_seed(1)
    state = torch.get_rng_state()
    second = divide({"train": 100}, spec())
    assert torch.equal(torch.get_rng_state(), state)
    other = divide({"train": 100}, spec(split_seed=1))
    for name in first:
        assert torch.equal(first[name].positions, second[name].positions)
        assert not torch.equal(first[name].positions, other[name].positions)


def test_the_split_is_this_one_on_every_machine():
    parts = divide({"train": 20}, spec(subset=5))
    positions = {name: part.positions.tolist() for name, part in parts.items()}
    assert positions == {"train": [0, 4, 6, 10, 13], "validation": [8, 19], "test": [3, 15, 18]}


def test_a_split_of_the_dataset_stays_whole():
    parts = divide({"train": 100, "test": 30}, spec(test=0.5, validation=0.1))
    assert parts["test"].stored == "test"
    assert torch.equal(parts["test"].positions, torch.arange(30))
    assert parts["validation"].stored == "train"
    assert len(parts["validation"].positions) == 10
    assert len(parts["train"].positions) == 90


def test_a_share_of_nothing_gives_no_split():
    parts = divide({"train": 10}, spec(test=0, validation=0))
    assert list(parts) == ["train"]
    assert len(parts["train"].positions) == 10


def test_a_subset_leaves_the_other_splits_alone():
    whole, some = divide({"train": 100}, spec()), divide({"train": 100}, spec(subset=7))
    assert len(some["train"].positions) == 7
    assert set(some["train"].positions.tolist()) <= set(whole["train"].positions.tolist())
    assert torch.equal(some["test"].positions, whole["test"].positions)
    assert torch.equal(some["validation"].positions, whole["validation"].positions)


def test_a_subset_larger_than_the_training_split_is_refused():
    assert len(divide({"train": 100}, spec(subset=77))["train"].positions) == 77
    with pytest.raises(DataError, match="at most 77 examples, the whole training split, got 78") as caught:
        divide({"train": 100}, spec(subset=78))
    assert caught.value.where == "data.subset"


def test_shares_that_leave_nothing_to_train_on_are_refused():
    with pytest.raises(DataError, match="none is left for training"):
        divide({"train": 2}, spec())
