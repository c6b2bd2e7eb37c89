"""A Gaussian prior for each class."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field
from torch import nn
from torch.distributions import Independent, Normal

from zoo.errors import ComponentError
from zoo.nn.layers.head import Head, positive
from zoo.priors import Prior
from zoo.priors._fitting import enough_steps
from zoo.registry import register

if TYPE_CHECKING:
    from zoo.model.inference import Inference


@register("prior", "class_gaussian")
class ClassGaussian(Prior):
    r"""p(z|y) = N(m_y, diag(s_y²)): independent Gaussians whose means and scales depend on the class, learned.

    Choose it in a conditional model whose latents should separate the classes: samples of a class come from its own
    region. With ``conditioned: [prior]`` the encoder and the decoder do not see the labels, so all information about
    the class must be in z. It is initialised as N(0, I) for every class.

    Args:
        floor: the smallest scale s.

    Shapes:
        labels (B,) → batch shape (B,), event shape (latent_dim,).

    Raises:
        ComponentError: the model has no classes.

    Source:
        Jiang et al. (2017), Variational Deep Embedding, section 3.1 (with the class observed).
        https://arxiv.org/abs/1611.05148

    Example:
        >>> import torch, zoo
        >>> model = zoo.build("cvae-mlp-2d", data_shape=(1, 8, 8), prior="class_gaussian", conditioned=["prior"])
        >>> model.inference(labels=torch.tensor([0, 3, 9])).prior.mean.shape
        torch.Size([3, 2])
    """

    def __init__(
        self, *, latent_dim: int, condition_dim: int, floor: Annotated[float, Field(gt=0, lt=1)] = 1e-3
    ) -> None:
        super().__init__()
        if not condition_dim:
            raise ComponentError(
                "a Gaussian for each class needs labels, but the prior receives none",
                remedy="Set `model.classes`, and leave `conditioned` out or let it contain `prior`.",
            )
        self.floor = floor
        self.head = Head(condition_dim, 2 * latent_dim)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        # softplus(offset) + floor is 1, the initial scale.
        self.offset = math.log(math.expm1(1 - floor))

    def forward(self, inference: Inference) -> Independent:  # type: ignore[override]
        """Return p(z|y) of the labels of a batch."""
        mean, raw_scale = self.head(inference.condition_of("prior")).chunk(2, dim=-1)
        scale = positive(raw_scale + self.offset, self.floor)
        return Independent(Normal(mean, scale, validate_args=False), 1, validate_args=False)

    @classmethod
    def fit_defaults(cls, examples: int, batch_size: int | None = None) -> Mapping[str, Any]:
        """Return about 1,000 steps, or 500 passes over few examples."""
        return enough_steps(examples, 1000, batch_size=256, lr=1e-2, chosen=batch_size)
