"""The parts of a model that are exported, each a module from tensors to tensors."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from zoo.analysis.denoising import denoising_of
from zoo.errors import NotApplicableError
from zoo.model import Model
from zoo.model.inference import Inference
from zoo.objectives.denoising import Denoising
from zoo.preparation.described import scaling_of
from zoo.spec.data_description import DataDescription


class ExportedPart(nn.Module, ABC):
    """A part of a model as a graph sees it.

    Args:
        model: in evaluation mode.
        scale: the change of scale that is part of the graph; None: the graph takes and returns prepared values.

    Attributes:
        name: of the part.
        inputs: names of the tensors that it takes.
        outputs: names of the tensors that it returns.
    """

    name: ClassVar[str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def __init__(self, model: Model, scale: Scale | None, takes: tuple[str, ...], outputs: tuple[str, ...]) -> None:
        super().__init__()
        self.model, self.scale, self.outputs = model, scale, outputs
        self.inputs = (*takes, "labels") if model.classes else takes

    @staticmethod
    @abstractmethod
    def is_part_of(model: Model) -> bool:
        """Return whether a model has such a part."""

    @abstractmethod
    def example(self, batch: int) -> tuple[Tensor, ...]:
        """Return random inputs, in the order of ``inputs``; ``forward`` takes them and returns ``outputs``."""


class ExportedEncoder(ExportedPart):
    """Data to the mean of q(z|x), and to its standard deviation where the latents are independent given x.

    Shapes:
        data (B, *data_shape) and, for a conditional model, labels (B,) of class numbers → latents (B, *latent_shape),
        and stddev of the same shape.

    Raises:
        NotApplicableError: the mean is an average of random draws.
    """

    name = "encoder"

    def __init__(self, model: Model, scale: Scale | None = None) -> None:
        outputs = ("latents", "stddev") if model.posterior.factorised else ("latents",)
        super().__init__(model, scale, ("data",), outputs)
        try:
            _ = self._posterior(*_random_data(model, 2)).mean
        except NotImplementedError as error:
            raise NotApplicableError(
                f"the mean of the posterior {model.spec.posterior.name if model.spec.posterior else ''!r} is an "
                "average of random draws, which no graph of fixed operations computes"
            ) from error

    @staticmethod
    def is_part_of(model: Model) -> bool:
        """Return whether the model encodes data."""
        return model.has("encoder")

    def forward(self, values: Tensor, labels: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the tensors that ``outputs`` names."""
        q = self._posterior(values if self.scale is None else self.scale.prepare(values), labels)
        return (q.mean, q.stddev) if len(self.outputs) == 2 else (q.mean,)

    def example(self, batch: int) -> tuple[Tensor, ...]:
        """Return random data in the model's range, and labels where it takes them."""
        x, *labels = _random_data(self.model, batch)
        return (x if self.scale is None else self.scale.restore(x), *labels)

    def _posterior(self, x: Tensor, labels: Tensor | None = None) -> Distribution:
        # NaN stands for a missing value of a table, as in `model.encode`.
        mask = ~x.isnan() if self.model.takes_missing else None
        return Inference(self.model, x, labels, mask).posterior


class ExportedDecoder(ExportedPart):
    """Latents to the mean of p(x|z), which is what ``model.reconstruct`` and ``model.sample`` return.

    Shapes:
        latents (B, *latent_shape) and, for a conditional model, labels (B,) of class numbers → data (B, *data_shape).
    """

    name = "decoder"

    def __init__(self, model: Model, scale: Scale | None = None) -> None:
        super().__init__(model, scale, ("latents",), ("data",))

    @staticmethod
    def is_part_of(model: Model) -> bool:
        """Return whether the model encodes and decodes data."""
        return model.has("encoder") and model.has("decoder")

    def forward(self, values: Tensor, labels: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the tensor that ``outputs`` names."""
        mean = Inference(self.model, None, labels).decode(values).mean
        return (mean if self.scale is None else self.scale.restore(mean),)

    def example(self, batch: int) -> tuple[Tensor, ...]:
        """Return latents that the encoder makes of random data, and labels where the model takes them."""
        x, *labels = _random_data(self.model, batch)
        return (Inference(self.model, x, *labels).posterior.sample(), *labels)


class ExportedDenoiser(ExportedPart):
    """Noisy data and the number of the step to the estimate of the data, E[x_0|x_t]: one pass of a chain.

    Shapes:
        noisy (B, *data_shape), step (B,) int64 from 1 to T and, for a conditional model, labels (B,) of class numbers →
        clean (B, *data_shape).

    Raises:
        NotApplicableError: a change of scale is asked for; the noise of the chain has the scale of prepared values.
    """

    name = "denoiser"

    def __init__(self, model: Model, scale: Scale | None = None) -> None:
        super().__init__(model, scale, ("noisy", "step"), ("clean",))
        if scale is not None:
            raise NotApplicableError("the noise of its chain has the scale of prepared values")
        self.objective = denoising_of(model)

    @staticmethod
    def is_part_of(model: Model) -> bool:
        """Return whether the model was trained to remove noise."""
        return isinstance(model.objective, Denoising)

    def forward(self, noisy: Tensor, step: Tensor, labels: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the tensor that ``outputs`` names."""
        raw = self.objective.output(self.model, noisy, step, labels)
        return (self.objective.prediction.clean(noisy, raw, step),)

    def example(self, batch: int) -> tuple[Tensor, ...]:
        """Return noisy data, steps all over the chain, and labels where it takes them."""
        x, *labels = _random_data(self.model, batch)
        step = self.objective.chain.random_times(batch, x.device)
        return (self.objective.chain.draw(x, step), step, *labels)


PARTS: tuple[type[ExportedEncoder] | type[ExportedDecoder] | type[ExportedDenoiser], ...] = (
    ExportedEncoder,
    ExportedDecoder,
    ExportedDenoiser,
)


class Scale(nn.Module):
    """Stored values v as prepared ones, (v − shift) / span, and back.

    Raises:
        NotApplicableError: the preparation of the model's data does more than that, or is not known.
    """

    shift: Tensor
    span: Tensor

    def __init__(self, model: Model) -> None:
        super().__init__()
        data = model.data
        reason = _why_not_scale(data)
        if reason is not None:
            raise NotApplicableError(
                f"only a change of scale can be part of the graph, and {reason}",
                where="raw",
                remedy="Export without `raw`: preprocessing.json describes the preparation.",
            )
        scaling = scaling_of(data)
        for name in ("shift", "span"):
            values = torch.as_tensor(getattr(scaling, name), dtype=torch.float32)
            self.register_buffer(name, values.reshape(model.data_shape) if values.numel() > 1 else values.reshape(()))

    def prepare(self, v: Tensor) -> Tensor:
        """Return stored values as prepared ones."""
        return (v - self.shift) / self.span

    def restore(self, x: Tensor) -> Tensor:
        """Return prepared values as stored ones."""
        return x * self.span + self.shift


def _why_not_scale(data: DataDescription) -> str | None:
    if data.stored is None:
        return "the model does not know how its data were prepared"
    if data.columns:
        return "the data are tables of columns"
    if data.stored.shape != data.shape or data.geometry.resize is not None:
        return "the preparation changes the size of examples"
    return "pixels are binarised" if data.binarise != "none" else None


def _random_data(model: Model, batch: int) -> tuple[Tensor, ...]:
    low, high = model.data.range or (-1.0, 1.0)
    x = low + (high - low) * torch.rand(batch, *model.data_shape)
    return (x, torch.arange(batch) % model.classes) if model.classes else (x,)


@contextlib.contextmanager
def without_checks() -> Iterator[None]:
    """Let distributions not look at the values of their arguments, which a graph cannot."""
    before = Distribution._validate_args  # torch has a function that sets the default, and none that tells it
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(before)
