"""The processes that ``torchrun`` or ``accelerate launch`` started for one run: which part is whose, and sums over all.

One process is the usual case, and costs nothing: nothing is sent, nothing is waited for.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, distributed

from zoo.errors import OtherProcessError

Result = TypeVar("Result")
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class ProcessGroup:
    """What one process knows of all.

    Attributes:
        rank: its number, from 0; the first one writes files and speaks to the user.
        count: how many there are, on all machines together.
        device: where tensors lie that are sent.
    """

    rank: int = 0
    count: int = 1
    device: torch.device = _CPU

    @classmethod
    def here(cls, device: torch.device) -> ProcessGroup:
        """Return the processes that were started; one, where nobody started several."""
        if not (distributed.is_available() and distributed.is_initialized()):
            return cls(device=device)
        atexit.unregister(_leave)
        atexit.register(_leave)
        return cls(distributed.get_rank(), distributed.get_world_size(), device)

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def own(self, size: int) -> Tensor:
        """Return which of so many examples are this process's, (m,), where all are looked at once."""
        return torch.arange(self.rank, size, self.count)

    def part(self, order: Tensor, batch_size: int) -> Tensor:
        """Return the examples of this process, (m,), from an order (M,) that is cut into batches for all.

        Each batch is dealt out in turn, so that its share has ``batch_size / count`` examples; a last batch may be
        too short for everybody, and who gets none of it gets its last example, with the :meth:`weight` 0.
        """
        if self.count == 1:
            return order
        own = order[self.rank :: self.count]
        last = len(order) % batch_size
        return torch.cat([own, order[-1:]]) if 0 < last <= self.rank else own

    def weight(self, batch_size: int) -> float:
        """Return the share of this process in a batch for all of this many examples."""
        return len(range(self.rank, batch_size, self.count)) / batch_size

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum over all processes, the same for each."""
        if self.count == 1:
            return values
        total = values.to(self.device, copy=True)
        distributed.all_reduce(total)
        return total.to(values.device)

    def any(self, flag: bool) -> bool:
        """Say whether the flag is set in any process."""
        return flag if self.count == 1 else bool(self.sum(torch.tensor(float(flag))) > 0)

    def gather(self, values: Tensor) -> Tensor:
        """Return the values (n_r, …) of all processes one after the other, (Σ n_r, …); n_r may differ."""
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
        """Overwrite a tensor by that of the first process."""
        if self.count > 1:
            sent = values.to(self.device, copy=True)
            distributed.broadcast(sent, 0)
            values.copy_(sent)

    def first(self, work: Callable[[], Result]) -> Result | None:
        """Let the first process do a piece of work while the others wait; return what it returns, None elsewhere.

        Raises:
            OtherProcessError: in the others, where the work failed.
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
            raise OtherProcessError(f"process 0 of {self.count} failed, and says why")
        return result


def _leave() -> None:
    if distributed.is_initialized():
        distributed.destroy_process_group()


SINGLE_PROCESS = ProcessGroup()
"""One process, as usual."""
