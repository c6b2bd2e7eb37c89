"""What the trainer trains: a model, or the prior of a model that is trained."""

from __future__ import annotations

from typing import TypeAlias

from zoo.model import Model
from zoo.training.prior_fit import PriorFit

Trainable: TypeAlias = Model | PriorFit
"""A module with a loss: called with a batch, it returns the loss, its terms, and what each adversary is shown."""
