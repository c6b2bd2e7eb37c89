"""The type of what a trainer trains: a model, or the fitted prior of a trained model."""

from __future__ import annotations

from typing import TypeAlias

from zoo.model import Model
from zoo.training.prior_fit import PriorFit

Trainable: TypeAlias = Model | PriorFit
"""A module that returns the loss of a batch, with its terms and the evidence for each adversary."""
