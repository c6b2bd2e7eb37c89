"""The wired components of a model: what objectives work with, and what encodes and decodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from zoo.decoders import Decoder
from zoo.encoders import Encoder
from zoo.errors import ComponentError, InputError
from zoo.likelihoods import Likelihood
from zoo.networks import Network
from zoo.nn.conditions import LabelEmbedding, TimeEmbedding
from zoo.posteriors import Posterior
from zoo.priors import Prior

if TYPE_CHECKING:
    from typing_extensions import Self


class Parts(nn.Module):
    """Encoder, posterior, prior, decoder and likelihood, wired to each other, or a network in their place.

    Only the parts that the model's objective needs are there; :meth:`has` tells which.

    Attributes:
        data_shape: shape of one example.
        latent_dim: number of latent dimensions, d; 0 where there is no code.
        classes: number of class labels that the model is conditioned on, or None.
    """

    encoder: Encoder
    posterior: Posterior
    latent_prior: Prior
    decoder: Decoder
    likelihood: Likelihood
    network: Network

    def __init__(
        self,
        components: Mapping[str, nn.Module],
        *,
        data_shape: tuple[int, ...],
        latent_dim: int | None,
        classes: int | None = None,
        condition_dim: int = 64,
        uses_time: bool = False,
    ) -> None:
        super().__init__()
        self.data_shape, self.latent_dim, self.classes = tuple(data_shape), latent_dim or 0, classes
        for role, component in components.items():
            # `model.prior` is the distribution; the module that gives it stands under another name.
            self.add_module("latent_prior" if role == "prior" else role, component)
        self.label_embedding = LabelEmbedding(classes, condition_dim) if classes else None
        self.time_embedding = TimeEmbedding(condition_dim) if uses_time else None
        self._numbers = self._weight_dtype()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Take note of the weights' type where it may change: looking it up takes as long as an operation."""
        super()._apply(fn, recurse)
        self._numbers = self._weight_dtype()
        return self

    def _weight_dtype(self) -> torch.dtype:
        return next((parameter.dtype for parameter in self.parameters()), torch.float32)

    def has(self, role: str) -> bool:
        """Whether the model has the part of this name, such as ``"encoder"``."""
        return ("latent_prior" if role == "prior" else role) in self._modules

    @property
    def has_density(self) -> bool:
        """Whether there is a q(z|x) with a density, so that the model has a likelihood."""
        return self.has("posterior") and self.posterior.has_density

    @property
    def prior(self) -> Distribution:
        """The prior p(z), with batch shape () and event shape (d,)."""
        if not self.has("prior"):
            raise ComponentError("this model has no prior: its objective shapes no latent space", where="prior")
        distribution: Distribution = self.latent_prior()
        return distribution

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.parameters()).device

    def encode(self, x: Tensor, labels: Tensor | None = None) -> Distribution:
        """Return q(z|x), with batch shape (B,) and event shape (d,); that of the cleanest step of a chain.

        Args:
            x: (B, *data_shape) data, in the range that the model was trained on.
            labels: (B,) class numbers, for a conditional model.

        Raises:
            InputError: a shape or a label is not what the model needs.
            ComponentError: the model is a network without a code.
        """
        self._check_code("encode")
        x = self.check_data(x)
        distribution: Distribution = self.posterior(self.encoder(x, self.condition(labels, len(x))))
        return distribution

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Distribution:
        """Return p(x|z), with the batch shape of ``z`` and event shape ``data_shape``.

        Args:
            z: (*S, B, d) codes, with any number of leading sample dimensions.
            labels: (B,) class numbers, for a conditional model.

        Raises:
            InputError: a shape or a label is not what the model needs.
            ComponentError: the model is a network without a code, or its decoder's output is not of the data.
        """
        self._check_code("decode")
        z = self.match_dtype(z, "z")
        if z.ndim < 2 or z.shape[-1] != self.latent_dim:
            raise InputError(f"expected codes of shape (…, B, {self.latent_dim}), got {tuple(z.shape)}", where="z")
        condition = self.condition(labels, z.shape[-2])
        flat = z.reshape(-1, self.latent_dim)
        if condition is not None and z.ndim > 2:
            condition = condition.expand(*z.shape[:-1], -1).reshape(len(flat), -1)
        raw = self.decoder(flat, condition)
        return self.emission(raw.reshape(z.shape[:-1] + raw.shape[1:]))

    def emission(self, raw: Tensor) -> Distribution:
        """Return p(x|z) from what the decoder gives, (*batch, *shape)."""
        distribution: Distribution = self.likelihood(raw)
        return distribution

    def condition(self, labels: Tensor | None, batch: int) -> Tensor | None:
        """Return the condition vectors (B, condition_dim) of ``labels``, or None for an unconditional model.

        Where a model is conditioned on time, too, they are those of the cleanest step, t = 1.

        Raises:
            InputError: labels are missing, were not expected, or are out of range.
        """
        self.check_labels(labels, batch)
        times = torch.ones(batch, device=self.device) if self.time_embedding is not None else None
        return self.embed(labels, times)

    def embed(self, labels: Tensor | None, times: Tensor | None) -> Tensor | None:
        """Return the sum of the vectors of labels (B,) and of times (B,), or None if the model takes neither."""
        vectors = []
        if self.label_embedding is not None and labels is not None:
            vectors.append(self.label_embedding(labels))
        if self.time_embedding is not None and times is not None:
            vectors.append(self.time_embedding(times))
        return sum(vectors[1:], vectors[0]) if vectors else None

    def check_labels(self, labels: Tensor | None, batch: int) -> None:
        """Refuse labels that do not suit the model.

        Raises:
            InputError: labels are missing, were not expected, or are out of range.
        """
        if self.label_embedding is None or self.classes is None:
            if labels is not None:
                raise InputError(
                    "labels came, but this model is not conditional",
                    where="labels",
                    remedy="Leave them out, or build the model with `classes: N`. Options are given by their names.",
                )
            return
        if labels is None:
            raise InputError(
                f"this model is conditional on {self.classes} classes and needs a label for each example",
                where="labels",
                remedy=f"Pass `labels`, a ({batch},) tensor of class numbers from 0 to {self.classes - 1}.",
            )
        _check_tensor(labels, "labels")
        if labels.shape != (batch,) or labels.dtype != torch.long:
            raise InputError(
                f"expected ({batch},) class numbers of type int64, got {tuple(labels.shape)} of {labels.dtype}",
                where="labels",
            )
        if labels.device.type == "cpu" and batch and not 0 <= int(labels.min()) <= int(labels.max()) < self.classes:
            raise InputError(
                f"class numbers from 0 to {self.classes - 1} were needed, "
                f"{int(labels.min())} to {int(labels.max())} came",
                where="labels",
            )

    def check_data(self, x: Tensor) -> Tensor:
        """Return data in the type of the weights, and refuse those of another shape, or of another type than float32.

        Raises:
            InputError: the message has both.
        """
        _check_tensor(x, "x")
        if x.shape[1:] != self.data_shape:
            shape = ", ".join(map(str, self.data_shape))
            raise InputError(f"expected data of shape (B, {shape}), got {tuple(x.shape)}", where="x")
        if not x.is_floating_point():
            raise InputError(
                f"expected floating-point data, got {x.dtype}",
                where="x",
                remedy="Scale the data as in training, for example "
                f"`x.float(){' / 255' if x.dtype == torch.uint8 else ''}`.",
            )
        return self.match_dtype(x, "x")

    def match_dtype(self, values: Tensor, where: str) -> Tensor:
        """Return numbers in the type of the weights: float32 is converted, and what autocast converts is let pass.

        Raises:
            InputError: they are of another type; the message has both.
        """
        _check_tensor(values, where)
        if values.dtype == self._numbers:
            return values
        needed = self._weight_dtype()
        is_autocast = values.dtype != torch.float64 and torch.is_autocast_enabled(values.device.type)
        if values.dtype == needed or (is_autocast and values.is_floating_point()):
            return values
        if values.dtype == torch.float32:
            return values.to(needed)
        raise InputError(
            f"expected numbers of type {needed}, got {values.dtype}",
            where=where,
            remedy=f"Convert them: `{where}.to({needed})`.",
        )

    def _check_code(self, wanted: str) -> None:
        if not self.has("encoder"):
            raise ComponentError(
                "this model is a network from data to data and has no code",
                where=wanted,
                remedy="Build it with `encoder`, `posterior: point` and `decoder` in place of `network`.",
            )


def _check_tensor(value: object, where: str) -> None:
    if not isinstance(value, Tensor):
        remedy = "Make it one, on the device of the model and of its type: numbers are float32, class numbers int64."
        raise InputError(f"expected a tensor, got {type(value).__name__}", where=where, remedy=remedy)
