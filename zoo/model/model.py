"""A model: what its parts compute together."""

from __future__ import annotations

import contextlib
import inspect
import math
import warnings
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from zoo.errors import ComponentError, InputError, ZooWarning, unknown_name
from zoo.model import estimates, inputs
from zoo.model.inference import Inference
from zoo.model.loss import Loss, StepLoss
from zoo.model.structure import ModelStructure
from zoo.nn.delta import Delta
from zoo.posteriors import posterior_mean
from zoo.preparation.preprocessing import Form, postprocess, preprocess
from zoo.spec.data_description import DataDescription
from zoo.utils.arguments import Count, Seed, checked
from zoo.utils.finite import drawing
from zoo.utils.memory import check_memory
from zoo.utils.precision import at_least_float32
from zoo.utils.seeds import seeded


class Model(ModelStructure):
    """An encoder, posterior, prior, decoder and likelihood, or a network instead of them, with an objective.

    :func:`zoo.build` and :func:`zoo.load` return a model. It has only the parts that the objective needs; ``has(role)``
    says whether a part exists.

    Attributes:
        data_shape: shape of one example.
        latent_shape: shape of the latents of one example, such as ``(latent_dim,)``; () if there are none.
        latent_dim: number of latents, d, over all dimensions of their shape.
        classes: number of class labels that the model is conditioned on, or None.
        spec: the specification that rebuilds the model.

    Example:
        >>> import torch, zoo
        >>> model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8))
        >>> x = torch.rand(4, 1, 8, 8)
        >>> model.encode(x).mean.shape, model.reconstruct(x).shape, model.sample(3).shape
        (torch.Size([4, 2]), torch.Size([4, 1, 8, 8]), torch.Size([3, 1, 8, 8]))
    """

    # Raw data.

    @property
    def data(self) -> DataDescription:
        """The description of the training data: shape, range, scaling, classes and columns by name.

        A model that was built without data, or by version 0.1, has only the shape and the range.
        """
        spec = self.spec
        return spec.data or DataDescription(shape=self.data_shape, range=spec.data_range)

    def preprocess(self, raw: Any) -> Tensor:
        """Prepare raw data in the same way as the training data; return (B, *data_shape) on the model's device.

        No statistics are computed from the data, so a single row is scaled in the same way as many rows.

        Args:
            raw: an array, tensor or nested list of examples in the units, size and layout of the training data, or a
                single one; a DataFrame, whose columns are found by name; images of Pillow, or names of image files.

        Raises:
            InputError: the model has no description of its data, or the form, shape, columns or values do not match it.
            DataError: a file is missing or is not an image.

        Example:
            >>> import zoo
            >>> model = zoo.load("vae-mlp-2d.digits")
            >>> model.preprocess([[[16] * 8] * 8]).shape
            torch.Size([1, 1, 8, 8])
        """
        return preprocess(raw, self.data).to(self.device)

    @checked
    def postprocess(self, x: Tensor, form: Form | None = None, *, rounded: bool = True) -> Any:
        """Return samples, reconstructions or imputations in the units, size, layout and columns of the data.

        Args:
            x: (B, *data_shape).
            form: ``array``, ``tensor``, ``pandas``, ``polars``, or ``images`` of Pillow; None: a pandas DataFrame if
                the model knows columns, otherwise an array, of bytes if the data are stored as bytes.
            rounded: False: keep the fractions of means of data that are stored as bytes.

        Raises:
            InputError: the model has no description of its data, or the data cannot be returned in this form.

        Example:
            >>> import zoo
            >>> model = zoo.load("vae-mlp-2d.digits")
            >>> images = model.postprocess(model.sample(3))
            >>> images.shape, images.dtype
            ((3, 1, 8, 8), dtype('uint8'))
        """
        return postprocess(x, self.data, form, rounded=rounded)

    # Inference and densities.

    def inference(
        self,
        x: Tensor | None = None,
        labels: Tensor | None = None,
        mask: Tensor | None = None,
        *,
        fitted: bool = False,
    ) -> Inference:
        """Return the inference for a batch, which computes q(z|x), p(z), latents and densities.

        In training mode, a model with a corruption encodes corrupted data.

        Args:
            x: (B, *data_shape) data, in the range that the model was trained on. In tables, NaN is a missing value.
            labels: (B,) class numbers, for a conditional model.
            mask: (B, *data_shape) bool, True where a value was observed; default for tables: True where a value is not
                NaN.
            fitted: use the prior that was fitted after training as p(z).

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
        """Return the same as :meth:`inference` for a batch whose mask is known, without synchronising with the device.

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
        """Return the mask of observed values of a table, True where a value is not NaN; None if no value is missing.

        For other data it returns None, because NaN is then a mistake.
        """
        if not self.takes_missing or x.device.type == "meta":
            return None
        mask = ~x.isnan()
        return None if bool(mask.all()) else mask

    @property
    def takes_missing(self) -> bool:
        """Whether NaN in the data is a missing value: for tables, and if the encoder receives a mask."""
        return bool(self.spec.mask_input) or (self.spec.data is not None and bool(self.spec.data.columns))

    def encode(self, x: Tensor, labels: Tensor | None = None, mask: Tensor | None = None) -> Distribution:
        """Return q(z|x), with batch shape (B,) and event shape ``latent_shape``.

        For a denoiser with a code, this is q(z|x) at the step with the least noise.

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
        """Reshape and scale latents (*S, B, *latent_shape) for the decoder, (S·B, *decoder_shape)."""
        scaled = z if self.decoder_scale == 1 else z * self.decoder_scale
        return scaled.reshape(-1, *self.decoder_shape)

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Distribution:
        """Return p(x|z), with the batch shape of ``z`` and event shape ``data_shape``.

        Args:
            z: (*S, B, *latent_shape), with any number of leading sample dimensions.
            labels: (B,) class numbers, for a conditional model.

        Raises:
            InputError: a shape or a label is not what the model needs.
            ComponentError: the model is a network without a code, or its decoder does not return data.
        """
        self._check_code("decode")
        if labels is not None and self.label_embedding is None:
            self.check_labels(labels, 0)
        return Inference(self, None, labels).decode(z)

    @property
    def prior(self) -> Distribution:
        """The prior p(z), with batch shape () and event shape ``latent_shape``.

        For a prior p(z|y) that depends on the labels, use ``model.inference(labels=y).prior``.
        """
        return Inference(self).prior

    def prior_distribution(self, inference: Inference) -> Distribution:
        """Return the distribution of the prior, or of the fitted prior, for a batch."""
        if inference.fitted:
            self._check_fitted()
            fitted: Distribution = (
                self.fitted_prior(inference=inference) if self.fitted_prior_asks else self.fitted_prior()
            )
            return fitted
        if not self.has("prior"):
            raise ComponentError("the model has no prior: its objective has no latent space", where="prior")
        distribution: Distribution = self.latent_prior(inference=inference) if self.prior_asks else self.latent_prior()
        return distribution

    def data_distribution(self, raw: Tensor) -> Distribution:
        """Return p(x|z) for the decoder's output (*batch, *shape); without a likelihood, a point mass."""
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
            seed: the same seed gives the same examples, and leaves torch's generators unchanged. None: use torch's
                generators.
            options: further options of the objective's ``sample``, such as ``steps`` of a denoiser, or ``fitted``.

        Raises:
            InputError: an option is unknown (the message names the valid ones), or n examples do not fit into memory.
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
        """Warn if classes are sampled that had no training examples."""
        data = self.data
        untrained = {data.class_number(name) for name in data.untrained_classes}
        asked = sorted(untrained & set(labels.tolist())) if untrained and labels.ndim == 1 else []
        if asked:
            warnings.warn(
                f"the class {data.class_names[asked[0]]!r} had no training examples: its samples are meaningless",
                ZooWarning,
                stacklevel=4,
            )

    @torch.no_grad()
    def latents(self, n: int, labels: Tensor | None = None, *, fitted: bool | None = None) -> Tensor:
        """Draw n latents from the prior, (n, *latent_shape).

        Args:
            labels: (n,) class numbers, for a conditional model.
            fitted: draw from the prior that was fitted after training; None: do so if there is one.
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

        The estimate is a lower bound in expectation, and becomes tight as ``num_samples`` grows. For a posterior
        without noise, such as a quantiser, it is log p(x, z) for the only z, and ``num_samples`` has no effect.

        Args:
            mask: (B, *data_shape) bool, True where a value was observed; log p(x) is then the density of the observed
                values.
            num_samples: K, draws of z for each x.
            fitted: use the prior that was fitted after training as p(z).
            max_rows: number of latents that are decoded at a time, which bounds the memory; eight times as many are
                drawn at a time. A larger batch is split, which changes the draws. Default: 1024 on a CPU, because of
                its caches, and 8192 otherwise.

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
            x: (B, *data_shape); values where ``mask`` is False are ignored.
            mask: (B, *data_shape) bool, True where a value was observed; default: where a value is not NaN.
            num_samples: K, importance-weighted draws of z for each x.
            max_rows: number of latents that are decoded at a time, as in :meth:`log_likelihood`.

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
        """Return the number of latents that are decoded at a time."""
        if max_rows is None:
            return estimates.default_rows(self.device)
        return min(inputs.at_least_one(max_rows, "max_rows", math.inf), 2**31 - 1)

    # Conditions.

    def condition(self, labels: Tensor | None, batch: int) -> Tensor | None:
        """Return the condition vectors (B, condition_dim) of ``labels``, or None for an unconditional model.

        If the model is also conditioned on time, the time is that of the step with the least noise, t = 1.

        Raises:
            InputError: labels are missing, were not expected, or are out of range.
        """
        self.check_labels(labels, batch)
        times = torch.ones(batch, device=self.device) if self.time_embedding is not None else None
        return self.embed(labels, times)

    def embed(self, labels: Tensor | None, times: Tensor | None) -> Tensor | None:
        """Return the sum of the embeddings of labels (B,) and of times (B,), or None if the model takes neither."""
        vectors = []
        if self.label_embedding is not None and labels is not None:
            vectors.append(self.label_embedding(labels))
        if self.time_embedding is not None and times is not None:
            vectors.append(self.time_embedding(times))
        return sum(vectors[1:], vectors[0]) if vectors else None

    # Checks.

    def check_labels(self, labels: Tensor | None, batch: int) -> None:
        """Check that the labels fit the model.

        Raises:
            InputError: labels are missing, were not expected, or are out of range.
        """
        if self.label_embedding is None or self.classes is None:
            inputs.check_no_labels(labels)
        else:
            inputs.check_labels(labels, batch, self.classes)

    def check_data(self, x: Tensor) -> Tensor:
        """Check the shape of data (B, *data_shape), and return them in the dtype of the weights.

        Raises:
            InputError: the shape or the dtype is not the expected one.
        """
        inputs.check_data(x, self.data_shape)
        return self.match_dtype(x, "x")

    def _check_range(self, inference: Inference) -> None:
        """Check that values are finite, and in the range of the training data or in the likelihood's support.

        Training steps skip this check, because their data were checked when they were loaded.
        """
        x, mask = inference.x, inference.mask
        if x is None or x.device.type == "meta":
            return
        support = self.likelihood.support[:2] if self.has("likelihood") else None
        inputs.check_values(x if mask is None else x[mask], self.spec.data_range or support)

    def match_dtype(self, values: Tensor, where: str) -> Tensor:
        """Return values in the dtype of the weights: float32 is converted, and dtypes that autocast converts are kept.

        Raises:
            InputError: the dtype is not the expected one.
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
            f"expected values of dtype {expected}, got {values.dtype}",
            where=where,
            remedy=f"Convert them: `{where}.to({expected})`.",
        )

    def require_reconstruction(self) -> None:
        """Require that the model can reconstruct data.

        Raises:
            NotApplicableError: it cannot; the message says why.
        """
        self.objective.check_reconstruction(self)
