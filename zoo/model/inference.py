"""A batch and what a model computes from it: features, q(z|x), p(z) and latents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.distributions import Distribution

from zoo.errors import ComponentError, InputError
from zoo.model.latents import LatentSamples
from zoo.nn.frozen import frozen
from zoo.utils.finite import drawing
from zoo.utils.once import once
from zoo.utils.precision import full_precision

if TYPE_CHECKING:
    from zoo.model.model import Model


class Inference:
    """A model together with the data of a batch, its labels, and the mask of observed values.

    Each property is computed once, on first access. Objectives, the likelihood estimate and the metrics all use it, so
    a bound and its estimate use the same labels, mask and prior.

    :meth:`zoo.model.model.Model.inference` returns one and checks its arguments.

    Attributes:
        x: (B, *data_shape), with unobserved values set to 0; None if nothing is encoded.
        labels: (B,) class numbers, or None.
        mask: (B, *data_shape) bool, True where a value was observed; None if all were.
        fitted: whether the prior is the one that was fitted after training.
        corrupts: whether the encoder receives corrupted data; ``x`` is not changed.

    Example:
        >>> import torch, zoo
        >>> model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8))
        >>> samples = model.inference(torch.rand(4, 1, 8, 8)).draw(5)
        >>> samples.z.shape, samples.log_weights.shape, samples.kl().shape
        (torch.Size([5, 4, 2]), torch.Size([5, 4]), torch.Size([4]))
    """

    def __init__(
        self,
        model: Model,
        x: Tensor | None = None,
        labels: Tensor | None = None,
        mask: Tensor | None = None,
        *,
        fitted: bool = False,
        corrupts: bool = False,
    ) -> None:
        self.model, self.labels, self.mask, self.fitted, self.corrupts = model, labels, mask, fitted, corrupts
        self.x = x if x is None or mask is None else torch.where(mask, x, 0.0)

    @classmethod
    def of_features(cls, model: Model, features: Tensor, labels: Tensor | None = None) -> Inference:
        """Return an inference from features that the encoder has already computed, (B, F) or (B, *feature_shape)."""
        known = cls(model, None, labels)
        vars(known)["features"] = features
        return known

    @once
    def condition(self) -> Tensor | None:
        """The condition vectors (B, condition_dim), or None for a model without a condition."""
        known = self.x if self.x is not None else self.labels
        return self.model.condition(self.labels, 0 if known is None else known.shape[0])

    @once
    def encoder_input(self) -> Tensor:
        """The input of the encoder: the data, which may be corrupted, and the mask if the encoder takes it."""
        assert self.x is not None
        x = self._corrupted() if self.corrupts else self.x
        if not self.model.spec.mask_input:
            return x
        observed = torch.ones_like(x) if self.mask is None else self.mask.to(x.dtype)
        return torch.cat([x, observed], dim=1)

    @once
    def features(self) -> Tensor:
        """The encoder's features, (B, F), or (B, *feature_shape) for a posterior that asks for them."""
        model = self.model
        h: Tensor = model.encoder(self.encoder_input, self.condition_of("encoder"))
        return h.flatten(1) if model.flattens_features and h.ndim > 2 else h

    @once
    def posterior(self) -> Distribution:
        """q(z|x), with batch shape (B,) and event shape ``latent_shape``."""
        return self._posterior_of(self.features)

    @once
    def prior(self) -> Distribution:
        """p(z), or p(z|y), with batch shape () or (B,) and event shape ``latent_shape``."""
        return self.model.prior_distribution(self)

    def without_results(self) -> Inference:
        """Return an inference of the same batch with nothing computed yet."""
        return Inference(self.model, self.x, self.labels, self.mask, fitted=self.fitted, corrupts=self.corrupts)

    def under_fitted_prior(self) -> Inference:
        """Return the same inference with the fitted prior as p(z); the features and q(z|x) are not computed again."""
        other = Inference(self.model, self.x, self.labels, self.mask, fitted=True, corrupts=self.corrupts)
        vars(other).update({name: vars(self)[name] for name in ("features", "posterior") if name in vars(self)})
        return other

    def condition_of(self, role: str) -> Tensor | None:
        """Return the condition vectors for a part; None if it was built without a condition."""
        return self.condition if self.model.is_conditioned(role) else None

    def encode(self, x: Tensor, labels: Tensor | None = None) -> Distribution:
        """Return q(z|x) for other data than the batch, such as pseudo-inputs."""
        return Inference(self.model, x, labels).posterior

    def decode(self, z: Tensor, carry: Tensor | None = None) -> Distribution:
        """Return p(x|z), with the batch shape of ``z`` and event shape ``data_shape``.

        Args:
            z: (*S, B, *latent_shape), with any number of leading sample dimensions.
            carry: (*S, B, …), a state that the posterior's draw has computed for the decoder.

        Raises:
            InputError: the shape of ``z`` is not that of the model's latents.
        """
        model, shape = self.model, self.model.latent_shape
        z = model.match_dtype(z, "z")
        if z.ndim <= len(shape) or z.shape[z.ndim - len(shape) :] != shape:
            expected = ", ".join(("…", "B", *map(str, shape)))
            raise InputError(f"expected latents of shape ({expected}), got {tuple(z.shape)}", where="z")
        lead = z.shape[: z.ndim - len(shape)]
        if not model.is_conditioned("decoder"):
            condition = None
        else:
            condition = self.condition if self.x is not None else model.condition(self.labels, lead[-1])
        flat = model.decoder_input(z)
        if condition is not None and len(lead) > 1:
            condition = condition.expand(*lead, -1).reshape(flat.shape[0], -1)
        if carry is None or not model.decoder_carries:
            raw: Tensor = model.decoder(flat, condition)
        else:
            raw = model.decoder(flat, condition, carry=carry.reshape(-1, *carry.shape[len(lead) :]))
        return model.data_distribution(raw.reshape(lead + raw.shape[1:]))

    def log_likelihood(self, p: Distribution) -> Tensor:
        """Return log p(x|z) of the observed values, (*S, B) nats, under distributions over data."""
        assert self.x is not None
        with full_precision(self.x):
            if self.mask is None:
                log_likelihood: Tensor = p.log_prob(self.x)
                return log_likelihood
            return self.model.likelihood.log_prob(p, self.x, self.mask)

    def log_joint(self, z: Tensor) -> Tensor:
        """Return log p(x, z), (*S, B) nats, at latents (*S, B, *latent_shape)."""
        log_likelihood = self.log_likelihood(self.decode(z))
        with full_precision(z):
            log_prior: Tensor = self.prior.log_prob(z)
        return log_likelihood + log_prior

    def path_log_q(self, z: Tensor) -> Tensor:
        """Return log q(z|x), (*S, B) nats, whose gradient reaches z but not the parameters of q."""
        if self.model.posterior.discrete:
            # A log-probability of codes has no gradient in z, and a second call would update the codebook again.
            log_probability: Tensor = self.posterior.log_prob(z).detach()
            return log_probability
        fixed = self.without_results()
        vars(fixed)["features"] = self.features.detach()
        with frozen(self.model), full_precision(z):
            log_q: Tensor = fixed.posterior.log_prob(z)
        return log_q

    def draw(self, num_samples: int = 1, *, reparameterised: bool = True) -> LatentSamples:
        """Draw K latents for each example: the only place where latents of data are drawn.

        Args:
            num_samples: K.
            reparameterised: whether gradients flow from the draws to the posterior's parameters.
        """
        q, shape = self.posterior, torch.Size([num_samples])
        known = self.x if self.x is not None else self.features
        with full_precision(known), drawing("latents"):
            draw = getattr(q, "draw", None)
            if draw is not None:
                drawn = draw(shape, self.prior)
                return LatentSamples(self, drawn.z, drawn.log_q, drawn.levels, drawn.carry)
            with_density = getattr(q, "rsample_and_log_prob", None)
            if with_density is not None:
                return LatentSamples(self, *with_density(shape))
            return LatentSamples(self, q.rsample(shape) if reparameterised and q.has_rsample else q.sample(shape))

    def _corrupted(self) -> Tensor:
        x: Tensor = self.model.corruption(self.x)
        return x if self.mask is None else torch.where(self.mask, x, 0.0)

    def _posterior_of(self, features: Tensor) -> Distribution:
        model = self.model
        q: Distribution = (
            model.posterior(features, inference=self) if model.posterior_asks else model.posterior(features)
        )
        if len(q.batch_shape) != 1:
            raise ComponentError(
                f"expected one distribution for each example, batch shape (B,) and event shape {model.latent_shape}, "
                f"got batch shape {tuple(q.batch_shape)} and event shape {tuple(q.event_shape)}",
                where=f"the posterior {type(model.posterior).__name__}",
                remedy="`torch.distributions.Independent(q, n)` makes the last n dimensions of a batch one event.",
            )
        return q
