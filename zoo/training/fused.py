"""Steps of Adam by one call of torch's fused kernel, without the work that torch's ``step`` does around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class FusedSteps:
    """Makes the steps of an optimiser: for Adam and AdamW with the fused kernel, for all others with their ``step``.

    torch's ``step`` looks up the state of every parameter and sorts the tensors by device and dtype each time, which
    takes a tenth of a small model's step (``python -m benchmarks steps`` measures it). The state is that of the
    optimiser, and the results are identical. Hooks on ``step`` are not called. The kernel, and the function that adds
    to a list of tensors, are private functions of torch: if a version of torch lacks one, ``step`` is called instead.

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
        self._states: list[dict[str, list[Tensor]]] = []
        optimizer.register_load_state_dict_post_hook(self._forget)

    @torch.no_grad()
    def __call__(self) -> None:
        """Make a step with the gradients that the parameters have."""
        groups = self._optimizer.param_groups
        if self._kernel is None or any(p.grad is None for group in groups for p in group["params"]):
            self._optimizer.step()
            return
        if not self._states:
            states = self._optimizer.state
            if not all(states[parameter] for group in groups for parameter in group["params"]):
                self._optimizer.step()  # torch creates the state in the first step
                return
            self._states = [_by_name([states[parameter] for parameter in group["params"]]) for group in groups]
        for group, state in zip(groups, self._states, strict=True):
            torch._foreach_add_(state["step"], 1)
            self._kernel(
                group["params"],
                [parameter.grad for parameter in group["params"]],
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
        """Forget the tensors of the state, because another state was loaded."""
        self._states = []


def _by_name(states: list[dict[str, Tensor]]) -> dict[str, list[Tensor]]:
    return {name: [state[name] for state in states] for name in states[0]}


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
    return kernel if hasattr(torch, "_foreach_add_") else None
