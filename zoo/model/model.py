"""A model: parts, an objective, and the spec that rebuilds it."""

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from zoo.errors import ComponentError, InputError, unknown_name
from zoo.model.parts import Parts
from zoo.objectives import Loss, Objective
from zoo.posteriors import posterior_mean
from zoo.spec.model import ModelSpec
from zoo.utils.precision import full_precision

_CHUNKS_DRAWN = 8
"""Chunks whose codes a log-likelihood draws at a time: with more, the small operations on them cost no less."""


class Model(Parts):
    """What :func:`zoo.build` and :func:`zoo.load` return, whatever it is made of.

    Example:
        >>> import torch, zoo
        >>> model = zoo.build("vae-mlp-2d", data_shape=(1, 8, 8))
        >>> x = torch.rand(4, 1, 8, 8)
        >>> model.encode(x).mean.shape, model.reconstruct(x).shape, model.sample(3).shape
        (torch.Size([4, 2]), torch.Size([4, 1, 8, 8]), torch.Size([3, 1, 8, 8]))
    """

    def __init__(self, spec: ModelSpec, components: Mapping[str, nn.Module], objective: Objective) -> None:
        super().__init__(
            components,
            data_shape=spec.data_shape or (),
            latent_dim=spec.latent_dim,
            classes=spec.classes,
            condition_dim=spec.condition_dim,
            uses_time=objective.uses_time,
        )
        self.objective = objective
        self.spec = spec

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Loss:
        """Return the loss of a batch; the same as :meth:`loss`, so that wrappers of modules can train a model."""
        return self.objective.loss(self, x, labels)

    def loss(self, x: Tensor, labels: Tensor | None = None) -> Loss:
        """Return the scalar loss of a batch (B, *data_shape) and its named terms."""
        return self.objective.loss(self, x, labels)

    def emission(self, raw: Tensor) -> Distribution:
        """Return p(x|z) from what the decoder gives, as the objective understands it."""
        return self.objective.emission(self, raw)

    @torch.no_grad()
    def reconstruct(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the mean of p(x|z) at the posterior mean of z, (B, *data_shape)."""
        return self.decode(posterior_mean(self.encode(x, labels)), labels).mean

    @torch.no_grad()
    def sample(self, n: int, labels: Tensor | None = None, *, noise: bool = False, **options: Any) -> Tensor:
        """Draw n examples, (n, *data_shape), without tracking gradients.

        Args:
            labels: (n,) class numbers, for a conditional model.
            noise: return draws of p(x|z) rather than its mean.
            options: what the objective's ``sample`` takes besides, such as ``steps`` of a denoiser's.

        Raises:
            InputError: an option is unknown; the message names those there are.
        """
        n = _at_least_one(n, "n")
        known = [*inspect.signature(self.objective.sample).parameters][3:]
        for name in options:
            if name not in known:
                problem, remedy = unknown_name("option", name, known)
                raise InputError(problem, where=f"sample.{name}", remedy=remedy)
        return self.objective.sample(self, n, labels, noise=noise, **options)

    @torch.no_grad()
    def log_likelihood(
        self, x: Tensor, labels: Tensor | None = None, *, num_samples: int = 1000, max_rows: int | None = None
    ) -> Tensor:
        """Return the importance-weighted estimate of log p(x), (B,) nats.

        The estimate is a lower bound in expectation, and tight as ``num_samples`` grows.

        Args:
            num_samples: K, draws of z for each x.
            max_rows: how many codes are decoded at a time, and an eighth of how many are drawn and weighed; it bounds
                the memory. Of a larger batch, other codes are drawn, and as many. If not given, 1024 on a CPU, whose
                caches hold as many, and 8192 elsewhere.

        Raises:
            ComponentError: the posterior has no density.
            InputError: a shape or a label is not what the model needs, or values lie outside what the likelihood knows.

        Source:
            Burda, Grosse & Salakhutdinov (2016), Importance Weighted Autoencoders, equation 8.
            https://arxiv.org/abs/1509.00519
        """
        self._check_density()
        self.check_data(x)
        self.check_labels(labels, len(x))
        if max_rows is None:
            max_rows = 1024 if x.device.type == "cpu" else 8192
        num_samples, max_rows = _at_least_one(num_samples, "num_samples"), _at_least_one(max_rows, "max_rows")
        if not len(x):
            return x.new_zeros(0)
        _check_values(x, self.likelihood.support)
        parts = x.split(max_rows)
        split_labels = labels.split(max_rows) if labels is not None else [None] * len(parts)
        estimates = [
            self._log_likelihood(part, label, num_samples, max(1, max_rows // len(part)))
            for part, label in zip(parts, split_labels, strict=True)
        ]
        return torch.cat(estimates)

    def _log_likelihood(self, x: Tensor, labels: Tensor | None, num_samples: int, chunk: int) -> Tensor:
        q, prior = self.encode(x, labels), self.prior
        total = torch.full((len(x),), -math.inf, device=x.device)
        # Codes are small: those of several chunks are drawn and weighed at a time, and decoded a chunk at a time.
        drawn = _CHUNKS_DRAWN * chunk
        for start in range(0, num_samples, drawn):
            with full_precision(x):
                z = q.sample(torch.Size([min(drawn, num_samples - start)]))
                log_ratios = prior.log_prob(z) - q.log_prob(z)
            log_likelihoods = torch.cat([self._log_prob(x, part, labels) for part in z.split(chunk)])
            total = torch.logaddexp(total, (log_likelihoods + log_ratios).logsumexp(0))
        return total - math.log(num_samples)

    def _log_prob(self, x: Tensor, z: Tensor, labels: Tensor | None) -> Tensor:
        """Return log p(x|z), (K, B), of codes (K, B, d)."""
        p = self.decode(z, labels)
        with full_precision(x):
            log_likelihood: Tensor = p.log_prob(x)
        return log_likelihood

    # What follows is how users of huggingface_hub save, push and open a model. It goes through the public names, which
    # are resolved when they are used, since files and the Hub stand above this module.

    def save_pretrained(
        self, save_directory: str | Path, *, repo_id: str | None = None, push_to_hub: bool = False, **options: Any
    ) -> str | None:
        """Save the model as :func:`zoo.save` does, and push it if asked to.

        Args:
            repo_id: where to; the name of the directory, in the account that is logged in, if not given.
            options: those of :meth:`push_to_hub`.

        Returns:
            The page of the commit, if the model was pushed.
        """
        import zoo

        folder = zoo.save(self, save_directory)
        return self.push_to_hub(repo_id or folder.name, **options) if push_to_hub else None

    def push_to_hub(
        self,
        repo_id: str,
        *,
        commit_message: str | None = None,
        private: bool | None = None,
        token: str | bool | None = None,
        branch: str | None = None,
    ) -> str:
        """Push the model as :func:`zoo.push` does, and return the page of the commit."""
        import zoo

        pushed = zoo.push(self, repo_id, message=commit_message, private=private, token=token, revision=branch)
        return pushed.url

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path,
        *,
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        force_download: bool = False,
        local_files_only: bool = False,
        device: str | torch.device = "cpu",
    ) -> Model:
        """Open a model as :func:`zoo.load` does: strictly, from safetensors alone, in evaluation mode.

        Args:
            pretrained_model_name_or_path: a directory, ``user/name`` on the Hub, or a name of
                :func:`zoo.list_pretrained`.
            revision: a branch, a tag or a commit.
            token: None for that of ``HF_TOKEN`` or ``hf auth login``; False for none.
            cache_dir: None for that of ``HF_HOME``.
            force_download: fetch again what is in the cache.
            local_files_only: do not ask the Hub.
        """
        import zoo

        name = str(pretrained_model_name_or_path)
        if Path(name).is_dir() or name in zoo.list_pretrained():
            return zoo.load(name, device=device)
        address = name if name.startswith("hf://") else f"hf://{name}"
        return zoo.load(
            f"{address}@{revision}" if revision else address,
            device=device,
            token=token,
            cache_dir=cache_dir,
            force_download=force_download,
            local_files_only=local_files_only,
        )

    def why_no_reconstruction(self) -> str | None:
        """Return why data cannot be encoded and decoded again, or None if they can."""
        return self.objective.why_no_reconstruction(self)

    def why_no_density(self) -> str | None:
        """Return why the model has no q(z|x) with a density, or None if it has one."""
        if self.has_density:
            return None
        if self.spec.posterior is None:
            return "it has no posterior"
        return f"its posterior {self.spec.posterior.name!r} has no density"

    def _check_density(self) -> None:
        if not self.has_density:
            raise ComponentError(
                f"{self.why_no_density()}, so there is no likelihood to estimate",
                where="log_likelihood",
                remedy="Train a model with objective `vae`, or measure `mse`.",
            )


def _check_values(x: Tensor, support: tuple[float, float] | None) -> None:
    low, high = (value.item() for value in x.aminmax())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise InputError("expected finite numbers, got NaN or infinity", where="x")
    # Arithmetic in float32 may end a little beside a bound.
    if support is not None and not support[0] - 1e-4 <= low <= high <= support[1] + 1e-4:
        raise InputError(
            f"expected data in [{support[0]:g}, {support[1]:g}], got values from {low:g} to {high:g}",
            where="x",
            remedy="Scale the data as in training.",
        )


def _at_least_one(value: object, where: str) -> int:
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = 0
    if number < 1:
        raise InputError(f"expected a whole number of at least 1, got {value!r}", where=where)
    return number
