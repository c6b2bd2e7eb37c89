"""A training step as one CUDA graph: the host launches one graph instead of hundreds of kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import torch
from torch import Tensor

from zoo.errors import TrainingError

Result = TypeVar("Result")
_WARM_UP = 3
"""Steps that run eagerly before one is captured, so that libraries have set themselves up."""


class CapturedStep(Generic[Result]):
    """Captures the work on a batch of a fixed size, and replays it for each further batch.

    Small models spend their time on launching kernels, not in them. The work takes the numbers of the examples, picks
    them from data on the device, and must do the same to the same memory each time: what changes from step to step
    (the learning rate, a weight that warms up) is a tensor, and nothing waits for the device.

    The steps before the capture, and batches of another size, run eagerly; no step is lost or made twice.

    Args:
        work: makes a step on examples (B,) int64 and returns its losses.
        batch_size: B.

    Source:
        https://docs.pytorch.org/docs/stable/notes/cuda.html#whole-network-capture
    """

    def __init__(self, work: Callable[[Tensor], Result], batch_size: int, device: torch.device) -> None:
        self._work = work
        self._indices = torch.zeros(batch_size, dtype=torch.int64, device=device)
        self._stream = torch.cuda.Stream(device)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._result: Result | None = None
        self._done = 0

    def __call__(self, indices: Tensor) -> Result:
        """Make a step; the losses that are returned are overwritten by the next one."""
        if len(indices) != len(self._indices):
            return self._work(indices)
        self._indices.copy_(indices)
        if self._done < _WARM_UP:
            self._done += 1
            return self._run_on_side_stream()
        if self._graph is None:
            self._graph = self._capture()
        self._graph.replay()
        assert self._result is not None
        return self._result

    def _run_on_side_stream(self) -> Result:
        """Make a step on the stream of the capture, as CUDA asks of the steps before one."""
        current = torch.cuda.current_stream()
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            result = self._work(self._indices)
        current.wait_stream(self._stream)
        return result

    def _capture(self) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self._stream):
                self._result = self._work(self._indices)
        except RuntimeError as error:
            raise TrainingError(
                f"a step of this model cannot be captured: {error}",
                where="train.step",
                remedy="Use `step: eager` or `step: compiled`.",
            ) from error
        return graph
