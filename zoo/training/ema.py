"""The exponential moving average of the weights."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence

from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class WeightAverage:
    r"""θ̄ ← θ̄ + (1 − d)(θ − θ̄) after each step, with d = min(decay, (1 + n) / (10 + n)) after n steps.

    Roughly the mean of the last 1 / (1 − decay) steps, which is less noisy than the weights and usually better. The
    smaller d of the first steps forgets the random initial weights sooner. Buffers, such as running statistics, are not
    averaged.

    Args:
        parameters: the parameters that the model's optimiser updates, by name.

    Source:
        Polyak & Juditsky (1992), Acceleration of Stochastic Approximation by Averaging.
        https://doi.org/10.1137/0330046
        Ho, Jain & Abbeel (2020), Denoising Diffusion Probabilistic Models, appendix B. https://arxiv.org/abs/2006.11239

    Example:
        >>> import torch
        >>> layer = nn.Linear(1, 1, bias=False)
        >>> average = WeightAverage(dict(layer.named_parameters()), decay=0.5)
        >>> before = layer.weight.item()
        >>> with torch.no_grad():
        ...     _ = layer.weight.add_(1.0)
        >>> average.update(steps=100)
        >>> with average.installed():
        ...     round(layer.weight.item() - before, 4)
        0.5
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], decay: float) -> None:
        self.decay, self.names = decay, list(parameters)
        self.weights = [parameter.detach() for parameter in parameters.values()]
        self.averages = [weight.clone() for weight in self.weights]

    def update(self, steps: int) -> None:
        """Move the average towards the weights, after ``steps`` steps in total."""
        decay = min(self.decay, (1 + steps) / (10 + steps))
        get_ema_multi_avg_fn(decay)(self.averages, self.weights, steps)

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Use the averages as the weights of the model inside the block, and restore the weights afterwards."""
        weights = [weight.clone() for weight in self.weights]
        self.install()
        try:
            yield
        finally:
            _copy(weights, self.weights)

    def install(self) -> None:
        """Copy the averages into the model, when training is over."""
        # Values are copied: an optimiser and a captured step hold the tensors themselves.
        _copy(self.averages, self.weights)

    def tensors(self) -> dict[str, Tensor]:
        """Return the averages by the names of their parameters."""
        return dict(zip(self.names, self.averages, strict=True))

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore averages that were saved."""
        _copy([tensors[name] for name in self.names], self.averages)


def _copy(sources: Sequence[Tensor], targets: Sequence[Tensor]) -> None:
    for source, target in zip(sources, targets, strict=True):
        target.copy_(source)
