"""The likelihood of grey and colour levels as bins of a mixture of logistic distributions."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import torch
from pydantic import Field, PositiveInt
from torch import Tensor
from torch.distributions import Distribution
from torch.nn import functional as F

from zoo.errors import ComponentError
from zoo.likelihoods import Likelihood, masked_sum, observed
from zoo.likelihoods._levels import Coding, Levels
from zoo.likelihoods._parameters import Shape, inverse_softplus
from zoo.registry import register
from zoo.utils.precision import at_least_float32

_FIRST_SCALE = 0.1
_SMALLEST_SCALE = 1e-4


class MixtureParameters(NamedTuple):
    """Parameters of logistic mixtures, in units of the range of the levels, which is [0, 1].

    Attributes:
        logits: (*batch, K, C or 1, …) of the components; 1 if the channels of a pixel share a component.
        means: (*batch, K, C, …).
        scales: (*batch, K, C, …).
        couplings: (*batch, K, C (C−1)/2, …): how much the mean of a channel rises with each channel before it.
    """

    logits: Tensor
    means: Tensor
    scales: Tensor
    couplings: Tensor


class DiscretisedLogisticMixture(Distribution):
    """Values whose probability is the mass of a mixture of logistic distributions in their bin.

    Args:
        parameters: of the mixtures.
        levels: the values.
        shape: of one example, (C, …).
    """

    def __init__(self, parameters: MixtureParameters, levels: Levels, shape: tuple[int, ...]) -> None:
        self.parameters, self.levels = parameters, levels
        self.channel_axis = -len(shape)
        self.component_axis = self.channel_axis - 1
        batch = parameters.means.shape[: parameters.means.ndim - len(shape) - 1]
        super().__init__(batch, torch.Size(shape), validate_args=False)

    @property
    def is_coupled(self) -> bool:
        """Whether the channels of a pixel depend on each other."""
        return self.parameters.logits.shape[self.channel_axis] != self.event_shape[0]

    def log_prob(self, value: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the log-probability of each example, in nats.

        Args:
            mask: as the value, True where it was observed. The channels of a coupled pixel are observed together.
        """
        value = value if mask is None else observed(value, mask)
        position = self.levels.number(value) / (self.levels.count - 1)
        position = position.unsqueeze(self.component_axis)
        log_mass = log_bin_mass(position, self._means(position), self.parameters.scales, 0.5 / (self.levels.count - 1))
        log_shares = self.parameters.logits.log_softmax(self.component_axis)
        if self.is_coupled:
            log_mass = log_mass.sum(self.channel_axis, keepdim=True)
            mask = None if mask is None else self._of_pixels(mask)
        return masked_sum((log_shares + log_mass).logsumexp(self.component_axis), mask, len(self.event_shape))

    @property
    def mean(self) -> Tensor:
        """The expected value, to within half a level.

        For each component it is the mean of the logistic distribution that is cut at the ends of the range. The mean of
        a coupled channel uses the means of the channels before it.
        """
        means, scales = self.parameters.means, self.parameters.scales
        channels: list[Tensor] = []
        for index in range(self.event_shape[0]):
            mean = means.select(self.channel_axis, index) + self._shift(index, channels)
            scale = scales.select(self.channel_axis, index)
            channels.append(scale * (F.softplus(mean / scale) - F.softplus((mean - 1) / scale)))
        shares = self.parameters.logits.softmax(self.component_axis)
        position = (shares * torch.stack(channels, self.channel_axis)).sum(self.component_axis)
        return self.levels.value(position * (self.levels.count - 1))

    @torch.no_grad()
    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Draw values of the data: a component, then one channel after another."""
        lead = torch.Size(sample_shape)
        logits = self.parameters.logits.movedim(self.component_axis, -1)
        component = torch.distributions.Categorical(logits=logits).sample(lead).unsqueeze(self.component_axis)
        last = self.levels.count - 1
        channels: list[Tensor] = []
        for index in range(self.event_shape[0]):
            chosen = component.select(self.channel_axis, 0 if self.is_coupled else index)
            mean, scale = (
                _choose(values.select(self.channel_axis, index), chosen, self.component_axis + 1, lead)
                for values in (self.parameters.means, self.parameters.scales)
            )
            if self.is_coupled:
                for before, coupling in self._couplings(index):
                    mean = mean + _choose(coupling, chosen, self.component_axis + 1, lead) * (channels[before] - 0.5)
            draw = mean + scale * torch.logit(torch.rand_like(mean), eps=1e-7)
            channels.append((draw * last).round().clamp(0, last) / last)
        position = torch.stack(channels, self.channel_axis).squeeze(self.component_axis)
        return self.levels.value(position * last)

    def _means(self, position: Tensor) -> Tensor:
        """Return the means of all channels, given the values (…, 1, C, …) of the channels before each."""
        if not self.is_coupled:
            return self.parameters.means
        values = list(position.unbind(self.channel_axis))
        shifted = [
            mean + self._shift(index, values)
            for index, mean in enumerate(self.parameters.means.unbind(self.channel_axis))
        ]
        return torch.stack(torch.broadcast_tensors(*shifted), self.channel_axis)

    def _shift(self, index: int, values: list[Tensor]) -> Tensor | float:
        shifts = [coupling * (values[before] - 0.5) for before, coupling in self._couplings(index)]
        return sum(shifts, 0.0)

    def _couplings(self, index: int) -> list[tuple[int, Tensor]]:
        """Return the number and the coupling of each channel before the channel ``index``."""
        first = index * (index - 1) // 2
        couplings = self.parameters.couplings
        return [
            (before, couplings.select(self.channel_axis, first + before))
            for before in range(index if self.is_coupled else 0)
        ]

    def _of_pixels(self, mask: Tensor) -> Tensor:
        whole, some = (reduce(self.channel_axis, keepdim=True) for reduce in (mask.all, mask.any))
        if bool((whole != some).any()):
            raise ComponentError(
                "expected the channels of a pixel to be observed together, got a mask that keeps some of them",
                where="model.likelihood.coupled",
                remedy="Use `coupled: false`, or a mask that is the same for all channels.",
            )
        return whole


def log_bin_mass(position: Tensor, mean: Tensor, scale: Tensor, half: float) -> Tensor:
    """Return log[F((x + h − m)/s) − F((x − h − m)/s)], F the logistic function; the outermost bins are open.

    It is exact and finite everywhere, because it uses F(a) − F(b) = F(a) F(−b) (1 − exp(b − a)); the plain difference
    of two values of F would round to zero far from the mean.

    Args:
        position: x in [0, 1].
        half: h, half the width of a bin.

    Example:
        >>> log_bin_mass(torch.tensor(0.5), torch.tensor(9.0), torch.tensor(0.01), 0.25)
        tensor(-825.)
    """
    above, below = (position - mean + half) / scale, (position - mean - half) / scale
    inside = F.logsigmoid(above) + F.logsigmoid(-below) + torch.log(-torch.expm1(-2 * half / scale))
    lowest, highest = position < half, position > 1 - half
    return torch.where(lowest, F.logsigmoid(above), torch.where(highest, F.logsigmoid(-below), inside))


def _choose(values: Tensor, component: Tensor, axis: int, lead: torch.Size) -> Tensor:
    """Return the values (*batch, K, …) of the chosen components (*lead, *batch, 1, …), with one place for K."""
    expanded = values.expand(*lead, *values.shape)
    shape = list(expanded.shape)
    shape[axis] = 1
    return expanded.gather(axis, component.expand(shape))


@register("likelihood", "discretised_logistic")
class DiscretisedLogistic(Likelihood):
    r"""Levels as bins of a mixture of K logistic distributions, log Σ_k π_k [F((x+½−m_k)/s_k) − F((x−½−m_k)/s_k)].

    Choose it for 8-bit images: its log-probability is that of the stored pixels, so bits per dimension are a code
    length. The outermost bins are open, so the masses of all levels sum to one. In colour images the channels of a
    pixel share their component, and the mean of a channel depends on the channels before it.

    Args:
        components: K.
        levels: number of values.
        values: the values of the levels in the data. ``unit``: 0, 1/(n−1), …, 1, as images scaled to [0, 1]. ``whole``:
            0, 1, …, n−1.
        coupled: whether the channels of a pixel depend on each other given z; null: yes for images with 3 channels.

    Raises:
        ComponentError: ``coupled`` for data with a single channel.

    Source:
        Salimans et al. (2017), PixelCNN++: Improving the PixelCNN with Discretized Logistic Mixture Likelihood and
        Other Modifications, sections 2.1 and 2.2. https://arxiv.org/abs/1701.05517

    Example:
        >>> likelihood = DiscretisedLogistic(data_shape=(3, 8, 8), components=5)
        >>> likelihood.parameter_shape, likelihood(torch.zeros(2, 50, 8, 8)).log_prob(torch.zeros(2, 3, 8, 8)).shape
        ((50, 8, 8), torch.Size([2]))
    """

    discrete = True

    def __init__(
        self,
        *,
        data_shape: tuple[int, ...],
        components: PositiveInt = 5,
        levels: Annotated[int, Field(ge=2)] = 256,
        values: Coding = "unit",
        coupled: bool | None = None,
    ) -> None:
        super().__init__(data_shape)
        self.levels, self.components = Levels(levels, values), components
        self.support = self.levels.support
        channels = self.data_shape[0]
        self.coupled = (len(self.data_shape) == 3 and channels == 3) if coupled is None else coupled
        if self.coupled and (channels == 1 or len(self.data_shape) == 1):
            raise ComponentError(
                f"expected data with several channels, got data of shape {self.data_shape}",
                where="coupled",
                remedy="Use `coupled: false`.",
            )
        # Components are initialised at different positions: equal components would have equal gradients.
        starts = (torch.arange(components) + 0.5) / components
        self.register_buffer("starts", starts, persistent=False)

    starts: Tensor

    @property
    def _sizes(self) -> tuple[int, int, int, int]:
        """Channels of logits, means, scales and couplings of one component."""
        channels = self.data_shape[0]
        return (1, channels, channels, channels * (channels - 1) // 2) if self.coupled else (channels,) * 3 + (0,)

    @property
    def parameter_shape(self) -> tuple[int, ...]:
        """The data's shape, with K times as many channels as a component has parameters for a pixel."""
        return (self.components * sum(self._sizes), *self.data_shape[1:])

    def forward(self, raw: Tensor) -> DiscretisedLogisticMixture:
        """Map raw parameters (*batch, *parameter_shape) to distributions with event shape ``data_shape``."""
        dims = len(self.data_shape)
        each = at_least_float32(raw).unflatten(-dims, (self.components, sum(self._sizes)))
        logits, means, scales, couplings = each.split(self._sizes, dim=-dims)
        starts = self.starts.to(each.dtype).view(-1, *[1] * dims)
        parameters = MixtureParameters(
            logits,
            means + starts,
            F.softplus(scales + inverse_softplus(_FIRST_SCALE)) + _SMALLEST_SCALE,
            torch.tanh(couplings),
        )
        return DiscretisedLogisticMixture(parameters, self.levels, self.data_shape)

    def log_prob(self, p: Distribution, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return log p(x|z) in nats; with a mask, that of the observed values only.

        Raises:
            ComponentError: the mask keeps some of the coupled channels of a pixel.
        """
        return p.log_prob(x, mask) if isinstance(p, DiscretisedLogisticMixture) else super().log_prob(p, x, mask)
