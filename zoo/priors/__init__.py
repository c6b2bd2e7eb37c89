"""Priors: p(z), the distribution that the bound compares latents with and that samples are drawn from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor, nn
from torch.distributions import Distribution

from zoo.nn.spaces.manifolds import Manifold

if TYPE_CHECKING:
    from zoo.model.inference import Inference


class Prior(nn.Module, ABC):
    """A distribution over z with batch shape () or (B,) and event shape ``latent_shape``.

    A ``forward`` with a parameter ``inference`` receives the :class:`~zoo.model.inference.Inference` of the batch,
    which encodes data and has the condition of each example. In a model with classes, a prior whose constructor asks
    for ``condition_dim`` or ``classes`` is p(z|y), unless `model.conditioned` omits the prior.

    The same class serves as the prior that a model is trained with, and as ``fitted_prior``, which is fitted to the
    latents of the training data after training.

    Attributes:
        discrete: whether log p(z) is with respect to counting rather than volume.
        manifold: the space of the latents, which must be that of the posterior; None: any space.
        needs_density: whether it evaluates log q(z|u) at latents that are not draws of q(z|u).
        has_density: whether log p(z), or a lower bound on it, can be computed. A prior that can only be sampled can
            only be a ``fitted_prior``.
        needs_data: whether it reads ``inference.x`` while it is fitted. Otherwise a fit may encode all data once.
    """

    discrete: ClassVar[bool] = False
    manifold: ClassVar[Manifold | None] = "euclidean"
    needs_density: ClassVar[bool] = False
    has_density: ClassVar[bool] = True
    needs_data: ClassVar[bool] = False

    @abstractmethod
    def forward(self, *args: Any, **kwargs: Any) -> Distribution:
        """Return p(z): a subclass takes no arguments, or the parameter ``inference``."""

    def fit_loss(self, inference: Inference, z: Tensor) -> Tensor:
        """Return the scalar that is minimised when the prior is fitted by gradients: −E log p(z) in nats.

        Args:
            inference: the inference of a batch, with this prior. Its ``x`` is None if the fit has encoded all data
                once, which it does unless the prior sets ``needs_data``.
            z: (K, B, *latent_shape) latents of the batch, without gradient.
        """
        log_prob: Tensor = inference.prior.log_prob(z)
        return -log_prob.mean()

    @classmethod
    def fit_defaults(cls, examples: int, batch_size: int | None = None) -> Mapping[str, Any]:
        """Return the prior's defaults for fields of a recipe's `fit` that the user does not set.

        Args:
            examples: the number of training examples, on which the number of epochs may depend.
            batch_size: the batch size that the user has set; None: the prior chooses.
        """
        return {}


class FittablePrior(Prior):
    """A prior that sees all latents before training: it is fitted to them directly, or initialised by them.

    A prior that is trained only by gradients extends :class:`Prior`.
    """

    @abstractmethod
    def fit(self, latents: Tensor, labels: Tensor | None = None) -> bool:
        """Fit or initialise the prior; return True if the fit is complete, so that no training follows.

        Args:
            latents: (N, *latent_shape), draws of q(z|x) for the training data.
            labels: (N,) their classes, in a model with classes.
        """
