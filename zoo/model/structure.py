"""The structure of a model: its parts, what they ask for, what training may change, and its units."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from zoo.corruptions import Corruption
from zoo.decoders import Decoder
from zoo.encoders import Encoder
from zoo.errors import ComponentError, NotApplicableError
from zoo.likelihoods import Likelihood
from zoo.networks import Network
from zoo.nn.adversary import Adversary
from zoo.nn.layers.conditions import LabelEmbedding, TimeEmbedding
from zoo.nn.weight import ScheduledWeight
from zoo.posteriors import Posterior
from zoo.priors import Prior
from zoo.spec.model import ModelSpec
from zoo.spec.options import wiring_of

if TYPE_CHECKING:
    from typing_extensions import Self

    from zoo.objectives import Objective
    from zoo.regularisers import Regulariser


class ModelStructure(nn.Module):
    """The modules of a model, to which :class:`~zoo.model.model.Model` adds what they compute together.

    Attributes:
        frozen: names of the tensors that training does not change.
    """

    corruption: Corruption
    encoder: Encoder
    posterior: Posterior
    latent_prior: Prior
    decoder: Decoder
    likelihood: Likelihood
    network: Network
    fitted_prior: Prior

    def __init__(
        self,
        spec: ModelSpec,
        parts: Mapping[str, nn.Module],
        objective: Objective,
        regularisers: Mapping[str, Regulariser] | None = None,
        *,
        latent_shape: tuple[int, ...] = (),
        label_embedding: LabelEmbedding | None = None,
        time_embedding: TimeEmbedding | None = None,
    ) -> None:
        super().__init__()
        self.spec = spec
        self.data_shape, self.classes = tuple(spec.data_shape or ()), spec.classes
        self.latent_shape, self.latent_dim = tuple(latent_shape), math.prod(latent_shape) if latent_shape else 0
        for role, part in parts.items():
            # `model.prior` is the distribution; the module that returns it has another name.
            if role != "fitted_prior":
                self.add_module("latent_prior" if role == "prior" else role, part)
        self.label_embedding, self.time_embedding = label_embedding, time_embedding
        self.objective = objective
        self.regularisers = nn.ModuleDict(regularisers or {})
        if "fitted_prior" in parts:
            self.add_module("fitted_prior", parts["fitted_prior"])
        self._note_what_parts_ask_for()
        self.frozen: frozenset[str] = frozenset()
        self._frozen_modules: list[nn.Module] = []
        weights = (module for module in self.modules() if isinstance(module, ScheduledWeight))
        self._scheduled = [weight for weight in weights if weight.changes]
        self._dtype = self._weight_dtype()

    def _note_what_parts_ask_for(self) -> None:
        """Note once what the parts' forward methods take: looking it up takes as long as a tensor operation."""
        posterior, decoder = (getattr(self, role, None) for role in ("posterior", "decoder"))
        self.posterior_asks = _takes(posterior, "inference")
        self.prior_asks, self.fitted_prior_asks = (
            _takes(getattr(self, role, None), "inference") for role in ("latent_prior", "fitted_prior")
        )
        self.decoder_carries = _takes(decoder, "carry")
        self.flattens_features = posterior is not None and "feature_shape" not in wiring_of(type(posterior))
        keeps_shape = decoder is not None and "latent_shape" in wiring_of(type(decoder))
        self.decoder_shape = self.latent_shape if keeps_shape else (self.latent_dim,)
        self.decoder_scale = 1.0 if posterior is None else posterior.decoder_scale
        roles = ("encoder", "prior", "decoder") if self.spec.conditioned is None else self.spec.conditioned
        self._conditioned = frozenset(roles) if self.label_embedding or self.time_embedding else frozenset()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Store the dtype of the weights whenever it may change: looking it up takes as long as a tensor operation."""
        super()._apply(fn, recurse)
        self._dtype = self._weight_dtype()
        return self

    def _weight_dtype(self) -> torch.dtype:
        return next((parameter.dtype for parameter in self.parameters()), torch.float32)

    def __repr__(self) -> str:
        """Return one line with the name, the parts and the sizes; the parts list their layers."""
        spec = self.spec
        parts = " → ".join(
            getattr(spec, role).name for role in ("encoder", "posterior", "decoder", "network") if self.has(role)
        )
        likelihood = f", {spec.likelihood.name}" if spec.likelihood is not None and self.has("likelihood") else ""
        name = f"{spec.preset}: {spec.objective.name}" if spec.preset else spec.objective.name
        sizes = [
            f"data {self.data_shape}",
            *([f"{self.latent_dim:,} latent{'s' if self.latent_dim != 1 else ''}"] if self.latent_dim else []),
            *([f"{self.classes} classes"] if self.classes else []),
            f"{sum(parameter.numel() for parameter in self.parameters()):,} parameters",
        ]
        return f"Model({name}; {parts}{likelihood}; {', '.join(sizes)})"

    # Parts.

    def has(self, role: str) -> bool:
        """Whether the model has the part of this name, such as ``"encoder"``."""
        return ("latent_prior" if role == "prior" else role) in self._modules

    def is_conditioned(self, role: str) -> bool:
        """Whether a part sees the condition: the labels, or the time of a chain."""
        return role in self._conditioned

    @property
    def has_density(self) -> bool:
        """Whether q(z|x) has a density, so that log p(x) can be estimated."""
        return self.has("posterior") and self.posterior.density != "none"

    def named_regularisers(self) -> Iterator[tuple[str, Regulariser]]:
        """Yield the regularisers with their keys."""
        for key, regulariser in self.regularisers.items():
            yield key, cast("Regulariser", regulariser)

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.parameters()).device

    # Training.

    def adversaries(self) -> dict[str, Adversary]:
        """Return the adversaries by name: the key of their regulariser, or ``objective``."""
        owners = {"objective": self.objective, **dict(self.regularisers.items())}
        found: dict[str, Adversary] = {}
        for key, owner in owners.items():
            own = [module for module in owner.modules() if isinstance(module, Adversary)]
            if len(own) > 1:
                raise ComponentError(
                    f"expected at most one adversary, got {len(own)}",
                    where=f"model.{key}" if key == "objective" else f"model.regularisers.{key}",
                    remedy="Use a separate regulariser for each adversary.",
                )
            if own:
                found[key] = own[0]
        return found

    def training_parameters(self) -> dict[str, nn.Parameter]:
        """Return the parameters that the model's loss trains, by name: not those of adversaries or the fitted prior.

        Parameters that require no gradient are left out. A parameter that the fitted prior shares with another part
        belongs to that part.
        """
        theirs = {id(parameter) for adversary in self.adversaries().values() for parameter in adversary.parameters()}
        return {
            name: parameter
            for name, parameter in self.named_parameters()
            if id(parameter) not in theirs
            and parameter.requires_grad
            and not name.startswith("fitted_prior.")
            and name not in self.frozen
        }

    def freeze(self, names: Iterable[str]) -> None:
        """Exclude the tensors with these names from training.

        A module whose tensors are all frozen stays in evaluation mode, so that running statistics and codebooks do not
        change either.
        """
        self.frozen = frozenset(names)
        self._frozen_modules = [
            module
            for prefix, module in self.named_modules()
            if prefix and (own := {f"{prefix}.{name}" for name in module.state_dict()}) and own <= self.frozen
        ]
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Set training or evaluation mode; frozen modules stay in evaluation mode."""
        super().train(mode)
        for module in self._frozen_modules:
            module.eval()
        return self

    def unit_of(self, term: str) -> str | None:
        """Return the unit of a term of the loss, or of the whole loss (``"loss"``); None if it has no unit.

        The whole loss has a unit if all of its terms have the same unit.

        Example:
            >>> import zoo
            >>> model = zoo.build("vae-mlp-2d", regularisers={"mmd": "mmd"})
            >>> model.unit_of("kl"), model.unit_of("mmd"), model.unit_of("loss")
            ('nats', None, None)
        """
        own = self.objective.unit
        units = {key: regulariser.unit for key, regulariser in self.named_regularisers()}
        if term == "loss":
            return own if all(unit == own for unit in units.values()) else None
        return units.get(term.partition(".")[0], own)

    def with_second_derivatives(self) -> list[str]:
        """Return the components that differentiate a gradient in training, such as ``regularisers.smooth``."""
        found = ["posterior"] if self.has("posterior") and self.posterior.second_derivatives else []
        return [*found, *(f"regularisers.{key}" for key, each in self.named_regularisers() if each.second_derivatives)]

    def higher_is_better(self, term: str) -> bool:
        """Return whether a term of the loss is a bound, for which higher is better."""
        return term in self.objective.bounds

    def update_schedules(self, step: int, steps_per_epoch: int) -> None:
        """Set every weight that follows a schedule, before training step ``step`` (from 0)."""
        for weight in self._scheduled:
            weight.update(step, steps_per_epoch)

    def warmup_steps(self, steps_per_epoch: int) -> int:
        """Return the number of steps until every weight has its final value; 0 if none changes."""
        return max((weight.warmup_steps(steps_per_epoch) for weight in self._scheduled), default=0)

    # Requirements.

    def require_density(self) -> None:
        """Require a posterior q(z|x) with a density, which estimates of log p(x) need.

        Raises:
            NotApplicableError: there is none; the message says why.
        """
        if not self.has_density:
            posterior = self.spec.posterior
            raise NotApplicableError(
                "it has no posterior" if posterior is None else f"its posterior {posterior.name!r} has no density",
                where="log_likelihood",
                remedy="Train a model with objective `vae`, or measure `mse`.",
            )

    def require_fitted_density(self) -> None:
        """Require a fitted prior with a density, which bounds need.

        Raises:
            NotApplicableError: it can only be sampled.
        """
        self._check_fitted()
        if not self.fitted_prior.has_density:
            name = self.spec.fitted_prior.name if self.spec.fitted_prior else "none"
            raise NotApplicableError(
                f"the fitted prior {name!r} can be sampled but has no density, so there is no bound with it",
                where="fitted",
                remedy="Fit a prior with a density, such as `flow` or `mixture`, or leave `fitted` out.",
            )

    def _check_code(self, where: str) -> None:
        if not self.has("encoder"):
            raise ComponentError(
                "the model is a network from data to data and has no code",
                where=where,
                remedy="Build it with `encoder`, `posterior: point` and `decoder` in place of `network`.",
            )

    def _check_fitted(self) -> None:
        if not self.has("fitted_prior"):
            raise ComponentError(
                "the model has no fitted prior",
                where="fitted",
                remedy="Fit one with `zoo.fit_prior(model, data, NAME)`, or leave `fitted` out.",
            )


def _takes(module: nn.Module | None, name: str) -> bool:
    return module is not None and name in _parameters_of(type(module).forward)


@functools.lru_cache(maxsize=512)
def _parameters_of(forward: Callable[..., object]) -> frozenset[str]:
    """Return the names of a method's parameters; cached, because looking them up takes as long as making a layer."""
    return frozenset(inspect.signature(forward).parameters)
