"""Validated plain data: the specification of a model (`ModelSpec`) and the recipe of a run (`Recipe`)."""

from zoo.spec.component import ComponentSpec
from zoo.spec.model import ModelSpec
from zoo.spec.recipe import DataSpec, Recipe
from zoo.spec.training import Duration, TrainSpec

__all__ = ["ComponentSpec", "DataSpec", "Duration", "ModelSpec", "Recipe", "TrainSpec"]
