"""What a model is made of."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, PositiveInt

from zoo.spec.component import ComponentSpec, StrictModel

PARTS = ("encoder", "posterior", "prior", "decoder", "likelihood", "network")
"""The fields of a :class:`ModelSpec` that name a component, in the order in which data passes them."""


class ModelSpec(StrictModel):
    """Everything that rebuilds a model, as plain data; the weights are apart.

    Example:
        >>> spec = ModelSpec(
        ...     objective="vae", data_shape=[1, 8, 8], latent_dim=2, encoder="mlp",
        ...     posterior="diagonal_gaussian", decoder="mlp", likelihood="bernoulli",
        ... )
        >>> spec.prior.name, spec.data_shape
        ('standard_gaussian', (1, 8, 8))
    """

    preset: str | None = Field(default=None, description="The preset that this spec began with, for the record.")
    description: str = Field(default="", description="One sentence on what the model is for.")
    objective: ComponentSpec = Field(description="What is minimised: autoencoder, vae, …")
    data_shape: Annotated[tuple[PositiveInt, ...], Field(min_length=1, strict=False)] | None = Field(
        default=None,
        description="Shape of one example: [channels, height, width] or [features]. In a recipe: that of the data.",
    )
    data_range: Annotated[tuple[float, float], Field(strict=False)] | None = Field(
        default=None,
        description="Smallest and largest value of the data; null where there is none. In a recipe: that of the data.",
    )
    latent_dim: PositiveInt | None = Field(
        default=None, description="Number of latent dimensions, d; null for a `network`, which has no code."
    )
    classes: PositiveInt | None = Field(
        default=None, description="Number of class labels to condition on; null for an unconditional model."
    )
    condition_dim: PositiveInt = Field(
        default=64, description="Length of the vector that carries a condition (class, time) to encoder and decoder."
    )
    encoder: ComponentSpec | None = Field(default=None, description="data (B, *data_shape) → features (B, F)")
    posterior: ComponentSpec | None = Field(default=None, description="features (B, F) → q(z|x)")
    prior: ComponentSpec | None = Field(default=ComponentSpec(name="standard_gaussian"), description="p(z)")
    decoder: ComponentSpec | None = Field(default=None, description="z (B, d) → raw parameters of p(x|z)")
    likelihood: ComponentSpec | None = Field(default=None, description="raw parameters → p(x|z)")
    network: ComponentSpec | None = Field(
        default=None,
        description="data (B, *data_shape) → data (B, *data_shape); in place of encoder, posterior and decoder",
    )

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, dicts and scalars, ready for YAML or JSON."""
        return self.model_dump(mode="json")
