"""The fully connected decoder."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveInt
from torch import Tensor

from zoo.decoders._fully_connected import FullyConnectedDecoder
from zoo.nn.checks import check_batch, check_condition
from zoo.nn.layers.activations import ActivationName
from zoo.nn.layers.blocks import BlockOptions
from zoo.nn.layers.normalisations import NormalisationName
from zoo.registry import register


@register("decoder", "mlp")
class MLPDecoder(FullyConnectedDecoder):
    """Fully connected layers, the last of which returns every raw parameter at once.

    Choose it for vectors and tables, and for small images, where it is fast. With ``widths: []`` it is a linear map, as
    in principal component analysis.

    Shapes:
        latents (B, latent_dim), condition (B, condition_dim) or None → raw parameters (B, *output_shape).

    Args:
        widths: units of the hidden layers, in the order in which data pass them; []: none. A condition then scales and
            shifts the raw parameters.
        depth: layers of each width.
        activation: the nonlinearity after each hidden layer.
        normalisation: what normalises each hidden layer's outputs before the condition acts on them.
        dropout: the share of hidden units that training sets to zero.
        spectral_norm: divide the weight of each layer by its largest singular value, which bounds how fast the output
            changes with the latents, as in a regularised autoencoder (RAE-SN).

    Raises:
        DataError: latents of another shape.
        ComponentError: a condition is missing, unwanted or of another shape.

    Source:
        Kingma & Welling (2014), Auto-Encoding Variational Bayes, appendix C. https://arxiv.org/abs/1312.6114

    Example:
        >>> import torch
        >>> decoder = MLPDecoder(latent_dim=2, output_shape=(1, 28, 28), condition_dim=0)
        >>> decoder(torch.randn(5, 2)).shape
        torch.Size([5, 1, 28, 28])
    """

    def __init__(
        self,
        *,
        latent_dim: int,
        output_shape: tuple[int, ...],
        condition_dim: int,
        widths: list[PositiveInt] = [256, 512],  # noqa: B006 - only read
        depth: PositiveInt = 1,
        activation: ActivationName = "relu",
        normalisation: NormalisationName = "none",
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        spectral_norm: bool = False,
    ) -> None:
        options = BlockOptions(activation, normalisation, dropout, condition_dim)
        super().__init__(latent_dim, output_shape, widths, depth, options, spectral_norm=spectral_norm)
        self.latent_dim = latent_dim

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """Map latents (B, latent_dim) to raw parameters (B, *output_shape)."""
        check_batch(z, (self.latent_dim,), "latents")
        check_condition(condition, self.condition_dim, z.shape[0])
        return self.raw_parameters(z, condition)
