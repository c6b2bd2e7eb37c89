"""The likelihood of tables whose columns are of different types."""

from __future__ import annotations

import itertools
from typing import cast

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.distributions import Distribution

from zoo.errors import ComponentError
from zoo.likelihoods import Likelihood
from zoo.likelihoods._parameters import Shape
from zoo.registry import find_component, register
from zoo.spec.column_description import ColumnDescription
from zoo.spec.component import ComponentSpec, StrictModel
from zoo.spec.options import check_options, construct

_NUMERIC = ComponentSpec.model_validate({"name": "gaussian", "scale_mode": "per_feature"})


class ColumnGroup(StrictModel):
    """Neighbouring columns of a table with the same likelihood.

    Example:
        >>> ColumnGroup(likelihood={"name": "gaussian", "scale_mode": "per_feature"}, width=3).width
        3
    """

    likelihood: ComponentSpec = Field(description="Name of the likelihood, or a mapping of its name and options.")
    width: PositiveInt = Field(default=1, description="Number of columns.")


class Joint(Distribution):
    """Independent groups of columns, side by side.

    Args:
        groups: a distribution for each group, with event shape (width,).
    """

    def __init__(self, groups: list[Distribution]) -> None:
        self.groups = groups
        widths = sum(group.event_shape[0] for group in groups)
        super().__init__(groups[0].batch_shape, torch.Size([widths]), validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The means of all columns, (*batch, d)."""
        return torch.cat([group.mean for group in self.groups], -1)

    @property
    def variance(self) -> Tensor:
        """The variances of all columns, (*batch, d)."""
        return torch.cat([group.variance for group in self.groups], -1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the sum of the groups' log-densities or log-probabilities, in nats."""
        values = value.split([group.event_shape[0] for group in self.groups], -1)
        return torch.stack([group.log_prob(part) for group, part in zip(self.groups, values, strict=True)]).sum(0)

    @torch.no_grad()
    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """Draw rows of the table."""
        return torch.cat([group.sample(torch.Size(sample_shape)) for group in self.groups], -1)


@register("likelihood", "columns")
class Columns(Likelihood):
    r"""One likelihood for each column, or group of columns, of a table: log p(x|z) = Σ_g log p_g(x_g|z).

    Choose it for tables of mixed types: real numbers, counts, booleans and categories. The result is a log-density with
    respect to volume in the real columns, which are standardised, and counting in the others; it is a code length only
    if all columns are discrete.

    Args:
        columns: the groups in the order of the table's columns, such as ``[{likelihood: gaussian, width: 3},
            {likelihood: {name: categorical, levels: 4, values: one_hot}, width: 4}]``. []: they follow from the types
            of the columns, where the data have some: numbers and dates have the likelihood ``numeric``, booleans
            ``bernoulli``, categories ``categorical``; else every value has the likelihood ``numeric``.
        numeric: the likelihood of numbers and dates, where ``columns`` is []; ``student_t`` is less led by outliers.
            null: ``gaussian``, whose deviation is learned for each column of a table.

    Raises:
        ComponentError: data that are not rows of a table; the widths do not sum to its columns; a likelihood is unknown
            or refuses its options.

    Source:
        Nazábal et al. (2020), Handling Incomplete Heterogeneous Data Using VAEs. https://arxiv.org/abs/1807.03653

    Example:
        >>> likelihood = Columns(
        ...     data_shape=(3,),
        ...     columns=[ColumnGroup(likelihood="gaussian", width=2), ColumnGroup(likelihood="poisson")],
        ... )
        >>> likelihood(torch.zeros(5, 3)).log_prob(torch.zeros(5, 3)).shape
        torch.Size([5])
    """

    def __init__(
        self,
        *,
        data_shape: tuple[int, ...],
        data_columns: tuple[ColumnDescription, ...] | None = None,
        columns: list[ColumnGroup] = [],  # noqa: B006 - only read
        numeric: ComponentSpec | None = None,
    ) -> None:
        super().__init__(data_shape)
        if len(self.data_shape) != 1:
            raise ComponentError(
                f"expected rows of a table, of shape (columns,), got data of shape {self.data_shape}",
                where="columns",
                remedy="Use one likelihood for all values, such as `gaussian`.",
            )
        every = ColumnGroup(likelihood=numeric or ComponentSpec(name="gaussian"), width=self.data_shape[0])
        groups = columns or _groups_of(data_columns or (), numeric or _NUMERIC) or [every]
        self.widths = [group.width for group in groups]
        if sum(self.widths) != self.data_shape[0]:
            raise ComponentError(
                f"expected widths that sum to the {self.data_shape[0]} columns of the table, got {sum(self.widths)}",
                where="columns",
                remedy="Give each column its place in one group.",
            )
        self.groups = nn.ModuleList(_build(group, f"columns[{index}].likelihood") for index, group in enumerate(groups))
        self.discrete = all(likelihood.discrete for likelihood in self._likelihoods())

    @property
    def parameter_shape(self) -> tuple[int, ...]:
        """All raw parameters of the groups, side by side."""
        return (sum(self._sizes),)

    def forward(self, raw: Tensor) -> Joint:
        """Map raw parameters (*batch, *parameter_shape) to distributions with event shape ``data_shape``."""
        parts = zip(self._likelihoods(), raw.split(self._sizes, -1), strict=True)
        return Joint([likelihood(part) for likelihood, part in parts])

    def log_prob(self, p: Distribution, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return log p(x|z) in nats; with a mask, that of the observed values only."""
        if not isinstance(p, Joint):
            return super().log_prob(p, x, mask)
        log_probs = []
        for index, (likelihood, part, seen) in enumerate(self._parts(x, mask)):
            log_probs.append(likelihood.log_prob(p.groups[index], part, seen))
        return torch.stack(log_probs).sum(0)

    def log_prob_by_value(self, p: Distribution, x: Tensor, mask: Tensor | None = None) -> Tensor | None:
        """Return the contribution of each value; the entries of a category, observed together, share it equally."""
        if not isinstance(p, Joint):
            return super().log_prob_by_value(p, x, mask)
        shares = []
        for index, (likelihood, part, seen) in enumerate(self._parts(x, mask)):
            group = p.groups[index]
            found = likelihood.log_prob_by_value(group, part, seen)
            if found is None:
                width = part.shape[-1]
                whole = likelihood.log_prob(group, part, seen).unsqueeze(-1) / width
                found = whole.expand(*whole.shape[:-1], width)
            shares.append(found)
        return torch.cat(shares, -1)

    def is_exact(self, x: Tensor) -> bool:
        """Return whether every column's log-density or log-probability is exact."""
        return all(likelihood.is_exact(part) for likelihood, part, _ in self._parts(x))

    def caution(self, x: Tensor) -> str | None:
        """Return the first caution of a column's likelihood."""
        cautions = (likelihood.caution(part) for likelihood, part, _ in self._parts(x))
        return next((caution for caution in cautions if caution is not None), None)

    def check_range(self, data_range: tuple[float, float] | None, where: str = "data.scale") -> None:
        """Do nothing: a table has no common range; the values of its columns are checked instead."""

    def check_values(self, x: Tensor, mask: Tensor | None = None, where: str = "x") -> None:
        """Check that all values lie in the support of their column."""
        first = 0
        for likelihood, part, seen in self._parts(x, mask):
            last = first + part.shape[-1] - 1
            likelihood.check_values(
                part, seen, f"{where}[{first}]" if first == last else f"{where}[{first}:{last + 1}]"
            )
            first = last + 1

    @property
    def _sizes(self) -> list[int]:
        return [likelihood.parameter_shape[0] for likelihood in self._likelihoods()]

    def _likelihoods(self) -> list[Likelihood]:
        return [cast(Likelihood, likelihood) for likelihood in self.groups]

    def _parts(self, x: Tensor, mask: Tensor | None = None) -> list[tuple[Likelihood, Tensor, Tensor | None]]:
        """Return the likelihood, the values and the mask of each group."""
        values = x.split(self.widths, -1)
        masks = [None] * len(values) if mask is None else mask.split(self.widths, -1)
        return list(zip(self._likelihoods(), values, masks, strict=True))


def _groups_of(columns: tuple[ColumnDescription, ...], numeric: ComponentSpec) -> list[ColumnGroup]:
    """Return groups of columns of a table: neighbours of the same type together, each categorical column separately."""
    groups: list[ColumnGroup] = []
    for kind, neighbours in itertools.groupby(columns, _kind):
        widths = [column.width for column in neighbours]
        if kind == "categorical":
            groups += [ColumnGroup(likelihood=_categories(width), width=width) for width in widths]
        else:
            likelihood = numeric if kind == "measured" else ComponentSpec(name="bernoulli")
            groups.append(ColumnGroup(likelihood=likelihood, width=sum(widths)))
    return groups


def _kind(column: ColumnDescription) -> str:
    if column.is_measured:
        return "measured"
    # A single category is a value that is always 1.
    return "categorical" if column.width > 1 else "boolean"


def _categories(count: int) -> ComponentSpec:
    return ComponentSpec.model_validate({"name": "categorical", "levels": count, "values": "one_hot"})


def _build(group: ColumnGroup, where: str) -> Likelihood:
    found = find_component("likelihood", group.likelihood.name, where)
    options = check_options(found, group.likelihood.options, where)
    wiring = {"data_shape": (group.width,), "data_range": None}
    likelihood: Likelihood = construct(found, options, wiring, where)
    return likelihood
