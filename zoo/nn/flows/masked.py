"""Masked autoregressive networks: parameters of each variable from the variables before it, all in one pass."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from einops import rearrange, repeat
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.errors import ComponentError
from zoo.nn.flows.elementwise import Affine, Elementwise
from zoo.nn.layers.activations import ActivationName
from zoo.nn.layers.activations import activation as make_activation
from zoo.utils.precision import at_least_float32, full_precision


class MaskedLinear(nn.Linear):
    """A linear layer that uses only the weights that its mask allows, and computes in float32 or better.

    Args:
        mask: (outputs, inputs), true where the output may depend on the input.

    Example:
        >>> layer = MaskedLinear(torch.tensor([[True, False], [True, True]]))
        >>> (layer(torch.tensor([0.0, 1.0])) == layer.bias).tolist()
        [True, False]
    """

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        outputs, inputs = mask.shape
        super().__init__(inputs, outputs)
        self.register_buffer("mask", mask.to(self.weight.dtype), persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        """Map (…, inputs) to (…, outputs)."""
        weight, bias = at_least_float32(self.weight), at_least_float32(self.bias)
        return F.linear(at_least_float32(input), weight * self.mask, bias)


class MaskedNetwork(nn.Module):
    """An MLP whose outputs for each variable depend only on the variables before it, and on a context (MADE).

    Choose it for autoregressive flows and densities: it gives the parameters of all conditional distributions in one
    pass. It begins with all outputs at zero. Without hidden layers its outputs are linear in the variables.

    Shapes:
        variables (…, ``variables``), context (…, ``context_dim``) or None → (…, ``variables``, ``parameters``). Leading
        dimensions broadcast, so that one context serves several draws.

    Args:
        variables: D, number of variables.
        parameters: outputs for each variable.
        widths: units of the hidden layers.
        context_dim: length of the context vector, which every output may depend on; 0: no context.
        order: the variables in the order in which each depends on those before it, such as [2, 0, 1]; by default
            0, 1, …, D − 1.
        groups: number of groups of consecutive variables in that order; a variable depends only on the groups before
            its own. Default: D groups of one variable; 2 gives a coupling layer.
        activation: the nonlinearity after each hidden layer.

    Raises:
        ComponentError: ``order`` is not a permutation of the variables.

    Source:
        Germain et al. (2015), MADE: Masked Autoencoder for Distribution Estimation, section 4.
        https://arxiv.org/abs/1502.03509

    Example:
        >>> network = MaskedNetwork(4, 2, [16, 16], context_dim=3)
        >>> network(torch.randn(7, 5, 4), torch.randn(5, 3)).shape
        torch.Size([7, 5, 4, 2])
    """

    places: Tensor

    def __init__(
        self,
        variables: int,
        parameters: int,
        widths: Sequence[int] = (),
        *,
        context_dim: int = 0,
        order: Sequence[int] | None = None,
        groups: int | None = None,
        activation: ActivationName = "relu",
    ) -> None:
        super().__init__()
        self.variables, self.context_dim = variables, context_dim
        self.groups = variables if groups is None else min(groups, variables)
        self.order = list(range(variables)) if order is None else list(order)
        if sorted(self.order) != list(range(variables)):
            raise ComponentError(
                f"expected an order of the variables 0 to {variables - 1}, each once, got {self.order}",
                where="order",
            )
        places = place_of_each(self.order) * self.groups // variables
        # A unit of degree m depends on the first m groups. A unit of degree 0 depends only on the context; without a
        # context it would be a constant, so it is omitted unless there is only a single group.
        lowest = 0 if context_dim or self.groups == 1 else 1
        degrees = [places + 1, *(_spread(width, lowest, self.groups - 1) for width in widths)]
        self.layers = nn.ModuleList(
            MaskedLinear(after[:, None] >= before) for before, after in itertools.pairwise(degrees)
        )
        self.register_buffer("places", places, persistent=False)
        output_places = repeat(places, "variable -> (variable parameter)", parameter=parameters)
        self.output = MaskedLinear(output_places[:, None] >= degrees[-1])
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)
        first = widths[0] if widths else variables * parameters
        self.context = nn.Linear(context_dim, first, bias=False) if context_dim else None
        if self.context is not None and not widths:
            nn.init.zeros_(self.context.weight)
        self.activation = make_activation(activation)

    def forward(self, variables: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the parameters of each variable given those before it."""
        if (context is None) != (self.context is None):
            raise ComponentError(
                f"expected a context of shape (…, {self.context_dim}), got none"
                if context is None
                else f"expected no context, got one of shape {tuple(context.shape)}",
                remedy="`context_dim` sets the length of the context; 0 means none.",
            )
        with full_precision(variables):
            h, layers = variables, [*self.layers, self.output]
            for index, layer in enumerate(layers):
                h = layer(h)
                if index == 0 and context is not None and self.context is not None:
                    h = h + F.linear(at_least_float32(context), at_least_float32(self.context.weight))
                if layer is not self.output:
                    h = self.activation(h)
        return rearrange(h, "... (variable parameter) -> ... variable parameter", variable=self.variables)


class Autoregressive(nn.Module):
    r"""An invertible map of vectors, each variable by an increasing function that those before it choose.

    :meth:`forward` takes one pass. Use it to draw (an inverse autoregressive posterior) or to evaluate a density (a
    masked autoregressive prior, where z is the data and y the noise). :meth:`inverse` takes one pass for each group of
    variables: D, or 2 for a coupling layer, whose first half depends only on the context. The map is initialised as the
    identity, or with a gate as a multiple of it.

    Shapes:
        z (…, D), context (…, context_dim) or None → y (…, D) and log |det ∂y/∂z| (…), both in float32 or better.

    Args:
        variables: D.
        widths: units of the masked network's hidden layers; none makes the parameters linear in z.
        elementwise: the increasing function, by default y_i = z_i exp(s_i) + m_i.
        context_dim: length of the context vector; 0: none.
        order: the order in which the variables depend on each other; see :class:`MaskedNetwork`.
        groups: number of groups; see :class:`MaskedNetwork`.
        activation: the nonlinearity after each hidden layer.

    Raises:
        ComponentError: ``order`` is not a permutation of the variables.

    Source:
        Kingma et al. (2016), Improved Variational Inference with Inverse Autoregressive Flow, section 4.
        https://arxiv.org/abs/1606.04934
        Papamakarios, Pavlakou & Murray (2017), Masked Autoregressive Flow for Density Estimation, section 3.
        https://arxiv.org/abs/1705.07057
        Dinh, Sohl-Dickstein & Bengio (2017), Density Estimation Using Real NVP, section 3 (coupling).
        https://arxiv.org/abs/1605.08803

    Example:
        >>> flow, z = Autoregressive(3, [16]), torch.randn(5, 3)
        >>> y, log_det = flow(z)
        >>> torch.allclose(flow.inverse(y)[0], z), log_det.shape
        (True, torch.Size([5]))
    """

    def __init__(
        self,
        variables: int,
        widths: Sequence[int] = (),
        elementwise: Elementwise | None = None,
        *,
        context_dim: int = 0,
        order: Sequence[int] | None = None,
        groups: int | None = None,
        activation: ActivationName = "relu",
    ) -> None:
        super().__init__()
        self.elementwise = elementwise or Affine()
        self.network = MaskedNetwork(
            variables,
            self.elementwise.parameters,
            widths,
            context_dim=context_dim,
            order=order,
            groups=groups,
            activation=activation,
        )

    def forward(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return y and log |det ∂y/∂z|, in one pass."""
        z = at_least_float32(z)
        y, log_slope = self.elementwise(z, self.network(z, context))
        return y, log_slope.sum(-1)

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return z and log |det ∂z/∂y|, in one pass for each group, which computes the variables of this group."""
        y = at_least_float32(y)
        z = log_slope = torch.zeros_like(y)
        for group in range(self.network.groups):
            found, log_slope = self.elementwise.inverse(y, self.network(z, context))
            # Variables that are still unknown stay zero, so that nothing computed from them can overflow.
            z = torch.where(self.network.places <= group, found, 0.0)
        return z, log_slope.sum(-1)


def place_of_each(order: Sequence[int]) -> Tensor:
    """Return the place of each variable in an order, (D,) int64: the inverse permutation.

    Example:
        >>> place_of_each([2, 0, 1])
        tensor([1, 2, 0])
    """
    return torch.tensor(order, dtype=torch.long).argsort()


def _spread(width: int, lowest: int, highest: int) -> Tensor:
    """Return degrees (width,) spread evenly from lowest to highest."""
    return lowest + torch.arange(width) * (highest - lowest + 1) // width
