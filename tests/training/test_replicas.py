"""Copies of a module in several processes, with threads in the place of the processes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
import torch
from torch import Tensor, nn

from zoo.training.replicas import Replicas
from zoo.utils import distributed
from zoo.utils.distributed import ProcessGroup

Result = TypeVar("Result")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[ProcessGroup], Result]], list[Result]]:
    """Return a function that runs work in several threads, each of which is a process of one group."""
    local = threading.local()

    def in_threads(count: int, work: Callable[[ProcessGroup], Result]) -> list[Result]:
        barrier, sent = threading.Barrier(count), dict[int, Tensor]()

        def exchange(values: Tensor) -> list[Tensor]:
            sent[local.rank] = values.clone()
            barrier.wait(10)
            received = [sent[rank] for rank in range(count)]
            barrier.wait(10)
            return received

        def all_reduce(values: Tensor) -> None:
            values.copy_(torch.stack(exchange(values)).sum(0))

        def broadcast(values: Tensor, source: int) -> None:
            values.copy_(exchange(values)[source])

        def all_gather(received: list[Tensor], values: Tensor) -> None:
            for place, each in zip(received, exchange(values), strict=True):
                place.copy_(each)

        for made in (all_reduce, broadcast, all_gather):
            monkeypatch.setattr(distributed.distributed, made.__name__, made)

        def begin(rank: int) -> Result:
            local.rank = rank
            return work(ProcessGroup(rank, count))

        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(begin, range(count)))

    return in_threads


class Network(nn.Module):
    """A network with parameters of two types, one that nothing uses, and buffers."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.weight = nn.Parameter(torch.randn(3, generator=generator))
        self.wide = nn.Parameter(torch.randn(2, generator=generator, dtype=torch.float64))
        self.unused = nn.Parameter(torch.randn(2, generator=generator))
        self.frozen = nn.Parameter(torch.randn(2, generator=generator), requires_grad=False)
        self.register_buffer("mean", torch.full((2,), float(seed)))
        self.register_buffer("count", torch.tensor(seed))

    def loss(self, x: Tensor) -> Tensor:
        return ((x @ self.weight).square() + self.wide.float().sum() * x.sum(1)).mean()


def test_they_begin_with_the_weights_of_the_first_and_take_its_buffers(run) -> None:
    def work(group: ProcessGroup) -> Network:
        network = Network(group.rank)
        Replicas(network, dict(network.named_parameters()), group).copy_buffers()
        return network

    for network in run(3, work):
        for name, value in Network(0).state_dict().items():
            assert torch.equal(network.state_dict()[name], value), name


def test_the_mean_of_their_gradients_is_the_gradient_of_the_whole_batch(run) -> None:
    batch = torch.randn(6, 3)

    def work(group: ProcessGroup) -> Network:
        network = Network(0)
        replicas = Replicas(network, dict(network.named_parameters()), group)
        network.loss(batch[group.own(6)]).backward()
        replicas.average_gradients()
        return network

    whole = Network(0)
    whole.loss(batch).backward()
    for network in run(2, work):
        torch.testing.assert_close(network.weight.grad, whole.weight.grad)
        torch.testing.assert_close(network.wide.grad, whole.wide.grad)
        assert network.unused.grad is None
        assert network.frozen.grad is None


def test_a_process_that_has_not_used_a_parameter_counts_as_zero(run) -> None:
    def work(group: ProcessGroup) -> Tensor | None:
        network = Network(0)
        replicas = Replicas(network, {"weight": network.weight}, group)
        if group.is_first:
            network.weight.sum().backward()
        replicas.average_gradients()
        return network.weight.grad

    for gradient in run(2, work):
        torch.testing.assert_close(gradient, torch.full((3,), 0.5))


def test_without_a_parameter_to_train_nothing_is_sent(run) -> None:
    def work(group: ProcessGroup) -> bool:
        network = Network(0).requires_grad_(False)
        Replicas(network, dict(network.named_parameters()), group).average_gradients()
        return all(parameter.grad is None for parameter in network.parameters())

    assert run(2, work) == [True, True]


def test_values_of_all_processes_are_gathered_in_their_order_however_many_each_has(run) -> None:
    values = torch.arange(10.0).view(5, 2)
    for gathered in run(2, lambda group: group.gather(values[: 1 + 3 * group.rank] + 100 * group.rank)):
        torch.testing.assert_close(gathered, torch.cat([values[:1], values[:4] + 100]))


def test_flags_are_set_where_any_process_sets_them(run) -> None:
    assert run(2, lambda group: group.any_of_each(group.is_first, False, not group.is_first)) == 2 * [
        (True, False, True)
    ]


def test_the_first_process_works_and_the_others_hear_of_its_failure(run) -> None:
    assert run(2, lambda group: group.first(lambda: group.rank + 5)) == [5, None]

    def fail() -> None:
        raise KeyError("why")

    def work(group: ProcessGroup) -> str:
        with pytest.raises((KeyError, distributed.OtherProcessError)) as caught:
            group.first(fail)
        return str(caught.value)

    first, other = run(2, work)
    assert first == "'why'"
    assert "process 0 of 2 failed; its own message says why" in other
