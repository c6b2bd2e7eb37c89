"""The specification of a model."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, model_validator

from zoo.spec.component import ComponentSpec, StrictModel
from zoo.spec.data_description import DataDescription
from zoo.spec.migration import migrate_model

PARTS = ("corruption", "encoder", "posterior", "prior", "decoder", "likelihood", "network", "fitted_prior")
"""The fields of a :class:`ModelSpec` that name a part, in the order in which data passes through them."""

OPTIONAL_PARTS = ("corruption", "fitted_prior")
"""Optional parts, which no objective needs."""

_KINDS_OF_ROLES = {"fitted_prior": "prior"}


def kind_of_role(role: str) -> str:
    """Return the kind of the component for a role in a model: usually the name of the role.

    Example:
        >>> kind_of_role("encoder"), kind_of_role("fitted_prior"), kind_of_role("regularisers.tc")
        ('encoder', 'prior', 'regulariser')
    """
    if role.startswith("regularisers."):
        return "regulariser"
    return _KINDS_OF_ROLES.get(role, role)


class ModelSpec(StrictModel):
    """Everything that is needed to rebuild a model, as plain data, except its weights.

    Example:
        >>> spec = ModelSpec(
        ...     objective="vae", data_shape=[1, 8, 8], latent_dim=2, encoder="mlp",
        ...     posterior="diagonal_gaussian", decoder="mlp", likelihood="bernoulli",
        ... )
        >>> spec.prior.name, spec.data_shape
        ('standard_gaussian', (1, 8, 8))
    """

    preset: str | None = Field(default=None, description="The preset that this spec started from, for the record.")
    description: str = Field(default="", description="One sentence on what the model is for.")
    objective: ComponentSpec = Field(description="The loss: autoencoder, vae, …")
    data_shape: Annotated[tuple[PositiveInt, ...], Field(min_length=1, strict=False)] | None = Field(
        default=None,
        description="Shape of one example: [channels, height, width] or [features]. In a recipe: that of the data.",
    )
    data_range: Annotated[tuple[float, float], Field(strict=False)] | None = Field(
        default=None,
        description="Smallest and largest value of the data; null if there is none. In a recipe: that of the data.",
    )
    data: DataDescription | None = Field(
        default=None,
        description="What the model knows about its training data; null: only shape and range. "
        "In a recipe: that of the data.",
    )
    latent_dim: PositiveInt | None = Field(
        default=None, description="Number of latent dimensions, d; null for a `network`, which has no latents."
    )
    classes: PositiveInt | None = Field(
        default=None, description="Number of class labels to condition on; null for an unconditional model."
    )
    condition_dim: PositiveInt = Field(
        default=64, description="Length of the vector that represents a condition (class, time)."
    )
    conditioned: tuple[Literal["encoder", "prior", "decoder"], ...] | None = Field(
        default=None, strict=False, description="Which parts see the class labels; null: all of them."
    )
    train_examples: PositiveInt | None = Field(
        default=None,
        description="Number of training examples, for components that ask for it. In a recipe: that of the data.",
    )
    mask_input: bool | None = Field(
        default=None,
        description="Whether the mask of observed values is an input of the encoder, as further channels (or values); "
        "null: if values are missing in the training data.",
    )
    corruption: ComponentSpec | None = Field(
        default=None, description="The corruption of data before they are encoded, only in training; null: none."
    )
    encoder: ComponentSpec | None = Field(default=None, description="data (B, *data_shape) → features")
    posterior: ComponentSpec | None = Field(default=None, description="features → q(z|x)")
    prior: ComponentSpec | None = Field(default=ComponentSpec(name="standard_gaussian"), description="p(z)")
    decoder: ComponentSpec | None = Field(default=None, description="z → raw parameters of p(x|z)")
    likelihood: ComponentSpec | None = Field(default=None, description="raw parameters → p(x|z)")
    network: ComponentSpec | None = Field(
        default=None,
        description="data (B, *data_shape) → data (B, *data_shape); in place of encoder, posterior and decoder",
    )

    fitted_prior: ComponentSpec | None = Field(
        default=None, description="A second prior, fitted to the latents of the training data after training."
    )
    regularisers: dict[str, ComponentSpec] = Field(
        default={},
        description="Additional terms of the loss, by a name of your choice: {mmd: {name: mmd, weight: 10}}.",
    )

    @model_validator(mode="before")
    @classmethod
    def _of_version_1(cls, value: Any) -> Any:
        return migrate_model(value) if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _of_one_kind_of_data(self) -> ModelSpec:
        for field, known in (("data_shape", "shape"), ("data_range", "range")) if self.data is not None else ():
            if getattr(self, field) != getattr(self.data, known):
                raise ValueError(
                    f"`{field}` is {getattr(self, field)}, but `data.{known}` is {getattr(self.data, known)}"
                )
        return self

    def components(self) -> dict[str, ComponentSpec]:
        """Return every component that the spec names, by its role: ``objective``, a part, ``regularisers.KEY``."""
        roles = {role: getattr(self, role) for role in ("objective", *PARTS)}
        roles |= {f"regularisers.{key}": component for key, component in self.regularisers.items()}
        return {role: component for role, component in roles.items() if component is not None}

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, dicts and scalars, ready for YAML or JSON."""
        return self.model_dump(mode="json")
