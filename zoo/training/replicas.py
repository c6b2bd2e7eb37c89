"""Copies of a module in several processes: the same weights and buffers in each, and the mean of their gradients."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from zoo.utils.distributed import ProcessGroup


class Replicas:
    """Keeps a module identical in all processes while each of them computes on its share of a batch.

    Unlike ``DistributedDataParallel``, it needs no option for parameters that the loss does not depend on in some steps
    or in some processes. A parameter that no process has used gets no gradient, as in a single process. All gradients
    of a dtype are sent in one message after the backward pass.

    Args:
        module: the module; it starts with the weights and buffers of the first process.
        parameters: the parameters whose gradients are averaged.
        group: the processes; with a single process nothing is done.

    Example:
        >>> module = nn.Linear(2, 1)
        >>> replicas = Replicas(module, dict(module.named_parameters()), ProcessGroup())
        >>> module(torch.ones(1, 2)).sum().backward()
        >>> replicas.average_gradients()
        >>> module.weight.grad
        tensor([[1., 1.]])
    """

    def __init__(self, module: nn.Module, parameters: Mapping[str, nn.Parameter], group: ProcessGroup) -> None:
        self._group = group
        self._parameters = _by_dtype(parameters.values()) if group.count > 1 else []
        self._buffers: list[list[Tensor]] = []
        if group.count > 1:
            names = {name for name, _ in module.named_parameters()}
            state = module.state_dict(keep_vars=True)
            buffers = (value for name, value in state.items() if name not in names and isinstance(value, Tensor))
            self._buffers = _by_dtype(buffers)
            with torch.no_grad():
                for parameter in module.parameters():
                    group.copy_from_first(parameter)

    # The `no_grad` contexts are in the helpers: entering one takes as long as an operation on a small batch, which a
    # single process need not spend.

    def copy_buffers(self) -> None:
        """Copy the buffers of the first process, such as the running means of batch normalisation, to the others."""
        for buffers in self._buffers:
            self._copy(buffers)

    def average_gradients(self) -> None:
        """Replace each gradient by its mean over the processes; a missing gradient counts as zero."""
        for parameters in self._parameters:
            self._average([parameter for parameter in parameters if parameter.requires_grad])

    @torch.no_grad()
    def _copy(self, buffers: list[Tensor]) -> None:
        flat = torch.cat([buffer.flatten() for buffer in buffers])
        self._group.copy_from_first(flat)
        for buffer, values in zip(buffers, flat.split([buffer.numel() for buffer in buffers]), strict=True):
            buffer.copy_(values.view_as(buffer))

    @torch.no_grad()
    def _average(self, parameters: list[Tensor]) -> None:
        if not parameters:
            return
        parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        used = torch.tensor([float(p.grad is not None) for p in parameters])
        flat = torch.cat([*(part.flatten() for part in parts), used.to(parts[0])])
        total = self._group.sum(flat).div_(self._group.count)
        *means, used = total.split([*(p.numel() for p in parameters), len(parameters)])
        for index, (parameter, mean) in enumerate(zip(parameters, means, strict=True)):
            # Checked first: reading `used`, the answer of the other processes, makes the host wait for the device.
            if parameter.grad is not None:
                parameter.grad.copy_(mean.view_as(parameter))
            elif used[index]:
                parameter.grad = mean.view_as(parameter).clone()


def _by_dtype(tensors: Iterable[Tensor]) -> list[list[Tensor]]:
    found: dict[torch.dtype, list[Tensor]] = defaultdict(list)
    for tensor in tensors:
        found[tensor.dtype].append(tensor)
    return list(found.values())
