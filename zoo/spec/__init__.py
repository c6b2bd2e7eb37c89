"""Validated plain data: what a model is made of (`ModelSpec`) and how it comes about (`Recipe`)."""

from zoo.spec.component import ComponentSpec
from zoo.spec.model import ModelSpec
from zoo.spec.recipe import DataSpec, Recipe
from zoo.spec.training import Duration, TrainSpec

__all__ = ["ComponentSpec", "DataSpec", "Duration", "ModelSpec", "Recipe", "TrainSpec"]
