"""A training step as one CUDA graph: the host launches one graph instead of hundreds of kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import torch
from torch import Tensor

from zoo.errors import TrainingError

Result = TypeVar("Result")
_WARM_UP = 3
"""Steps that run eagerly before the capture, so that libraries are initialised."""


class CapturedStep(Generic[Result]):
    """Captures the step on a batch of a fixed size, and replays it for each further batch.

    Small models spend most of their time launching kernels. The step takes the indices of the examples, selects them
    from data on the device, and must run the same operations on the same memory each time: values that change from
    step to step (the learning rate, a weight that warms up) are tensors, and nothing waits for the device.

    The steps before the capture, and batches of another size, run eagerly; no step is skipped or repeated.

    Args:
        work: makes a step on the examples with the indices (B,) int64, and returns its losses.
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
        self._eager_steps = 0

    def __call__(self, indices: Tensor) -> Result:
        """Make a step; the next one overwrites the returned losses."""
        if len(indices) != len(self._indices):
            return self._work(indices)
        self._indices.copy_(indices)
        if self._eager_steps < _WARM_UP:
            self._eager_steps += 1
            return self._run_on_side_stream()
        if self._graph is None:
            self._graph = self._capture()
        self._graph.replay()
        assert self._result is not None
        return self._result

    def _run_on_side_stream(self) -> Result:
        """Make a step on the stream of the capture, as CUDA requires of the steps before it."""
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
