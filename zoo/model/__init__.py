"""Models: parts wired together, what is inferred from a batch, and the latents drawn for it."""

from zoo.model.inference import Inference
from zoo.model.latents import LatentSamples
from zoo.model.loss import Loss, StepLoss
from zoo.model.model import Model

__all__ = ["Inference", "LatentSamples", "Loss", "Model", "StepLoss"]
