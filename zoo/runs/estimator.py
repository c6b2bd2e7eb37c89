"""A model as an estimator of scikit-learn: in pipelines, grid searches and cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from safetensors.torch import load as read_tensors
from safetensors.torch import save as write_tensors
from torch import Tensor

from zoo.checkpoints.weights import load_weights, own_tensors
from zoo.errors import ComponentError, InputError
from zoo.model.assembly import assemble
from zoo.posteriors import posterior_mean
from zoo.preparation.raw import tensor_of_numbers
from zoo.runs.estimator_rows import Array, folded_rows, validated_rows
from zoo.runs.in_memory import train_in_memory
from zoo.spec.model import ModelSpec
from zoo.spec.resolve import load_model_spec
from zoo.use.units import log_volume
from zoo.utils.seeds import seeded

try:
    from sklearn.base import BaseEstimator, TransformerMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise InputError(
        "scikit-learn 1.6 or newer is not installed", where="zoo.Estimator", remedy="pip install 'latent-zoo[sklearn]'"
    ) from error

_BATCH_ROWS = 1024
_LARGEST_SEED = 2**31 - 1


class Estimator(TransformerMixin, BaseEstimator):
    """A latent-variable model with the interface of scikit-learn.

    Choose it for pipelines, grid searches and cross-validation; :func:`zoo.fit` returns a run with figures and metrics.
    ``transform`` returns the means of the latents, ``score_samples`` log-likelihoods, and ``inverse_transform`` decodes
    latents. All rows, also those that are returned, are in the units of the training data.

    A fitted estimator is pickled as plain data and the bytes of a safetensors file, without modules of torch.

    Args:
        model: a preset, or a mapping with the fields of a model; it must be unconditional.
        latent_dim: number of latent dimensions; None: that of the model.
        epochs: passes over the training data.
        batch_size: examples in a batch.
        learning_rate: the learning rate of Adam.
        validation: share of the rows held out to choose the best epoch; 0: the last epoch counts.
        scale: ``auto``: bytes are scaled to [0, 1], other numbers are standardised. Or ``standardise``, ``unit`` or
            ``none``.
        data_shape: shape that a row is reshaped to, such as ``(1, 8, 8)`` for images; None: rows are vectors.
        fields: further fields of the model, such as ``{"likelihood": "student_t"}``.
        missing: the treatment of NaN: ``refuse`` it, or ``keep`` it as a missing value. The likelihood leaves missing
            values out; if the rows of ``fit`` have any, the encoder sees which ones are missing. ``impute`` always
            accepts NaN.
        num_samples: number of importance-weighted draws per row in ``score_samples`` and ``impute``.
        random_state: seed or generator of initial weights, data order, noise and draws.
        device: the device for training, ``auto``, ``cpu``, ``cuda`` or ``mps``; everything else runs on the CPU.
        verbose: show progress.

    Attributes:
        model_: the trained :class:`zoo.Model`, in evaluation mode.
        n_features_in_: number of columns seen in ``fit``.
        feature_names_in_: their names, if ``X`` was a DataFrame.
        history_: the record of each epoch.

    Raises:
        ValueError: the rows are not what the model needs; errors of this package are subclasses of it.

    Example:
        >>> import numpy as np, zoo
        >>> X = np.random.default_rng(0).normal(size=(60, 5))
        >>> estimator = zoo.Estimator(latent_dim=2, epochs=2, random_state=0).fit(X)
        >>> estimator.transform(X).shape, estimator.score_samples(X[:3]).shape, estimator.sample(4).shape
        ((60, 2), (3,), (4, 5))
    """

    def __init__(
        self,
        model: Any = "vae-mlp-8d",
        *,
        latent_dim: int | None = None,
        epochs: int = 50,
        batch_size: int = 128,
        learning_rate: float = 1e-3,
        validation: float = 0.1,
        scale: str = "auto",
        data_shape: tuple[int, ...] | None = None,
        fields: Mapping[str, Any] | None = None,
        missing: str = "refuse",
        num_samples: int = 100,
        random_state: Any = None,
        device: str = "auto",
        verbose: bool = False,
    ) -> None:
        self.model, self.latent_dim, self.fields = model, latent_dim, fields
        self.epochs, self.batch_size, self.learning_rate = epochs, batch_size, learning_rate
        self.validation, self.scale, self.data_shape = validation, scale, data_shape
        self.missing, self.num_samples, self.random_state = missing, num_samples, random_state
        self.device, self.verbose = device, verbose

    def fit(self, X: Any, y: Any = None) -> Estimator:
        """Train the model on rows (n_samples, n_features); ``y`` is ignored."""
        if self.missing not in ("refuse", "keep"):
            raise InputError(f"expected 'refuse' or 'keep', got {self.missing!r}", where="missing")
        rows = self._validated(X, reset=True, ensure_min_samples=2)
        seed = _seed_of(self.random_state)
        fields = {**(self.fields or {}), **({} if self.latent_dim is None else {"latent_dim": self.latent_dim})}
        spec = load_model_spec(self.model, fields)
        if spec.classes is not None:
            raise ComponentError(
                "expected an unconditional model, since `transform` gets no labels",
                where="model",
                remedy="Use a model without `classes`, or `zoo.fit`.",
            )
        data: dict[str, Any] = {"validation": self.validation, "test": 0.0, "split_seed": seed}
        if self.scale != "auto":
            data["scale"] = self.scale
        train = {
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "optimizer": {"name": "adam", "lr": self.learning_rate},
            "device": self.device,
        }
        self.model_, self.history_ = train_in_memory(
            self._folded(rows), spec, data=data, train=train, seed=seed, quiet=not self.verbose
        )
        self._seed_of_draws = seed
        return self

    @torch.no_grad()
    def transform(self, X: Any) -> Array:
        """Return the means of the latents of rows, (n_samples, latent_dim), float32."""
        means = []
        for x, observed in self._prepared(X, _BATCH_ROWS):
            means.append(posterior_mean(self.model_.encode(x, mask=observed)).flatten(1))
        latents: Array = torch.cat(means).numpy()
        return latents

    def inverse_transform(self, Z: Any) -> Array:
        """Return the means of p(x|z) of latents (n_samples, latent_dim), in the units of the data."""
        check_is_fitted(self)
        codes = tensor_of_numbers(Z, where="Z").float()
        if codes.ndim != 2 or codes.shape[1] != self.model_.latent_dim:
            raise InputError(
                f"expected latents of shape (n_samples, {self.model_.latent_dim}), got {tuple(codes.shape)}", where="Z"
            )
        with torch.no_grad():
            parts = codes.unflatten(1, self.model_.latent_shape).split(_BATCH_ROWS)
            return self._raw(torch.cat([self.model_.decode(part).mean for part in parts]))

    def score_samples(self, X: Any) -> Array:
        """Return the importance-weighted estimate of log p(x) of each row, (n_samples,) nats.

        As in :func:`zoo.score`, p is the density of rows in the units of ``fit``, so that models with different
        ``scale`` are comparable. Each row is evaluated on its own with the same noise: its value does not depend on the
        other rows.
        """
        scores = torch.cat([self._drawn(self._log_likelihood, *row) for row in self._prepared(X, 1)])
        values: Array = scores.double().numpy()
        return values

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean of :meth:`score_samples`; grid searches maximise it."""
        return float(np.mean(self.score_samples(X)))

    def sample(self, n_samples: int = 1, random_state: Any = None) -> Array:
        """Draw rows (n_samples, n_features) from the model, in the units of the data.

        Args:
            random_state: seed or generator; None: that of the estimator.
        """
        check_is_fitted(self)
        seed = self._seed_of_draws if random_state is None else _seed_of(random_state)
        with seeded(seed):
            return self._raw(self.model_.sample(n_samples))

    def impute(self, X: Any) -> Array:
        """Return rows in which missing values (NaN) are replaced by their estimated means given the observed ones."""
        check_is_fitted(self)
        filled = [self._drawn(self._imputed, *row) for row in self._prepared(X, 1, missing="keep")]
        rows = self._validated(X, reset=False, missing="keep")
        return np.where(np.isnan(rows), self._raw(torch.cat(filled)), rows)

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Return the names of the latents, ``z0``, ``z1``, …; ``input_features`` is ignored."""
        check_is_fitted(self)
        return np.asarray([f"z{number}" for number in range(self.model_.latent_dim)], dtype=object)

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: latents are float32 for rows of any dtype."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        tags.input_tags.allow_nan = self.missing == "keep"
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """Return plain data and bytes: the model as its spec and a safetensors file."""
        state: dict[str, Any] = dict(super().__getstate__())
        model = state.pop("model_", None)
        if model is not None:
            tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in own_tensors(model).items()}
            state["_saved_model"] = {"spec": model.spec.model_dump_json(), "weights": write_tensors(tensors)}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Build the model again from its spec and its weights."""
        state = dict(state)
        saved = state.pop("_saved_model", None)
        super().__setstate__(state)
        if saved is not None:
            model = assemble(ModelSpec.model_validate_json(saved["spec"]))
            load_weights(model, read_tensors(saved["weights"]), "the pickled estimator")
            self.model_ = model.eval()

    def _validated(self, X: Any, *, reset: bool, missing: str | None = None, **checks: Any) -> Array:
        return validated_rows(
            partial(validate_data, self), X, reset=reset, allow_nan=(missing or self.missing) == "keep", **checks
        )

    def _folded(self, rows: Array) -> Array:
        return rows if self.data_shape is None else folded_rows(rows, tuple(self.data_shape))

    def _prepared(self, X: Any, size: int, missing: str | None = None) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Yield prepared rows and the masks of their observed values, None if all are, in batches of ``size`` rows."""
        check_is_fitted(self)
        rows = self._validated(X, reset=False, missing=missing)
        gaps = np.isnan(rows)
        if gaps.any():
            # Any value can take the place of a missing one, as long as it can be preprocessed.
            rows = np.where(gaps, self._raw(torch.zeros(1, *self.model_.data_shape)), rows)
        x = self.model_.preprocess(self._folded(rows))
        observed = torch.from_numpy(self._folded(~gaps)).reshape(x.shape)
        for part, mask in zip(x.split(size), observed.split(size), strict=True):
            yield part, None if bool(mask.all()) else mask

    def _raw(self, x: Tensor) -> Array:
        values: Array = self.model_.postprocess(x, "array")
        return values.reshape(len(values), -1)

    def _log_likelihood(self, row: Tensor, observed: Tensor | None) -> Tensor:
        estimate = self.model_.log_likelihood(row, mask=observed, num_samples=self.num_samples)
        return estimate + log_volume(self.model_, observed).sum()  # a single row

    def _imputed(self, row: Tensor, observed: Tensor | None) -> Tensor:
        return row if observed is None else self.model_.impute(row, observed, num_samples=self.num_samples)

    def _drawn(self, compute: Callable[..., Tensor], *arguments: Tensor | None) -> Tensor:
        """Call a function with the same noise each time."""
        with seeded(self._seed_of_draws):
            return compute(*arguments)


def _seed_of(random_state: Any) -> int:
    """Return a seed from a random state of scikit-learn; a generator returns another one each time."""
    return int(check_random_state(random_state).randint(_LARGEST_SEED))
