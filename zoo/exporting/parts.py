"""The parts of a model that are exported, each a module from tensors to tensors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from zoo.errors import NotApplicableError
from zoo.model import Model
from zoo.model.inference import Inference
from zoo.preparation.described import scaling_of
from zoo.spec.data_description import DataDescription


class ExportedEncoder(nn.Module):
    """Data to the mean of q(z|x), and to its standard deviation where the latents are independent given x.

    Args:
        model: in evaluation mode.
        raw: take stored values, such as pixels from 0 to 255, rather than prepared ones.

    Shapes:
        x (B, *data_shape) and, for a conditional model, labels (B,) of class numbers → latents (B, *latent_shape), and
        stddev of the same shape.
    """

    def __init__(self, model: Model, *, raw: bool = False) -> None:
        super().__init__()
        self.model, self.scale = model, _Scale(model) if raw else None
        q = self._posterior(*example_data(model, 2))
        try:
            _ = q.mean
        except NotImplementedError as error:
            raise NotApplicableError(
                f"the mean of the posterior {model.spec.posterior.name if model.spec.posterior else ''!r} is an "
                "average of random draws, which no graph of fixed operations computes"
            ) from error
        self.outputs = ("latents", "stddev") if model.posterior.factorised else ("latents",)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the tensors that ``outputs`` names."""
        q = self._posterior(x if self.scale is None else self.scale.prepare(x), labels)
        return (q.mean, q.stddev) if len(self.outputs) == 2 else (q.mean,)

    def _posterior(self, x: Tensor, labels: Tensor | None = None) -> Distribution:
        # NaN stands for a missing value of a table, as in `model.encode`.
        mask = ~x.isnan() if self.model.takes_missing else None
        return Inference(self.model, x, labels, mask).posterior


class ExportedDecoder(nn.Module):
    """Latents to the mean of p(x|z), which is what ``model.reconstruct`` and ``model.sample`` return.

    Args:
        model: in evaluation mode.
        raw: return stored values, such as pixels from 0 to 255, rather than prepared ones.

    Shapes:
        latents (B, *latent_shape) and, for a conditional model, labels (B,) of class numbers → data (B, *data_shape).
    """

    outputs = ("data",)

    def __init__(self, model: Model, *, raw: bool = False) -> None:
        super().__init__()
        self.model, self.scale = model, _Scale(model) if raw else None

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the tensor that ``outputs`` names."""
        mean = Inference(self.model, None, labels).decode(latents).mean
        return (mean if self.scale is None else self.scale.restore(mean),)


class _Scale(nn.Module):
    """Stored values v as prepared ones, (v − shift) / span, and back."""

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
        return (v - self.shift) / self.span

    def restore(self, x: Tensor) -> Tensor:
        return x * self.span + self.shift


def _why_not_scale(data: DataDescription) -> str | None:
    if data.stored is None:
        return "the model does not know how its data were prepared"
    if data.columns:
        return "the data are tables of columns"
    if data.stored.shape != data.shape or data.geometry.resize is not None:
        return "the preparation changes the size of examples"
    return "pixels are binarised" if data.binarise != "none" else None


def example_data(model: Model, batch: int, *, raw: bool = False) -> tuple[Tensor, ...]:
    """Return random inputs of an encoder: data in the model's range, and labels where it takes them."""
    low, high = model.data.range or (-1.0, 1.0)
    x = low + (high - low) * torch.rand(batch, *model.data_shape)
    return (_Scale(model).restore(x) if raw else x, *_labels(model, batch))


def example_latents(model: Model, batch: int) -> tuple[Tensor, ...]:
    """Return random inputs of a decoder: latents that the encoder makes of random data, and labels."""
    x, *labels = example_data(model, batch)
    q = Inference(model, x, *labels).posterior
    return (q.sample(), *labels)


def _labels(model: Model, batch: int) -> tuple[Tensor, ...]:
    return (torch.arange(batch) % model.classes,) if model.classes else ()


@contextlib.contextmanager
def without_checks() -> Iterator[None]:
    """Let distributions not look at the values of their arguments, which a graph cannot."""
    before = Distribution._validate_args  # torch has a function that sets the default, and none that tells it
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(before)
