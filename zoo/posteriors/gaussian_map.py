"""A Gaussian posterior over maps."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor
from torch.distributions import Independent, Normal

from zoo.nn.convolution.map_head import MapHead
from zoo.nn.layers.head import positive
from zoo.posteriors import Posterior
from zoo.registry import register


@register("posterior", "gaussian_map")
class GaussianMap(Posterior):
    r"""Independent Gaussians over a map, q(z|x) = N(μ, diag(σ²)) with z of shape (latent_dim, h, w).

    Choose it for images if the latents should keep positions in the image, as in the autoencoders of latent diffusion:
    the decoder uses these positions, and a prior over maps can be fitted after training. ``latent_dim`` is the number
    of channels.

    Args:
        floor: the smallest scale σ = softplus(raw) + floor.

    Shapes:
        features (B, C, h, w) → batch shape (B,), event shape (latent_dim, h, w).

    Raises:
        ComponentError: the encoder returns vectors.

    Source:
        Rombach et al. (2022), High-Resolution Image Synthesis with Latent Diffusion Models, section 3.1.
        https://arxiv.org/abs/2112.10752

    Example:
        >>> import torch
        >>> q = GaussianMap(feature_shape=(8, 4, 4), latent_dim=3)(torch.zeros(5, 8, 4, 4))
        >>> q.rsample().shape, q.log_prob(q.mean).shape
        (torch.Size([5, 3, 4, 4]), torch.Size([5]))
    """

    factorised: ClassVar[bool] = True
    has_moments: ClassVar[bool] = True

    def __init__(
        self, *, feature_shape: tuple[int, ...], latent_dim: int, floor: Annotated[float, Field(gt=0)] = 1e-4
    ) -> None:
        super().__init__()
        self.floor = floor
        self.head = MapHead(feature_shape, 2 * latent_dim)
        self.latent_shape = (latent_dim, *feature_shape[1:])

    def forward(self, h: Tensor) -> Independent:
        """Map features (B, C, h, w) to Gaussians with batch shape (B,) and event shape (latent_dim, h, w)."""
        mean, raw_scale = self.head(h).chunk(2, dim=1)
        return Independent(Normal(mean, positive(raw_scale, self.floor), validate_args=False), 3, validate_args=False)
