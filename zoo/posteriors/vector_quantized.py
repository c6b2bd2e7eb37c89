"""Vector quantisation: the nearest code at each place of a map."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveInt
from torch import Tensor

from zoo.posteriors._quantised import Choice, CodebookQuantiser, squared_distance, straight_through
from zoo.quantisation.codebook import EmaCodebook, Initialisation
from zoo.registry import register
from zoo.spec.schedule import NonNegativeWeight


@register("posterior", "vector_quantized")
class VectorQuantized(CodebookQuantiser):
    r"""The nearest of K codes at each place of a map: the posterior of a VQ-VAE.

    Choose it for discrete latents and sharp reconstructions; good samples then need a prior over codes, such as
    ``fitted_prior: pixelcnn``. Under the prior ``uniform_codes`` the KL divergence is n log K nats for n places and
    every x. A linear map of the features at each place, standardised, gives :math:`z_e`, and

    .. math:: k = argmin_j ‖z_e − e_j‖, \quad z = e_k, \quad ∂z/∂z_e = I, \quad loss = β ‖z_e − sg(e_k)‖²,

    summed over places and averaged over examples. The codebook is not a parameter: it follows the :math:`z_e` by moving
    averages while the model is in training mode.

    Shapes:
        features (B, C, *places) → z (B, latent_dim, *places), code numbers (B, *places). Vectors (B, C) have one code.

    Args:
        codes: K.
        commitment: β, weight of the commitment loss; a number or a schedule.
        standardise: whether each channel of :math:`z_e` is standardised over the batch, which prevents the encoder from
            making all vectors alike.
        decay: γ of the codebook's moving averages.
        restart_below: use of a code, relative to the mean, below which it restarts at a vector of the batch; 0: never.
        initialisation: initial codebook: ``batch``, random vectors of the first batch, or ``kmeans`` on this batch.

    Source:
        van den Oord, Vinyals & Kavukcuoglu (2017), Neural Discrete Representation Learning, equation 3 and appendix
        A.1. https://arxiv.org/abs/1711.00937
        Dhariwal et al. (2020), Jukebox, section 3 (restarts). https://arxiv.org/abs/2005.00341

        Łańcucki et al. (2020), Robust Training of Vector Quantized Bottleneck Models, section III (standardised
        channels). https://arxiv.org/abs/2005.08520

    Example:
        >>> import torch
        >>> posterior = VectorQuantized(feature_shape=(64, 7, 7), latent_dim=16, codes=128)
        >>> q = posterior(torch.randn(5, 64, 7, 7))
        >>> q.mean.shape, posterior.indices(q.mean).shape, posterior.losses(q)["commitment"].shape
        (torch.Size([5, 16, 7, 7]), torch.Size([5, 7, 7]), torch.Size([5]))
    """

    def __init__(
        self,
        *,
        feature_shape: tuple[int, ...],
        latent_dim: int,
        codes: PositiveInt = 512,
        commitment: NonNegativeWeight = 0.25,
        standardise: bool = True,
        decay: Annotated[float, Field(ge=0, lt=1)] = 0.99,
        restart_below: Annotated[float, Field(ge=0, lt=0.5)] = 0.1,
        initialisation: Initialisation = "batch",
    ) -> None:
        super().__init__(feature_shape, latent_dim, codes, 1, commitment, standardise)
        self.codebook = EmaCodebook(
            codes, latent_dim, decay=decay, restart_below=restart_below, initialisation=initialisation
        )

    def choose(self, vectors: Tensor) -> Choice:
        """Return the codes nearest to vectors (N, D)."""
        indices, chosen = self.codebook(vectors)
        return Choice(indices[:, None], straight_through(chosen, vectors), squared_distance(vectors, chosen))

    def indices_of(self, vectors: Tensor) -> Tensor:
        """Return the numbers (N, 1) of the codes nearest to vectors (N, D)."""
        return self.codebook.nearest(vectors)[:, None]

    def vectors_of(self, indices: Tensor) -> Tensor:
        """Return the vectors (N, D) of code numbers (N, 1)."""
        return self.codebook.look_up(indices[:, 0])
