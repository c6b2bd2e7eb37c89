"""The likelihood of real-valued data with outliers."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor
from torch.distributions import Independent
from torch.distributions import StudentT as StudentTDistribution

from zoo.likelihoods import Likelihood
from zoo.likelihoods._parameters import Mode, PositiveParameter, blocks, default_scale, times_channels
from zoo.registry import register
from zoo.utils.precision import at_least_float32


class LocatedStudentT(StudentTDistribution):
    """Student's t distribution whose ``mean`` is its location, even if the tails are too heavy for a mean."""

    @property
    def mean(self) -> Tensor:
        """The location: the mean for more than one degree of freedom, and the median and mode for any number."""
        location: Tensor = self.loc
        return location

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density of each value, in nats."""
        # torch squares the distance, which can overflow in float32 although its logarithm is small.
        distance = ((value - self.loc) / self.scale).abs()
        near = distance.clamp(max=1e6)
        log_square = (near * near / self.df).log1p()
        far = 2 * distance.clamp(min=1e6).log() - self.df.log()
        tail = log_square.where(distance < 1e6, far)
        return -0.5 * (self.df + 1) * tail - self.log_normaliser

    @property
    def log_normaliser(self) -> Tensor:
        """The logarithm of the constant s √(π ν) Γ(ν/2) / Γ((ν+1)/2)."""
        half = 0.5 * self.df
        constant: Tensor = self.scale.log() + 0.5 * self.df.log() + 0.5723649429247001 - log_gamma_half_step(half)
        return constant


def log_gamma_half_step(x: Tensor) -> Tensor:
    """Return log Γ(x + ½) − log Γ(x) for x > 0, without the cancellation of two large numbers.

    Example:
        >>> import torch
        >>> log_gamma_half_step(torch.tensor([0.5, 1e8]))
        tensor([-0.5724,  9.2103])
    """
    large = x.clamp(min=20)
    series = 0.5 * large.log() - 1 / (8 * large) + 1 / (192 * large**3)
    small = x.clamp(max=20)
    return series.where(x > 20, (small + 0.5).lgamma() - small.lgamma())


@register("likelihood", "student_t")
class StudentT(Likelihood):
    r"""Independent Student t values with location m(z), scale s and ν degrees of freedom, with every constant.

    log p(x|z) = Σ log Γ((ν+1)/2) − log Γ(ν/2) − ½ log(π ν s²) − ((ν+1)/2) log(1 + (x−m)²/(ν s²)). Choose it for data
    with outliers: an outlier costs only the logarithm of its distance. For ν → ∞ it is ``gaussian``; for ν = 1 it is
    the Cauchy distribution.

    Args:
        scale: s, in units of the data; the initial value if it is learned. null: a tenth of the data's range, or 1 if
            the range is not known. The variance is s² ν / (ν − 2) for ν > 2.
        scale_mode: ``fixed``: s is ``scale``. ``shared``: one s, learned. ``per_feature``: one for each value of an
            example, learned. ``per_pixel``: the decoder returns s(z) for each value.
        floor: smallest s that can be learned; without one the density of constant values is unbounded.
        degrees: ν, the degrees of freedom; the initial value if they are learned.
        degrees_mode: source of ν, as for ``scale_mode``; a learned ν is at least 1.

    Source:
        Lange, Little & Taylor (1989), Robust Statistical Modeling Using the t Distribution.
        https://doi.org/10.2307/2290063

    Example:
        >>> import torch
        >>> p = StudentT(data_shape=(1,), degrees=1.0)(torch.zeros(1, 1))
        >>> p.log_prob(torch.zeros(1, 1)).exp()  # 1/π
        tensor([0.3183])
    """

    def __init__(
        self,
        *,
        data_shape: tuple[int, ...],
        data_range: tuple[float, float] | None = None,
        scale: Annotated[float, Field(gt=0)] | None = None,
        scale_mode: Mode = "fixed",
        floor: Annotated[float, Field(gt=0)] = 1e-3,
        degrees: Annotated[float, Field(gt=0)] = 4.0,
        degrees_mode: Mode = "fixed",
    ) -> None:
        super().__init__(data_shape)
        self.scale = PositiveParameter(default_scale(scale, data_range), scale_mode, self.data_shape, floor)
        self.degrees = PositiveParameter(degrees, degrees_mode, self.data_shape, floor=1.0)

    @property
    def parameter_shape(self) -> tuple[int, ...]:
        """The data's shape, with more channels if the decoder also returns the scale or the degrees of freedom."""
        return times_channels(self.data_shape, 1 + self.scale.blocks + self.degrees.blocks)

    def forward(self, raw: Tensor) -> Independent:
        """Map raw parameters (*batch, *parameter_shape) to distributions with event shape ``data_shape``."""
        dims = len(self.data_shape)
        location, *others = blocks(at_least_float32(raw), self.parameter_shape[0] // self.data_shape[0], dims).unbind(
            -dims - 1
        )
        scale = self.scale(others.pop(0) if self.scale.blocks else location)
        degrees = self.degrees(others.pop(0) if self.degrees.blocks else location)
        return Independent(LocatedStudentT(degrees, location, scale, validate_args=False), dims, validate_args=False)
