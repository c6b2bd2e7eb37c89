"""What metrics measure and figures show: a model with the data and the record that belong to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from zoo.data import Batch, Split
from zoo.errors import NotApplicableError
from zoo.model import Model
from zoo.utils.distributed import SINGLE_PROCESS, ProcessGroup


@dataclass(frozen=True)
class EvaluationContext:
    """A model with the data to measure or show it on, and the record of its training.

    The methods ``require_…`` raise :class:`NotApplicableError` where the model or the data lack something; metrics and
    figures state by them what they need.

    Attributes:
        model: in evaluation mode.
        split: the data to measure or show, usually the test split.
        history: the record of each epoch, as in ``metrics.jsonl``; empty for a model without a run.
        train: the data that the model was trained on, or None where they are not at hand.
        features: maps data (B, *data_shape) to features (B, F) in which samples are compared; None: those of a
            small classifier of the data.
        processes: the process group that shares the work on means over examples.
    """

    model: Model
    split: Split
    history: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    train: Split | None = None
    features: Callable[[Tensor], Tensor] | None = None
    processes: ProcessGroup = SINGLE_PROCESS

    @property
    def shows_images(self) -> bool:
        """Whether an example is an image with one or three channels."""
        shape = self.model.data_shape
        return len(shape) == 3 and shape[0] in (1, 3)

    def batches(self, batch_size: int, count: int | None = None) -> Iterator[Batch]:
        """Yield this process's share of the split, or of its first ``count`` examples, on the model's device.

        Batches have labels only if the model is conditioned on them.
        """
        own = self.processes.own(len(self.split) if count is None else count)
        for batch in self.split.batches(batch_size, order=own, device=self.model.device):
            yield batch._replace(labels=batch.labels if self.model.classes else None)

    def collect(self, values: Sequence[Tensor], shape: tuple[int, ...] = ()) -> Tensor:
        """Return the values of all examples (N, *shape) from all processes, in no particular order.

        Args:
            values: those of this process, batch by batch.
        """
        return self.processes.gather(torch.cat([each.cpu() for each in values]) if values else torch.zeros(0, *shape))

    def take(self, indices: Tensor) -> Batch:
        """Return the examples at ``indices`` (B,) on the model's device, with labels if the model expects them."""
        batch = next(self.split.batches(len(indices), order=indices, device=self.model.device))
        return batch._replace(labels=batch.labels if self.model.classes else None)

    def require_images(self) -> None:
        """Require images with one or three channels."""
        if not self.shows_images:
            raise NotApplicableError("the data are not images")

    def require_shape(self, shape: tuple[int, ...], words: str) -> None:
        """Require examples of a shape, which the words name."""
        if self.model.data_shape != shape:
            raise NotApplicableError(f"the data are not {words}")

    def require_drawable(self) -> None:
        """Require images, or points in the plane."""
        if not self.shows_images and self.model.data_shape != (2,):
            raise NotApplicableError("the data are neither images nor points in the plane")

    def require_examples(self, count: int) -> None:
        """Require at least so many examples."""
        if len(self.split) < count:
            raise NotApplicableError(f"it needs at least {count} examples, the split has {len(self.split)}")

    def require_training_data(self) -> Split:
        """Require the training split, and return it."""
        if self.train is None:
            raise NotApplicableError("the training data are not at hand; pass all of the data")
        return self.train

    def require_latents(self) -> None:
        """Require a latent space."""
        if not self.model.has("encoder"):
            raise NotApplicableError("the model has no latent space")

    def require_density(self) -> None:
        """Require a posterior q(z|x) with a density."""
        _raise(self.model.why_no_density())

    def require_reconstruction(self) -> None:
        """Require that the model encodes data and decodes them again."""
        _raise(self.model.why_no_reconstruction())


def _raise(reason: str | None) -> None:
    if reason is not None:
        raise NotApplicableError(reason)
