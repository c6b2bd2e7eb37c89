"""The context of metrics and figures: a model with its data and the record of its training."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from zoo.data import Batch, Split
from zoo.errors import NotApplicableError, why_not
from zoo.model import Inference, Model
from zoo.posteriors import Quantiser
from zoo.spec.data_description import is_image_shape
from zoo.utils.distributed import SINGLE_PROCESS, ProcessGroup
from zoo.utils.seeds import process_seed, seeded


@dataclass(frozen=True)
class EvaluationContext:
    """A model with the data to measure or show it on, and the record of its training.

    The methods ``require_…`` raise :class:`NotApplicableError` if the model or the data lack something that a metric or
    a figure needs.

    Attributes:
        model: in evaluation mode.
        split: the data to measure or show, usually the test split.
        history: the record of each epoch, as in ``metrics.jsonl``; empty for a model without a run.
        train: the data that the model was trained on, or None where they are not available.
        features: maps data (B, *data_shape) to features (B, F) in which samples are compared; None: those of a
            small classifier of the data.
        group: the process group that shares the work on means over examples.
    """

    model: Model
    split: Split
    history: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    train: Split | None = None
    features: Callable[[Tensor], Tensor] | None = None
    group: ProcessGroup = SINGLE_PROCESS

    @property
    def shows_images(self) -> bool:
        """Whether an example is an image with one or three channels."""
        return is_image_shape(self.model.data_shape)

    def batches(self, batch_size: int, count: int | None = None) -> Iterator[Batch]:
        """Yield this process's share of the split, or of its first ``count`` examples, on the model's device.

        Batches have labels only if the model is conditioned on them.
        """
        own = self.group.own(len(self.split) if count is None else count)
        for batch in self.split.batches(batch_size, order=own, device=self.model.device):
            yield batch._replace(labels=batch.labels if self.model.classes else None)

    def collect(self, values: Sequence[Tensor], shape: tuple[int, ...] = ()) -> Tensor:
        """Return the values of all examples (N, *shape) from all processes, in no particular order.

        Args:
            values: those of this process, batch by batch.
        """
        return self.group.gather(torch.cat([each.cpu() for each in values]) if values else torch.zeros(0, *shape))

    def take(self, indices: Tensor) -> Batch:
        """Return the examples at ``indices`` (B,) on the model's device, with labels if the model expects them."""
        batch = next(self.split.batches(len(indices), order=indices, device=self.model.device))
        return batch._replace(labels=batch.labels if self.model.classes else None)

    def infer(self, batch: Batch, *, fitted: bool = False) -> Inference:
        """Return what the model infers from a batch, under its prior or its fitted prior."""
        return self.model.inference(*batch, fitted=fitted)

    def require_images(self) -> None:
        """Require images with one or three channels."""
        if not self.shows_images:
            raise NotApplicableError("the data are not images")

    def require_shape(self, shape: tuple[int, ...], words: str) -> None:
        """Require examples of a shape, which the words name."""
        if self.model.data_shape != shape:
            raise NotApplicableError(f"the data are not {words}")

    def require_rows(self) -> None:
        """Require rows of a table, or other vectors, of at least two values."""
        shape = self.model.data_shape
        if len(shape) != 1 or shape[0] < 2:
            raise NotApplicableError("the data are not rows of several values")

    def require_examples(self, count: int) -> None:
        """Require at least this many examples."""
        if len(self.split) < count:
            raise NotApplicableError(f"it needs at least {count} examples, the split has {len(self.split)}")

    def require_complete(self) -> None:
        """Require that no value is missing in the data."""
        if self.split.info.missing or (self.train is not None and self.train.info.missing):
            raise NotApplicableError("values are missing in the data, which samples would have to be compared with")

    def require_training_data(self) -> Split:
        """Require the training split, and return it."""
        if self.train is None:
            raise NotApplicableError("the training data are not available; pass all of the data")
        return self.train

    def require_latents(self) -> None:
        """Require a latent space."""
        if not self.model.has("encoder"):
            raise NotApplicableError("the model has no latent space")

    def require_continuous_latents(self) -> None:
        """Require latents that may take any real value, between those of the data as well."""
        self.require_latents()
        if self.model.posterior.discrete:
            raise NotApplicableError("the latents are discrete codes")

    def require_codes(self) -> Quantiser:
        """Require discrete codes, and return the posterior that chooses them."""
        self.require_latents()
        posterior = self.model.posterior
        if not isinstance(posterior, Quantiser):
            raise NotApplicableError("the latents are not discrete codes")
        return posterior

    def require_sparse_latents(self) -> None:
        """Require latents that are mostly exactly zero."""
        self.require_latents()
        if not self.model.posterior.sparse:
            raise NotApplicableError("the latents are not sparse: all of them differ from zero")

    def require_vector_latents(self) -> None:
        """Require latents that are vectors, rather than maps."""
        shape = self.model.latent_shape
        if len(shape) != 1:
            raise NotApplicableError(f"the latents are not vectors, but of shape {list(shape)}")

    def require_density(self) -> None:
        """Require a posterior q(z|x) with a density."""
        self.model.require_density()

    def lacks_fitted_bound(self) -> str:
        """Return why there are no bounds under the fitted prior; "" if there are, or none at all."""
        if not (self.model.has("fitted_prior") and self.model.has_density):
            return ""
        return why_not(self.model.require_fitted_density) or ""

    def require_reconstruction(self) -> None:
        """Require that the model encodes data and decodes them again."""
        self.model.require_reconstruction()


class Applicable(Protocol):
    """A metric or a figure, which can check whether it applies to a model and its data."""

    def check(self, context: EvaluationContext) -> None:
        """Raise NotApplicableError if it does not."""


@contextlib.contextmanager
def evaluating(context: EvaluationContext, seed: int = 0) -> Iterator[None]:
    """Keep the model in evaluation mode and draw from a seed inside the block, and leave both as they were."""
    model = context.model
    was_training = model.training
    model.eval()
    try:
        with seeded(process_seed(seed, context.group.rank)):
            yield
    finally:
        model.train(was_training)


def reason_against(applicable: Applicable, context: EvaluationContext) -> str | None:
    """Return why a metric or a figure does not apply to a model and its data, or None if it does."""
    with evaluating(context):
        return why_not(applicable.check, context)
