"""Networks with their own loss, which are trained together with the model."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.errors import ComponentError
from zoo.nn.activations import ActivationName
from zoo.nn.blocks import BlockOptions, linear_chain
from zoo.utils.precision import at_least_float32


class Adversary(nn.Module, ABC):
    """A network with its own loss and its own optimiser, such as the discriminator of an adversarial autoencoder.

    Extend it, and hold an instance in a regulariser or an objective. Training finds it there, keeps its parameters
    out of the model's optimiser, and after each of the model's steps calls it with the evidence that its owner
    returned. The evidence is detached from the model, so an adversary's loss moves the adversary alone.

    Example:
        >>> class Threshold(Adversary):
        ...     def __init__(self) -> None:
        ...         super().__init__()
        ...         self.threshold = nn.Parameter(torch.zeros(()))
        ...     def forward(self, values):
        ...         return (values - self.threshold).square().mean()
        >>> Threshold()(torch.ones(5))
        tensor(1., grad_fn=<MeanBackward0>)
    """

    @abstractmethod
    def forward(self, *evidence: Tensor) -> Tensor:
        """Return the adversary's own loss, a scalar, on what its owner shows it."""


class Discriminator(Adversary):
    """An MLP that distinguishes two sources of examples; its logit estimates log p₁(x) − log p₀(x).

    Choose it as the critic of codes or of small data. The first tensor of evidence comes from the source p₁ (label
    1), every further one from the source p₀ (label 0). At chance the loss is log 2 ≈ 0.693; it is lowest at the logit
    log p₁(x) − log p₀(x), so that the mean logit under p₁ estimates KL(p₁ ‖ p₀).

    Shapes:
        examples (B, ``inputs``), or (B, \\*shape) with ``inputs`` values each.

    Args:
        inputs: values of one example.
        width: units of each hidden layer.
        depth: hidden layers; 0 gives a logit that is linear in the example.
        activation: the nonlinearity after each hidden layer.

    Source:
        Goodfellow et al. (2014), Generative Adversarial Nets, section 4.1. https://arxiv.org/abs/1406.2661
        Kim & Mnih (2018), Disentangling by Factorising, section 3 (the logit as a ratio of densities).
        https://arxiv.org/abs/1802.05983

    Example:
        >>> critic = Discriminator(2, width=16)
        >>> critic.logits(torch.randn(5, 2)).shape, critic(torch.randn(5, 2), torch.randn(7, 2)).shape
        (torch.Size([5]), torch.Size([]))
    """

    def __init__(
        self, inputs: int, *, width: int = 256, depth: int = 3, activation: ActivationName = "leaky_relu"
    ) -> None:
        super().__init__()
        self.hidden = linear_chain(inputs, [width], depth, BlockOptions(activation))
        self.output = nn.Linear(width if depth else inputs, 1)

    def features(self, x: Tensor) -> Tensor:
        """Return the last hidden layer, (B, width); without one, the example itself."""
        features: Tensor = self.hidden(x.flatten(1))
        return features

    def logits(self, x: Tensor) -> Tensor:
        """Return one logit for each example, (B,), in float32 or better: positive where p₁ is the likelier source."""
        logit: Tensor = self.output(self.features(x))
        return at_least_float32(logit.squeeze(1))

    def forward(self, *evidence: Tensor) -> Tensor:
        """Return the two-class loss between the first tensor of evidence and all others.

        Raises:
            ComponentError: there are fewer than two tensors.
        """
        if len(evidence) < 2:
            raise ComponentError(
                f"expected evidence from two sources or more, got {len(evidence)}",
                remedy="Return one tensor for each source; the first has label 1, the others label 0.",
            )
        first, *others = (self.logits(x) for x in evidence)
        return two_class_loss(first, *others)


def two_class_loss(first: Tensor, *others: Tensor) -> Tensor:
    """Return the cross-entropy of logits, where ``first`` belongs to class 1 and ``others`` to class 0.

    Both classes weigh one half, however many examples or tensors each has: at chance the loss is log 2.

    Example:
        >>> two_class_loss(torch.zeros(8), torch.zeros(8), torch.zeros(3))
        tensor(0.6931)
    """
    negatives = torch.stack([F.softplus(logits).mean() for logits in others])
    return 0.5 * (F.softplus(-first).mean() + negatives.mean())
