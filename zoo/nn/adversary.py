"""Networks with their own loss, which are trained together with the model."""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.errors import ComponentError
from zoo.nn.checks import check_map_shape
from zoo.nn.convolution.maps import halve, halvings
from zoo.nn.layers.activations import ActivationName
from zoo.nn.layers.blocks import Block, BlockOptions, Chain, linear_chain
from zoo.nn.layers.normalisations import NormalisationName
from zoo.utils.precision import at_least_float32


class Adversary(nn.Module, ABC):
    """A network with its own loss and its own optimiser, such as the discriminator of an adversarial autoencoder.

    Extend it, and make an instance an attribute of a regulariser or an objective. Training finds it, keeps its
    parameters out of the model's optimiser, and after each of the model's steps calls it with the evidence that its
    owner returned. The evidence is detached from the model, so an adversary's loss moves the adversary alone.

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
        """Return the adversary's own loss, a scalar, for the evidence that its owner returned."""


class BinaryCritic(Adversary):
    """A network that distinguishes two sources of examples; its logit estimates log p₁(x) − log p₀(x).

    The first tensor of evidence comes from the source p₁ (label 1), every further one from the source p₀ (label 0). The
    loss of guessing is log 2 ≈ 0.693; the loss is lowest at the logit log p₁(x) − log p₀(x), so the mean logit under p₁
    estimates KL(p₁ ‖ p₀). With several further tensors, p₀ is the mixture of their sources in equal parts.

    :class:`Discriminator` and :class:`MapDiscriminator` are critics of vectors and of images or series.

    Args:
        hidden: the hidden layers.
        features: number of outputs of the last hidden layer for each example.

    Source:
        Goodfellow et al. (2014), Generative Adversarial Nets, section 4.1. https://arxiv.org/abs/1406.2661

    Example:
        >>> critic = BinaryCritic(linear_chain(2, [16], 1, BlockOptions()), 16)
        >>> critic.logits(torch.randn(5, 2)).shape, critic(torch.randn(5, 2), torch.randn(7, 2)).shape
        (torch.Size([5]), torch.Size([]))
    """

    def __init__(self, hidden: Chain, features: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.output = nn.Linear(features, 1)

    def layers(self, x: Tensor) -> list[Tensor]:
        """Return the output of every hidden layer, (B, …) each, from data to logit; without one, the example itself."""
        found = []
        for block in self.hidden:
            x = block(x)
            found.append(x)
        return found or [x]

    def features(self, x: Tensor) -> Tensor:
        """Return the last hidden layer, (B, F); without one, the example itself."""
        return self.layers(x)[-1].flatten(1)

    def logits(self, x: Tensor) -> Tensor:
        """Return one logit for each example, (B,), in float32 or better: positive where p₁ is the likelier source."""
        return self.logits_of(self.features(x))

    def logits_of(self, last: Tensor) -> Tensor:
        """Return the logits (B,) for outputs of the last hidden layer."""
        logit: Tensor = self.output(last.flatten(1))
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
        # One pass for all sources reads the weights, and writes their gradients, only once.
        first, *others = self.logits(torch.cat(evidence)).split([len(x) for x in evidence])
        return two_class_loss(first, *others)


class Discriminator(BinaryCritic):
    """An MLP that distinguishes two sources of examples; choose it as the critic of codes or of small data.

    Shapes:
        examples (B, ``inputs``), or (B, \\*shape) with ``inputs`` values each.

    Args:
        inputs: values of one example.
        width: units of each hidden layer.
        depth: hidden layers; 0 gives a logit that is linear in the example.
        activation: the nonlinearity after each hidden layer.
        normalisation: what normalises each hidden layer; not ``batch``, which lets a critic see the whole batch.

    Source:
        Kim & Mnih (2018), Disentangling by Factorising, section 3 (the logit as a ratio of densities).
        https://arxiv.org/abs/1802.05983

    Example:
        >>> critic = Discriminator(2, width=16)
        >>> critic.logits(torch.randn(5, 2)).shape, critic(torch.randn(5, 2), torch.randn(7, 2)).shape
        (torch.Size([5]), torch.Size([]))
    """

    def __init__(
        self,
        inputs: int,
        *,
        width: int = 256,
        depth: int = 3,
        activation: ActivationName = "leaky_relu",
        normalisation: NormalisationName = "none",
    ) -> None:
        hidden = linear_chain(inputs, [width], depth, BlockOptions(activation, normalisation))
        super().__init__(hidden, width if depth else inputs)

    def layers(self, x: Tensor) -> list[Tensor]:
        """Return the output of every hidden layer, (B, width) each; without one, the flat example."""
        return super().layers(x.flatten(1))


class MapDiscriminator(BinaryCritic):
    """Convolutions that distinguish two sources of images or series; choose it as the critic of such data.

    Shapes:
        images (B, C, H, W) or series (B, C, L) of ``data_shape``, at least 8 pixels or steps a side.

    Args:
        data_shape: shape of one example.
        channels: maps of each layer; each layer halves the size.
        activation: the nonlinearity after each layer.
        normalisation: what normalises each layer's maps; not ``batch``, which lets a critic see the whole batch.

    Raises:
        ComponentError: the data are neither images nor series, or are too small.

    Source:
        Radford, Metz & Chintala (2016), Unsupervised Representation Learning with DCGANs, section 3.
        https://arxiv.org/abs/1511.06434

    Example:
        >>> critic = MapDiscriminator((1, 8, 8), [4, 8])
        >>> [tuple(layer.shape) for layer in critic.layers(torch.rand(5, 1, 8, 8))]
        [(5, 4, 4, 4), (5, 8, 2, 2)]
    """

    def __init__(
        self,
        data_shape: tuple[int, ...],
        channels: Sequence[int],
        *,
        activation: ActivationName = "leaky_relu",
        normalisation: NormalisationName = "none",
    ) -> None:
        maps, size = check_map_shape(tuple(data_shape), "data_shape")
        options, dims = BlockOptions(activation, normalisation), len(size)
        widths = itertools.pairwise((maps, *channels))
        hidden = Chain(
            Block(halve(inputs, outputs, dims=dims), outputs, options, dims=dims) for inputs, outputs in widths
        )
        super().__init__(hidden, channels[-1] * math.prod(halvings(size, len(channels))[-1]))


def two_class_loss(first: Tensor, *others: Tensor) -> Tensor:
    """Return the cross-entropy of logits, where ``first`` belongs to class 1 and ``others`` to class 0.

    Both classes have a weight of one half, independently of their numbers of examples and tensors, so the loss of
    guessing is log 2.

    Example:
        >>> two_class_loss(torch.zeros(8), torch.zeros(8), torch.zeros(3))
        tensor(0.6931)
    """
    negatives = torch.stack([F.softplus(logits).mean() for logits in others])
    return 0.5 * (F.softplus(-first).mean() + negatives.mean())
