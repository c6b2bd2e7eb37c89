"""The recipe of a trained model: model, data, training and evaluation."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field, NonNegativeInt, PositiveInt, model_validator

from zoo.spec.augment import AugmentSpec
from zoo.spec.component import ComponentSpec, StrictModel
from zoo.spec.migration import migrate_evaluation
from zoo.spec.model import ModelSpec
from zoo.spec.training import TrainSpec


class DataSpec(ComponentSpec):
    """A dataset by name, its own options, and options that apply to any dataset.

    Example:
        >>> DataSpec.model_validate({"name": "mnist", "root": "data", "binarise": "dynamic"}).options
        {'root': 'data'}
    """

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    binarise: Literal["none", "threshold", "static", "dynamic"] = Field(
        default="none",
        description="Pixels become 0 or 1. threshold: 1 above a half. static: drawn once, with the pixel as "
        "probability. dynamic: drawn again each time.",
    )
    scale: Literal["unit", "symmetric", "standardise", "none"] | None = Field(
        default=None,
        description="unit, symmetric: images to [0, 1] or [-1, 1]. standardise: each feature to mean 0 and deviation 1 "
        "on the training split. none: as stored. null: standardise for tables, unit for other data.",
    )
    pad: NonNegativeInt = Field(
        default=0, description="Pixels of background added on each side of an image, after resizing."
    )
    resize: tuple[PositiveInt, PositiveInt] | None = Field(
        default=None,
        strict=False,
        description="Height and width to which images of any size are resized (bilinear, antialiased).",
    )
    fit: Literal["stretch", "crop", "pad"] = Field(
        default="stretch",
        description="How `resize` treats other proportions. stretch: changes them. crop: fills the size and crops both "
        "sides equally. pad: fits inside and adds background.",
    )
    augment: AugmentSpec | None = Field(
        default=None, description="Random changes of training images, new in each epoch; null: none."
    )
    subset: PositiveInt | None = Field(
        default=None, description="Use only this many training examples, chosen by the seed."
    )
    validation: float = Field(
        default=0.1, ge=0, lt=1, description="Share of the training data held out, if the dataset has no such split."
    )
    test: float = Field(
        default=0.15,
        ge=0,
        lt=1,
        description="Share of the data held out for testing, if the dataset has no such split.",
    )
    split_seed: NonNegativeInt = Field(
        default=0, description="Seed of the splits, of the subset, of static binarisation and of augmentation."
    )
    workers: NonNegativeInt = Field(
        default=2, le=256, description="Number of loader processes, for data that are streamed from disk."
    )

    def scale_for(self, *, table: bool) -> Literal["unit", "symmetric", "standardise", "none"]:
        """Return ``scale``, or its default for a table or for other data."""
        return self.scale or ("standardise" if table else "unit")

    @property
    def component(self) -> ComponentSpec:
        """The dataset with only its own options."""
        return ComponentSpec.model_validate({"name": self.name, **self.options})


class InitSpec(StrictModel):
    """The trained model that a run starts from."""

    model: str = Field(
        min_length=1, description="A run or checkpoint directory, hf://user/name[@revision], or a pretrained name."
    )
    weights: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f]{64}$",
        description="SHA-256 of its weights; other weights are refused. In a recipe: that of the model.",
    )
    data: Literal["keep", "learn"] = Field(
        default="keep",
        description="keep: scaling, size and class numbers are those of the model's training data. "
        "learn: they are those of `data`, with means and classes of the new data.",
    )

    @model_validator(mode="before")
    @classmethod
    def _from_bare_name(cls, value: Any) -> Any:
        return {"model": value} if isinstance(value, str) else value


class EvaluateSpec(StrictModel):
    """The evaluation on the test split after training."""

    metrics: tuple[ComponentSpec, ...] | None = Field(
        default=None, strict=False, description="Metrics with their options; null: all that apply to the model."
    )
    figures: tuple[ComponentSpec, ...] | None = Field(
        default=None, strict=False, description="Figures with their options; null: all that apply to the model."
    )

    @model_validator(mode="before")
    @classmethod
    def _of_version_1(cls, value: Any) -> Any:
        return migrate_evaluation(value) if isinstance(value, dict) else value


class Recipe(StrictModel):
    """A model, its data and its training: everything that is needed to train, and to repeat a run."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="Name of the recipe and of its runs.")
    description: str = Field(default="", description="One sentence on what the recipe shows.")
    seed: NonNegativeInt = Field(default=0, lt=2**63, description="Seed of initial weights, data order and noise.")
    imports: tuple[str, ...] = Field(
        default=(),
        strict=False,
        description="Python files or modules with your own components, which are imported before training.",
    )
    init: InitSpec | None = Field(
        default=None, description="A trained model whose weights the run starts from; null: random weights."
    )
    reinitialise: tuple[str, ...] = Field(
        default=(),
        strict=False,
        description="With `init`: names of parameters, with shell wildcards, that are initialised again: "
        "`[decoder.*]`.",
    )
    freeze: tuple[str, ...] = Field(
        default=(),
        strict=False,
        description="Names of parameters, with shell wildcards, that training does not change: `[encoder.*]`.",
    )
    model: ModelSpec
    data: DataSpec
    train: TrainSpec = TrainSpec()
    fit: TrainSpec | None = Field(
        default=None,
        description="How `model.fitted_prior` is trained after the model, if it has no closed form. Fields that "
        "are not set have the prior's defaults; null: the prior's defaults, and the rest as in `train`.",
    )
    evaluate: EvaluateSpec = EvaluateSpec()

    @model_validator(mode="before")
    @classmethod
    def _bare_data(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("data"), str):
            return {**value, "data": {"name": value["data"]}}
        return value

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, dicts and scalars, ready for YAML or JSON.

        The description of the data is left out: it follows from the data and is in the checkpoint.
        """
        return self.model_dump(mode="json", exclude={"model": {"data"}})
