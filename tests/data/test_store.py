import gc
import multiprocessing
import os
import weakref

import pytest
import torch

from zoo.data.store import StreamedStore
from zoo.datasets import Indexable
from zoo.errors import DataError
from zoo.preparation.transforms import Geometry


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


def test_workers_end_with_the_pass_that_fails_while_its_error_is_kept():
    before = multiprocessing.active_children()
    with pytest.raises(DataError) as caught:
        list(store(2, broken=33).batches(7, None, torch.device("cpu")))
    assert multiprocessing.active_children() == before
    assert caught.value.__traceback__


def test_the_error_of_a_worker_is_freed_without_the_garbage_collector():
    gc.disable()
    try:
        try:
            list(store(2, broken=33).batches(7, None, torch.device("cpu")))
        except DataError as error:
            handled = weakref.ref(error)
        assert handled() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("workers", [0, 2])
def test_starting_the_loader_draws_no_random_numbers(workers):
    torch.manual_seed(0)
    state = torch.get_rng_state()
    list(store(workers).batches(7, None, torch.device("cpu")))
    assert torch.equal(torch.get_rng_state(), state)


class ProcessGroup(Indexable):
    """An example is the process that read it."""

    def __len__(self):
        return 40

    def read(self, indices):
        return torch.full((len(indices), 1), os.getpid()), None


def test_workers_stay_from_pass_to_pass_and_go_with_the_store():
    positions, cpu = torch.arange(40), torch.device("cpu")
    made = StreamedStore(ProcessGroup(), None, positions, geometry=Geometry(), workers=1, device=cpu)
    passes = [torch.cat([batch.examples for batch in made.batches(7, None, cpu)]).unique().tolist() for _ in range(3)]
    assert passes[0] == passes[1] == passes[2] != [os.getpid()]
    (worker,) = (child for child in multiprocessing.active_children() if child.pid in passes[0])
    del made
    worker.join(timeout=30)
    assert not worker.is_alive()


def test_a_pass_of_one_batch_starts_no_worker():
    made = store(2)
    before = multiprocessing.active_children()
    assert len(list(made.batches(40, None, torch.device("cpu")))) == 1
    assert multiprocessing.active_children() == before


@pytest.mark.parametrize("workers", [0, 2])
def test_a_pass_that_is_left_early_leaves_nothing_to_the_next(workers):
    made, cpu = store(workers), torch.device("cpu")
    for left_after in (1, 5):
        batches = made.batches(1, torch.arange(20, 40), cpu)
        for _ in range(left_after):
            next(batches)
        batches.close()
        order = torch.randperm(40)
        assert torch.equal(torch.cat([batch.positions for batch in made.batches(3, order, cpu)]), order)
        assert torch.equal(torch.cat([batch.labels for batch in made.batches(3, order, cpu)]), order)


@pytest.mark.parametrize("workers", [0, 2])
def test_two_passes_at_once_do_not_mix(workers):
    made, cpu = store(workers), torch.device("cpu")
    orders = torch.randperm(40), torch.randperm(40)
    pairs = list(zip(*(made.batches(4, order, cpu) for order in orders), strict=True))
    for number, order in enumerate(orders):
        assert torch.equal(torch.cat([pair[number].examples for pair in pairs])[:, 0], order.float())


@pytest.mark.parametrize("workers", [0, 2])
def test_a_failure_leaves_the_store_as_it_was(workers):
    made, cpu = store(workers, broken=33), torch.device("cpu")
    for _ in range(2):
        with pytest.raises(DataError):
            list(made.batches(7, None, cpu))
        assert len(list(made.batches(7, torch.arange(30), cpu))) == 5
