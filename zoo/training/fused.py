"""Steps of Adam by one call of torch's fused kernel, without the work that torch's ``step`` does around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class FusedSteps:
    """Makes the steps of an optimiser: for Adam and AdamW with the fused kernel, for all others with their ``step``.

    torch's ``step`` looks up the state of every parameter and sorts the tensors by device and dtype each time, which
    takes a tenth of a small model's step (``python -m benchmarks steps`` measures it). It also counts the steps of each
    parameter one after the other; here the counts lie side by side in one tensor. The state is that of the optimiser,
    and the results are identical. Hooks on ``step`` are not called. The kernel is a private function of torch: if a
    version of torch lacks it, ``step`` is called instead.

    Example:
        >>> weight = torch.nn.Parameter(torch.ones(3))
        >>> step = FusedSteps(torch.optim.Adam([weight], lr=0.5, fused=True))
        >>> weight.grad = torch.ones(3)
        >>> step()
        >>> weight.detach()
        tensor([0.5000, 0.5000, 0.5000])
    """

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self._optimizer = optimizer
        self._kernel = _kernel_of(optimizer)
        self._states: list[_GroupState] = []
        optimizer.register_load_state_dict_post_hook(self._forget)

    def __call__(self) -> None:
        """Make a step with the gradients that the parameters have."""
        groups = self._optimizer.param_groups
        gradients = [[parameter.grad for parameter in group["params"]] for group in groups]
        if self._kernel is None or any(each is None for of_group in gradients for each in of_group):
            self._optimizer.step()
            return
        if not self._states:
            states = self._optimizer.state
            if not all(states[parameter] for group in groups for parameter in group["params"]):
                self._optimizer.step()  # torch creates the state in the first step
                return
            self._states = [_GroupState([states[parameter] for parameter in group["params"]]) for group in groups]
        with torch.no_grad():
            for group, of_group, state in zip(groups, gradients, self._states, strict=True):
                state.counts.add_(1)
                self._kernel(
                    group["params"],
                    of_group,
                    state.exp_avg,
                    state.exp_avg_sq,
                    state.max_exp_avg_sq,
                    state.steps,
                    lr=group["lr"],
                    beta1=group["betas"][0],
                    beta2=group["betas"][1],
                    weight_decay=group["weight_decay"],
                    eps=group["eps"],
                    amsgrad=group["amsgrad"],
                    maximize=group["maximize"],
                )

    def _forget(self, optimizer: Any) -> None:
        """Forget the tensors of the state, because another state was loaded."""
        self._states = []


class _GroupState:
    """The state of a group of parameters, as lists for the kernel.

    Attributes:
        counts: (P,) the number of steps of each parameter, whose elements replace those of the optimiser's state: they
            all increase in one operation.
    """

    def __init__(self, states: list[dict[str, Tensor]]) -> None:
        self.counts = torch.stack([state["step"] for state in states])
        for index, state in enumerate(states):
            state["step"] = self.counts[index]
        self.steps, self.exp_avg, self.exp_avg_sq, self.max_exp_avg_sq = (
            [state[name] for state in states if name in state]
            for name in ("step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq")
        )


def _kernel_of(optimizer: torch.optim.Optimizer) -> Callable[..., None] | None:
    """Return the fused kernel of an optimiser, or None if there is none with identical results."""
    if type(optimizer) not in (torch.optim.Adam, torch.optim.AdamW):
        return None
    if any(not group["fused"] or group["capturable"] or not group["params"] for group in optimizer.param_groups):
        return None
    # In newer versions of torch, Adam also has an option for AdamW's weight decay.
    options = optimizer.param_groups[0]
    is_decoupled = options.get("decoupled_weight_decay", type(optimizer) is torch.optim.AdamW)
    if any(group.get("decoupled_weight_decay", is_decoupled) != is_decoupled for group in optimizer.param_groups):
        return None
    kernel: Callable[..., None] | None = getattr(torch, "_fused_adamw_" if is_decoupled else "_fused_adam_", None)
    return kernel
