"""A model: parts, an objective, and the spec that rebuilds it."""

from __future__ import annotations

import contextlib
import inspect
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from zoo.corruptions import Corruption
from zoo.decoders import Decoder
from zoo.encoders import Encoder
from zoo.errors import ComponentError, InputError, NotApplicableError, ZooWarning, unknown_name
from zoo.likelihoods import Likelihood
from zoo.model import estimates, inputs
from zoo.model.inference import Inference
from zoo.model.loss import Loss, StepLoss
from zoo.networks import Network
from zoo.nn.adversary import Adversary
from zoo.nn.delta import Delta
from zoo.nn.layers.conditions import LabelEmbedding, TimeEmbedding
from zoo.nn.weight import ScheduledWeight
from zoo.posteriors import Posterior, posterior_mean
from zoo.preparation.preprocessing import Form, postprocess, preprocess
from zoo.priors import Prior
from zoo.spec.data_description import DataDescription
from zoo.spec.model import ModelSpec
from zoo.spec.options import wiring_of
from zoo.utils.arguments import Count, Seed, checked
from zoo.utils.finite import drawing
from zoo.utils.memory import check_memory
from zoo.utils.precision import at_least_float32
from zoo.utils.seeds import seeded

if TYPE_CHECKING:
    from typing_extensions import Self

    from zoo.objectives import Objective
    from zoo.regularisers import Regulariser


class Model(nn.Module):
    """Encoder, posterior, prior, decoder and likelihood, or a network in their place, with an objective.

    :func:`zoo.build` and :func:`zoo.load` return one. Only the parts that the objective needs are there;
    :meth:`has` says which.

    Attributes:
        data_shape: shape of one example.
        latent_shape: shape of the latents of one example, such as ``(latent_dim,)``; () where there are none.
        latent_dim: number of latents, d, over all dimensions of their shape.
        classes: number of class labels that the model is conditioned on, or None.
        spec: what rebuilds the model.

    Example:
        >>> import torch, zoo
        >>> model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8))
        >>> x = torch.rand(4, 1, 8, 8)
        >>> model.encode(x).mean.shape, model.reconstruct(x).shape, model.sample(3).shape
        (torch.Size([4, 2]), torch.Size([4, 1, 8, 8]), torch.Size([3, 1, 8, 8]))
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
        """Look once at which arguments the parts' forward methods have: looking takes as long as an operation."""
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
        """Note the weights' type where it may change: looking it up takes as long as an operation."""
        super()._apply(fn, recurse)
        self._dtype = self._weight_dtype()
        return self

    def _weight_dtype(self) -> torch.dtype:
        return next((parameter.dtype for parameter in self.parameters()), torch.float32)

    def __repr__(self) -> str:
        """Return one line: the name, the parts and the sizes. ``model.encoder`` and the other parts list layers."""
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

    # What there is.

    def has(self, role: str) -> bool:
        """Whether the model has the part of this name, such as ``"encoder"``."""
        return ("latent_prior" if role == "prior" else role) in self._modules

    def is_conditioned(self, role: str) -> bool:
        """Whether a part sees the condition: the labels, or the time of a chain."""
        return role in self._conditioned

    @property
    def has_density(self) -> bool:
        """Whether there is a q(z|x) with a density, so that the model has a likelihood."""
        return self.has("posterior") and self.posterior.density != "none"

    def terms_of_latents(self) -> Iterator[tuple[str, Regulariser]]:
        """Yield the regularisers with their keys."""
        for key, regulariser in self.regularisers.items():
            yield key, cast("Regulariser", regulariser)

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.parameters()).device

    @property
    def data(self) -> DataDescription:
        """What the model knows of its data: shape, range, scaling, classes and columns by name.

        Of a model that was built without data, or by version 0.1, no more than shape and range.
        """
        spec = self.spec
        return spec.data or DataDescription(shape=self.data_shape, range=spec.data_range)

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
        """Return the parameters that training moves down the loss, by name: not those of adversaries and fitted prior.

        Parameters that require no gradient are left out. What the fitted prior shares with another part belongs to that
        part.
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
        """Let training leave tensors as they are, by name, and modules all of whose tensors are among them.

        Such a module stays in evaluation mode, so that running statistics and codebooks do not move either.
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
        """Return the unit of a term of the loss, or of the whole (``"loss"``); None if it has none.

        The whole has a unit if all its terms have the same.

        Example:
            >>> import zoo
            >>> model = zoo.build("vae-mlp-2d", regularisers={"mmd": "mmd"})
            >>> model.unit_of("kl"), model.unit_of("mmd"), model.unit_of("loss")
            ('nats', None, None)
        """
        own = self.objective.unit
        units = {key: regulariser.unit for key, regulariser in self.terms_of_latents()}
        if term == "loss":
            return own if all(unit == own for unit in units.values()) else None
        return units.get(term.partition(".")[0], own)

    def with_second_derivatives(self) -> list[str]:
        """Return which components make training differentiate twice, such as ``regularisers.smooth``."""
        found = ["posterior"] if self.has("posterior") and self.posterior.second_derivatives else []
        return [*found, *(f"regularisers.{key}" for key, each in self.terms_of_latents() if each.second_derivatives)]

    def higher_is_better(self, term: str) -> bool:
        """Say whether a term of the loss is a bound, which improves as it rises."""
        return term in self.objective.bounds

    # Raw data in, raw data out.

    def preprocess(self, raw: Any) -> Tensor:
        """Return raw data as the training data were prepared, (B, *data_shape), on the model's device.

        Nothing is learned from the data: one row is scaled as it would be among many.

        Args:
            raw: an array, tensor or nested list of examples in the units, size and layout of the training data, or a
                single one; a DataFrame, whose columns are found by name; images of Pillow, or names of image files.

        Raises:
            InputError: the model does not know its data, or the form, shape, columns or values are not theirs.
            DataError: a file is missing or is not an image.

        Example:
            >>> import zoo
            >>> run = zoo.load("vae-mlp-2d.digits")
            >>> run.preprocess([[[16] * 8] * 8]).shape
            torch.Size([1, 1, 8, 8])
        """
        return preprocess(raw, self.data).to(self.device)

    @checked
    def postprocess(self, x: Tensor, form: Form | None = None, *, rounded: bool = True) -> Any:
        """Return samples, reconstructions or imputations in the units, size, layout and columns of the data.

        Args:
            x: (B, *data_shape).
            form: ``array``, ``tensor``, ``pandas``, ``polars``, or ``images`` of Pillow; None: a DataFrame of pandas
                where the model knows columns, else an array, of bytes where the data are.
            rounded: False: keep the fractions of what is stored as bytes, which a mean of bytes has.

        Raises:
            InputError: the model does not know its data, or these cannot take the form.

        Example:
            >>> import zoo
            >>> model = zoo.load("vae-mlp-2d.digits")
            >>> made = model.postprocess(model.sample(3))
            >>> made.shape, made.dtype
            ((3, 1, 8, 8), dtype('uint8'))
        """
        return postprocess(x, self.data, form, rounded=rounded)

    # What is computed.

    def inference(
        self,
        x: Tensor | None = None,
        labels: Tensor | None = None,
        mask: Tensor | None = None,
        *,
        fitted: bool = False,
    ) -> Inference:
        """Return what is known of a batch, from which q(z|x), p(z), latents and densities follow.

        In training mode a model with a corruption encodes corrupted data.

        Args:
            x: (B, *data_shape) data, in the range that the model was trained on. Of a table, NaN where a value is
                missing.
            labels: (B,) class numbers, for a conditional model.
            mask: (B, *data_shape) bool, True where a value was observed; if not given, where those of a table are not
                NaN.
            fitted: take the prior that was fitted after training as p(z).

        Raises:
            InputError: a shape, a type or a label is not what the model needs.
        """
        if x is not None and mask is None:
            mask = self.observed(self.check_data(x))
        return self.inference_of_batch(x, labels, mask, fitted=fitted)

    def inference_of_batch(
        self,
        x: Tensor | None = None,
        labels: Tensor | None = None,
        mask: Tensor | None = None,
        *,
        fitted: bool = False,
    ) -> Inference:
        """Return the same as :meth:`inference` for a batch that comes with its mask; makes no device wait.

        Raises:
            InputError: a shape, a type or a label is not what the model needs.
        """
        if x is not None:
            x = self.check_data(x)
            if labels is not None and self.label_embedding is None:
                self.check_labels(labels, x.shape[0])
            if mask is not None:
                inputs.check_mask(mask, x)
        return Inference(self, x, labels, mask, fitted=fitted, corrupts=self.training and self.has("corruption"))

    def observed(self, x: Tensor) -> Tensor | None:
        """Return which values of rows of a table were observed, bool, or None if all were: missing ones are NaN.

        Of other data than tables, a NaN is a mistake, and the answer is None.
        """
        if not self.takes_missing or x.device.type == "meta":
            return None
        there = ~x.isnan()
        return None if bool(there.all()) else there

    @property
    def takes_missing(self) -> bool:
        """Whether NaN in the data stands for a missing value: in tables, and where the encoder is shown a mask."""
        return bool(self.spec.mask_input) or (self.spec.data is not None and bool(self.spec.data.columns))

    def encode(self, x: Tensor, labels: Tensor | None = None, mask: Tensor | None = None) -> Distribution:
        """Return q(z|x), with batch shape (B,) and event shape ``latent_shape``.

        Of a denoiser with a code it is that of the cleanest step.

        Args:
            x: (B, *data_shape) data, in the range that the model was trained on.
            labels: (B,) class numbers, for a conditional model.
            mask: (B, *data_shape) bool, True where a value was observed.

        Raises:
            InputError: a shape or a label is not what the model needs.
            ComponentError: the model is a network without a code.
        """
        inputs.check_tensor(x, "x")
        self._check_code("encode")
        inference = self.inference(x, labels, mask)
        self._check_range(inference)
        return inference.posterior

    def decoder_input(self, z: Tensor) -> Tensor:
        """Return latents (*S, B, *latent_shape) as the decoder takes them, (S·B, *decoder_shape)."""
        scaled = z if self.decoder_scale == 1 else z * self.decoder_scale
        return scaled.reshape(-1, *self.decoder_shape)

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Distribution:
        """Return p(x|z), with the batch shape of ``z`` and event shape ``data_shape``.

        Args:
            z: (*S, B, *latent_shape), with any number of leading sample dimensions.
            labels: (B,) class numbers, for a conditional model.

        Raises:
            InputError: a shape or a label is not what the model needs.
            ComponentError: the model is a network without a code, or its decoder returns something else than data.
        """
        self._check_code("decode")
        if labels is not None and self.label_embedding is None:
            self.check_labels(labels, 0)
        return Inference(self, None, labels).decode(z)

    @property
    def prior(self) -> Distribution:
        """The prior p(z), with batch shape () and event shape ``latent_shape``.

        Of a prior p(z|y) that depends on the labels, use ``model.inference(labels=y).prior``.
        """
        return Inference(self).prior

    def prior_distribution(self, inference: Inference) -> Distribution:
        """Return what the prior, or the fitted prior, returns for what is known of a batch."""
        if inference.fitted:
            self._check_fitted()
            fitted: Distribution = (
                self.fitted_prior(inference=inference) if self.fitted_prior_asks else (self.fitted_prior())
            )
            return fitted
        if not self.has("prior"):
            raise ComponentError("the model has no prior: its objective has no latent space", where="prior")
        distribution: Distribution = self.latent_prior(inference=inference) if self.prior_asks else self.latent_prior()
        return distribution

    def data_distribution(self, raw: Tensor) -> Distribution:
        """Return p(x|z) from what the decoder returns, (*batch, *shape); without a likelihood, a point."""
        if "likelihood" in self._modules:
            distribution: Distribution = self.likelihood(raw)
            return distribution
        self.require_reconstruction()
        return Delta(at_least_float32(raw), len(self.data_shape))

    def forward(self, x: Tensor, labels: Tensor | None = None, mask: Tensor | None = None) -> StepLoss:
        """Return the loss of a batch with the evidence for the adversaries, as a training step needs it."""
        return self.objective.loss(self, self.inference_of_batch(x, labels, mask))

    def loss(self, x: Tensor, labels: Tensor | None = None, mask: Tensor | None = None) -> Loss:
        """Return the scalar loss of a batch (B, *data_shape) and its named terms.

        Raises:
            InputError: a shape, a type, a label or a value is not what the model needs.
        """
        inputs.check_tensor(x, "x")
        inference = self.inference(x, labels, mask)
        self._check_range(inference)
        total, terms, _ = self.objective.loss(self, inference)
        return Loss(total, terms)

    def update_schedules(self, step: int, steps_per_epoch: int) -> None:
        """Set every weight that follows a schedule, before the step with this number from 0."""
        for weight in self._scheduled:
            weight.update(step, steps_per_epoch)

    def warmup_steps(self, steps_per_epoch: int) -> int:
        """Return after how many steps every weight has reached the value that validation uses; 0 if none changes."""
        return max((weight.warmup_steps(steps_per_epoch) for weight in self._scheduled), default=0)

    @torch.no_grad()
    def reconstruct(self, x: Tensor, labels: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return the mean of p(x|z) at the posterior mean of z, (B, *data_shape).

        Raises:
            InputError: a shape, a type, a label or a value is not what the model needs.
        """
        inputs.check_tensor(x, "x")
        self._check_code("encode")
        inference = self.inference(x, labels, mask)
        self._check_range(inference)
        return inference.decode(posterior_mean(inference.posterior)).mean

    @torch.no_grad()
    @checked
    def sample(
        self, n: Count, labels: Tensor | None = None, *, noise: bool = False, seed: Seed | None = None, **options: Any
    ) -> Tensor:
        """Draw n examples, (n, *data_shape), without tracking gradients.

        Args:
            labels: (n,) class numbers, for a conditional model.
            noise: return draws of p(x|z) rather than its mean.
            seed: of the draws; the same seed gives the same examples, and torch's generators are left as they were.
                None: what torch's generators draw next.
            options: further options of the objective's ``sample``, such as ``steps`` of a denoiser, or ``fitted``.

        Raises:
            InputError: an option is unknown (the message names those there are), or n examples do not fit the memory.
        """
        n = inputs.at_least_one(n, "n")
        check_memory(4 * n * math.prod(self.data_shape), f"{n:,} samples", where="n", remedy="Draw fewer at a time.")
        known = [*inspect.signature(self.objective.sample).parameters][3:]
        for name in options:
            if name not in known:
                problem, remedy = unknown_name("option", name, known)
                raise InputError(problem, where=f"sample.{name}", remedy=remedy)
        if labels is not None:
            self._warn_of_untrained(labels)
        with contextlib.nullcontext() if seed is None else seeded(seed), drawing("samples"):
            return self.objective.sample(self, n, labels, noise=noise, **options)

    def _warn_of_untrained(self, labels: Tensor) -> None:
        """Warn if classes are sampled of which the training data held no example."""
        data = self.data
        untrained = {data.class_number(name) for name in data.untrained_classes}
        asked = sorted(untrained & set(labels.tolist())) if untrained and labels.ndim == 1 else []
        if asked:
            warnings.warn(
                f"the class {data.class_names[asked[0]]!r} had no training examples: its samples mean nothing",
                ZooWarning,
                stacklevel=4,
            )

    @torch.no_grad()
    def latents(self, n: int, labels: Tensor | None = None, *, fitted: bool | None = None) -> Tensor:
        """Draw n latents from the prior, (n, *latent_shape).

        Args:
            labels: (n,) class numbers, for a conditional model.
            fitted: draw from the prior that was fitted after training; None: if there is one.
        """
        if labels is not None:
            self.check_labels(labels, n)
        fitted = self.has("fitted_prior") if fitted is None else fitted
        prior = Inference(self, labels=labels, fitted=fitted).prior
        with drawing("latents"):
            z: Tensor = prior.sample() if len(prior.batch_shape) else prior.sample(torch.Size([n]))
        return z.to(self.device)

    @torch.no_grad()
    @checked
    def log_likelihood(
        self,
        x: Tensor,
        labels: Tensor | None = None,
        *,
        mask: Tensor | None = None,
        num_samples: Count = 1000,
        fitted: bool = False,
        max_rows: int | None = None,
    ) -> Tensor:
        """Return the importance-weighted estimate of log p(x), (B,) nats.

        The estimate is a lower bound in expectation, and tight as ``num_samples`` grows. Of a posterior without noise,
        such as a quantiser's, it is log p(x, z) of its only z, whatever ``num_samples`` is.

        Args:
            mask: (B, *data_shape) bool, True where a value was observed; log p is then that of the observed values.
            num_samples: K, draws of z for each x.
            fitted: whether p(z) is the prior that was fitted after training.
            max_rows: how many latents are decoded at a time, which bounds the memory; an eighth of how many are drawn
                at a time. A larger batch is split, and then other latents are drawn. If not given, 1024 on a CPU,
                whose caches hold as many, and 8192 elsewhere.

        Raises:
            NotApplicableError: the posterior, or the fitted prior, has no density.
            InputError: a shape or a label is not what the model needs, or values lie outside the likelihood's support.

        Source:
            Burda, Grosse & Salakhutdinov (2016), Importance Weighted Autoencoders, equation 8.
            https://arxiv.org/abs/1509.00519
        """
        self.require_density()
        if fitted:
            self.require_fitted_density()
        x = self.check_data(x)
        self.check_labels(labels, x.shape[0])
        max_rows = self._rows_at_once(max_rows)
        num_samples = inputs.at_least_one(num_samples, "num_samples")
        if self.posterior.deterministic:
            num_samples = 1
        if not len(x):
            return x.new_zeros(0)
        mask = self.observed(x) if mask is None else mask
        inference = self.inference(x, labels, mask)
        self._check_range(inference)
        self.likelihood.check_values(x, inference.mask)
        blocks = []
        for rows in estimates.in_blocks(len(x), max_rows):
            known = (None if values is None else values[rows] for values in (labels, mask))
            inference = self.inference(x[rows], *known, fitted=fitted)
            blocks.append(estimates.log_likelihood(inference, num_samples, max(1, max_rows // len(x[rows]))))
        return torch.cat(blocks)

    @torch.no_grad()
    @checked
    def impute(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        labels: Tensor | None = None,
        *,
        num_samples: Count = 100,
        max_rows: int | None = None,
    ) -> Tensor:
        """Return data (B, *data_shape) whose unobserved values are replaced by their estimated means E[x | observed].

        Args:
            x: (B, *data_shape); what it holds where ``mask`` is False does not matter.
            mask: (B, *data_shape) bool, True where a value was observed; if not given, where a value is not NaN.
            num_samples: K, importance-weighted draws of z for each x.
            max_rows: how many latents are decoded at a time, which bounds the memory, as in :meth:`log_likelihood`.

        Raises:
            InputError: a shape or a label is not what the model needs.

        Source:
            Mattei & Frellsen (2019), MIWAE: Deep Generative Modelling and Imputation of Incomplete Data Sets,
            section 3.3. https://arxiv.org/abs/1812.02633
        """
        self._check_code("encode")
        max_rows = self._rows_at_once(max_rows)
        num_samples = inputs.at_least_one(num_samples, "num_samples")
        mask = ~self.check_data(x).isnan() if mask is None else mask
        self._check_range(self.inference(x, labels, mask))
        imputed = x.clone()
        for rows in estimates.in_blocks(len(x), max_rows):
            inference = self.inference(x[rows], None if labels is None else labels[rows], mask[rows])
            means = estimates.expected_data(inference, num_samples, max(1, max_rows // len(x[rows])))
            imputed[rows] = torch.where(mask[rows], x[rows], means)
        return imputed

    def _rows_at_once(self, max_rows: int | None) -> int:
        """Return how many latents are decoded at a time."""
        if max_rows is None:
            return estimates.default_rows(self.device)
        return min(inputs.at_least_one(max_rows, "max_rows", math.inf), 2**31 - 1)

    # Conditions.

    def condition(self, labels: Tensor | None, batch: int) -> Tensor | None:
        """Return the condition vectors (B, condition_dim) of ``labels``, or None for an unconditional model.

        Of a model that is also conditioned on time, they are those of the cleanest step, t = 1.

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

    # Checks.

    def check_labels(self, labels: Tensor | None, batch: int) -> None:
        """Refuse labels that the model cannot use.

        Raises:
            InputError: labels are missing, were not expected, or are out of range.
        """
        if self.label_embedding is None or self.classes is None:
            inputs.check_no_labels(labels)
        else:
            inputs.check_labels(labels, batch, self.classes)

    def check_data(self, x: Tensor) -> Tensor:
        """Return data in the type of the weights; refuse another shape, and types other than float32.

        Raises:
            InputError: the message has what was expected and what was found.
        """
        inputs.check_data(x, self.data_shape)
        return self.match_dtype(x, "x")

    def _check_range(self, inference: Inference) -> None:
        """Refuse values that are not finite, or outside the range of the training data or the likelihood's support.

        Training steps skip it, since their data were checked when they were loaded.
        """
        x, mask = inference.x, inference.mask
        if x is None or x.device.type == "meta":
            return
        support = self.likelihood.support[:2] if self.has("likelihood") else None
        inputs.check_values(x if mask is None else x[mask], self.spec.data_range or support)

    def match_dtype(self, values: Tensor, where: str) -> Tensor:
        """Return values in the type of the weights: float32 is converted, types that autocast converts are kept.

        Raises:
            InputError: they are of another type; the message has both.
        """
        inputs.check_tensor(values, where)
        if values.dtype == self._dtype:
            return values
        expected = self._weight_dtype()
        is_autocast = values.dtype != torch.float64 and torch.is_autocast_enabled(values.device.type)
        if values.dtype == expected or (is_autocast and values.is_floating_point()):
            return values
        if values.dtype == torch.float32:
            return values.to(expected)
        raise InputError(
            f"expected values of type {expected}, got {values.dtype}",
            where=where,
            remedy=f"Convert them: `{where}.to({expected})`.",
        )

    def require_reconstruction(self) -> None:
        """Require that data can be encoded and decoded again.

        Raises:
            NotApplicableError: they cannot; the message says why.
        """
        self.objective.check_reconstruction(self)

    def require_density(self) -> None:
        """Require a posterior q(z|x) with a density, so that there is a likelihood to estimate.

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
        """Require a fitted prior with a density, so that there are bounds under it.

        Raises:
            NotApplicableError: it can only be sampled.
        """
        self._check_fitted()
        if not self.fitted_prior.has_density:
            name = self.spec.fitted_prior.name if self.spec.fitted_prior else "none"
            raise NotApplicableError(
                f"the fitted prior {name!r} has draws, but no density, so that there is no bound under it",
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
    return module is not None and name in inspect.signature(type(module).forward).parameters
