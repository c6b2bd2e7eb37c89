"""The exponential moving average of the weights."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn


class WeightAverage:
    r"""θ̄ ← θ̄ + (1 − d)(θ − θ̄) after each step, with d = min(decay, (1 + n) / (10 + n)) after n steps.

    The average of the last 1 / (1 − decay) steps or so moves less than the weights, whose gradients are noisy, and
    scores better; the smaller d of the beginning lets go of the random initial weights. Buffers, such as running
    statistics, are averages already and stay as they are.

    Source:
        Polyak & Juditsky (1992), Acceleration of Stochastic Approximation by Averaging.
        https://doi.org/10.1137/0330046
        Ho, Jain & Abbeel (2020), Denoising Diffusion Probabilistic Models, appendix B. https://arxiv.org/abs/2006.11239

    Example:
        >>> layer = nn.Linear(1, 1, bias=False)
        >>> average = WeightAverage(layer, decay=0.5)
        >>> before = layer.weight.item()
        >>> with torch.no_grad():
        ...     _ = layer.weight.add_(1.0)
        >>> average.update(steps=100)
        >>> with average.installed():
        ...     round(layer.weight.item() - before, 4)
        0.5
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        named = dict(model.named_parameters())
        self.decay, self.names = decay, list(named)
        self.weights = [parameter.detach() for parameter in named.values()]
        self.averages = [weight.clone() for weight in self.weights]

    def update(self, steps: int) -> None:
        """Move the average towards the weights, after this many steps in all."""
        decay = min(self.decay, (1 + steps) / (10 + steps))
        torch._foreach_lerp_(self.averages, self.weights, 1 - decay)

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Let the model have the averages inside the block, and its weights again behind it."""
        weights = [weight.clone() for weight in self.weights]
        self.install()
        try:
            yield
        finally:
            torch._foreach_copy_(self.weights, weights)

    def install(self) -> None:
        """Let the model have the averages for good; training is over then."""
        # Values are copied, so that whoever holds on to the tensors (an optimiser, a captured step) sees them.
        torch._foreach_copy_(self.weights, self.averages)

    def tensors(self) -> dict[str, Tensor]:
        """Return the averages by the names of their parameters."""
        return dict(zip(self.names, self.averages, strict=True))

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over averages that were saved."""
        torch._foreach_copy_(self.averages, [tensors[name].to(a.device) for name, a in self.tensors().items()])
