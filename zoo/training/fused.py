"""Steps of Adam without torch's ceremony around its fused kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class FusedSteps:
    """Makes the steps of an optimiser: of Adam and AdamW by one call of the fused kernel, of all others by ``step``.

    torch's own ``step`` looks up the state of every parameter and sorts the tensors by device and type each time; of a
    small model's training that is a twentieth. The state stays the optimiser's own, and the numbers are the same. What
    hangs on ``step`` itself is passed over: its hooks, and what a ``GradScaler`` leaves for it.

    Example:
        >>> weight = torch.nn.Parameter(torch.ones(3))
        >>> step = FusedSteps(torch.optim.Adam([weight], lr=0.5, fused=True))
        >>> weight.grad = torch.ones(3)
        >>> step()
        >>> weight.detach()
        tensor([0.5000, 0.5000, 0.5000])
    """

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self._optimizer, self._group = optimizer, optimizer.param_groups[0]
        self._kernel = _kernel_of(optimizer)
        self._state: dict[str, list[Tensor]] | None = None
        optimizer.register_load_state_dict_post_hook(self._forget)

    @torch.no_grad()
    def __call__(self) -> None:
        """Make a step with the gradients that the parameters have."""
        parameters = self._group["params"]
        gradients = [parameter.grad for parameter in parameters]
        if self._kernel is None or any(gradient is None for gradient in gradients):
            self._optimizer.step()
            return
        if self._state is None:
            states = [self._optimizer.state[parameter] for parameter in parameters]
            if not all(states):  # torch makes them in the first step
                self._optimizer.step()
                return
            self._state = {name: [state[name] for state in states] for name in states[0]}
        group, state = self._group, self._state
        torch._foreach_add_(state["step"], 1)
        self._kernel(
            parameters,
            gradients,
            state["exp_avg"],
            state["exp_avg_sq"],
            state.get("max_exp_avg_sq", []),
            state["step"],
            lr=group["lr"],
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=group["amsgrad"],
            maximize=group["maximize"],
        )

    def _forget(self, optimizer: Any) -> None:
        """The state was replaced by another."""
        self._group, self._state = optimizer.param_groups[0], None


def _kernel_of(optimizer: torch.optim.Optimizer) -> Callable[..., None] | None:
    group, *others = optimizer.param_groups
    if others:
        return None
    if type(optimizer) not in (torch.optim.Adam, torch.optim.AdamW) or not group["fused"] or group["capturable"]:
        return None
    # Adam, too, has the option of AdamW's weight decay, in newer versions of torch.
    is_decoupled = group.get("decoupled_weight_decay", type(optimizer) is torch.optim.AdamW)
    return torch._fused_adamw_ if is_decoupled else torch._fused_adam_
