import pytest
import torch

from zoo.data.preparation import Geometry
from zoo.data.store import StreamedStore
from zoo.datasets import Indexable
from zoo.errors import DataError


class Numbers(Indexable):
    """Example i is the number i; reading ``broken`` fails."""

    def __init__(self, broken=None):
        self.broken = broken

    def __len__(self):
        return 40

    def read(self, indices):
        if self.broken in indices:
            raise DataError(f"example {self.broken} is broken", where="root", remedy="Repair it.")
        return torch.tensor(indices).float().unsqueeze(1), torch.tensor(indices)


def store(workers, broken=None):
    positions = torch.arange(40)
    return StreamedStore(
        Numbers(broken), positions, positions, geometry=Geometry(), workers=workers, device=torch.device("cpu")
    )


@pytest.mark.parametrize("workers", [0, 1, 2, 64])
def test_workers_hand_over_batches_in_order(workers):
    order = torch.randperm(40)
    batches = list(store(workers).batches(7, order, torch.device("cpu")))
    assert torch.equal(torch.cat([batch.examples for batch in batches])[:, 0], order.float())
    assert torch.equal(torch.cat([batch.labels for batch in batches]), order)
    assert torch.equal(torch.cat([batch.positions for batch in batches]), order)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("known", [True, False], ids=["known beforehand", "of the examples"])
def test_labels_come_with_the_batch(workers, known):
    positions = torch.arange(10, 30)
    labels = positions * 2 if known else None
    cpu = torch.device("cpu")
    made = StreamedStore(Numbers(), labels, positions, geometry=Geometry(), workers=workers, device=cpu)
    order = torch.randperm(20)
    came = torch.cat([batch.labels for batch in made.batches(7, order, cpu)])
    assert torch.equal(came, positions[order] * (2 if known else 1))
    assert torch.equal(made.take(order).labels, came)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_expected_failure_in_a_worker_stays_one_message(workers):
    with pytest.raises(DataError) as caught:
        list(store(workers, broken=33).batches(7, None, torch.device("cpu")))
    assert str(caught.value) == "root: example 33 is broken\nRepair it."


@pytest.mark.parametrize("workers", [0, 2])
def test_starting_the_loader_draws_no_random_numbers(workers):
    torch.manual_seed(0)
    state = torch.get_rng_state()
    list(store(workers).batches(7, None, torch.device("cpu")))
    assert torch.equal(torch.get_rng_state(), state)


def test_an_epoch_that_is_left_early_ends_its_workers():
    batches = store(2).batches(1, None, torch.device("cpu"))
    assert next(batches).positions.tolist() == [0]
    batches.close()
