"""The processes that ``torchrun`` or ``accelerate launch`` starts for a run: the share of each, and sums over all.

A single process, the usual case, needs no communication.
"""

from __future__ import annotations

import atexit
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor, distributed

from zoo.errors import OtherProcessError

Result = TypeVar("Result")
_CPU = torch.device("cpu")
_LEAVE_TIMEOUT = timedelta(seconds=5)


@dataclass(frozen=True)
class ProcessGroup:
    """One process of a run, and its communication with the others.

    Attributes:
        rank: number of this process, from 0; the first one writes files and prints.
        count: number of processes on all machines.
        device: the device of tensors that are communicated.
    """

    rank: int = 0
    count: int = 1
    device: torch.device = _CPU

    @classmethod
    def here(cls, device: torch.device) -> ProcessGroup:
        """Return the group of this process: a single process, unless a launcher started several."""
        if not (distributed.is_available() and distributed.is_initialized()):
            return cls(device=device)
        atexit.unregister(_leave)
        atexit.register(_leave)
        return cls(distributed.get_rank(), distributed.get_world_size(), device)

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes files and prints."""
        return self.rank == 0

    def own(self, size: int) -> Tensor:
        """Return the indices (m,) of this process's share of a number of examples, for a single pass over them."""
        return torch.arange(self.rank, size, self.count)

    def part(self, order: Tensor, batch_size: int) -> Tensor:
        """Return this process's share (m,) of an order (M,) that is divided into batches for all processes.

        Each process has ``batch_size / count`` examples of a batch. The last batch may be too short for all processes;
        a process without an example then computes on its last example, with the :meth:`weight` 0.
        """
        if self.count == 1:
            return order
        own = order[self.rank :: self.count]
        last = len(order) % batch_size
        return torch.cat([own, order[-1:]]) if 0 < last <= self.rank else own

    def weight(self, batch_size: int) -> float:
        """Return this process's share of a batch of a given size, between 0 and 1."""
        return len(range(self.rank, batch_size, self.count)) / batch_size

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum over all processes, on each of them."""
        if self.count == 1:
            return values
        total = values.to(self.device, copy=True)
        distributed.all_reduce(total)
        return total.to(values.device)

    def any(self, flag: bool) -> bool:
        """Return whether the flag is set in any process."""
        return self.any_of_each(flag)[0]

    def any_of_each(self, *flags: bool) -> tuple[bool, ...]:
        """Return for each flag whether it is set in any process, with a single message for all flags."""
        if self.count == 1:
            return flags
        return tuple((self.sum(torch.tensor([float(flag) for flag in flags])) > 0).tolist())

    def gather(self, values: Tensor) -> Tensor:
        """Return the values (n_r, …) of all processes in order of their rank, (Σ n_r, …); n_r may differ."""
        if self.count == 1:
            return values
        lengths = torch.zeros(self.count, dtype=torch.long)
        lengths[self.rank] = len(values)
        lengths = self.sum(lengths)
        padded = torch.zeros(int(lengths.max()), *values.shape[1:], dtype=values.dtype, device=self.device)
        padded[: len(values)] = values.to(self.device)
        received = [torch.empty_like(padded) for _ in range(self.count)]
        distributed.all_gather(received, padded)
        return torch.cat([each[:length] for each, length in zip(received, lengths, strict=True)]).to(values.device)

    def copy_from_first(self, values: Tensor) -> None:
        """Overwrite a tensor with that of the first process."""
        if self.count > 1:
            sent = values.to(self.device, copy=True)
            distributed.broadcast(sent, 0)
            values.copy_(sent)

    def first(self, work: Callable[[], Result]) -> Result | None:
        """Run a function in the first process while the others wait; return its result there, None elsewhere.

        Raises:
            OtherProcessError: in the other processes, if it failed.
        """
        if self.count == 1:
            return work()
        result, error = None, None
        if self.is_first:
            try:
                result = work()
            except BaseException as raised:
                error = raised
        failed = self.any(error is not None)
        if error is not None:
            raise error
        if failed:
            raise OtherProcessError(f"process 0 of {self.count} failed; its own message says why")
        return result


def _leave() -> None:
    """Leave the group when the interpreter exits, together with the other processes if they exit within seconds.

    If a process closes its connections while another one still uses them, the other one can abort in a thread of the
    backend, after all files are written.
    """
    if not distributed.is_initialized():
        return
    if distributed.get_backend() == "gloo":
        with contextlib.suppress(RuntimeError):  # Another process has failed, and does not respond.
            distributed.monitored_barrier(timeout=_LEAVE_TIMEOUT)
    distributed.destroy_process_group()


SINGLE_PROCESS = ProcessGroup()
"""A single process, the usual case."""
