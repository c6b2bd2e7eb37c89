"""Optimisers by name: those of ``torch.optim``, in lower case, with their own options."""

from __future__ import annotations

import functools
import inspect
import json
import math
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import nn

from zoo.errors import ComponentError, RecipeError, nearest, unknown_name
from zoo.spec.component import ComponentSpec

_HIDDEN = {"params", "foreach", "capturable", "differentiable", "fused", "maximize"}


@functools.cache
def optimizer_classes() -> Mapping[str, type[torch.optim.Optimizer]]:
    """Return the optimisers that need only gradients, by lower-case name."""
    found = {
        name.lower(): value
        for name, value in vars(torch.optim).items()
        if inspect.isclass(value) and issubclass(value, torch.optim.Optimizer) and value is not torch.optim.Optimizer
    }
    # LBFGS needs a closure, SparseAdam sparse gradients, and Muon takes only matrices.
    return {name: value for name, value in found.items() if name not in {"lbfgs", "sparseadam", "muon"}}


def check_optimizer(spec: ComponentSpec, where: str = "train.optimizer") -> ComponentSpec:
    """Return the spec of an optimiser with all its options.

    Raises:
        ComponentError: the name or an option is unknown, or a value is of another type.

    Example:
        >>> check_optimizer(ComponentSpec.model_validate({"name": "sgd", "lr": 0.1})).options["momentum"]
        0
    """
    classes = optimizer_classes()
    if spec.name not in classes:
        problem, remedy = unknown_name("optimizer", spec.name, classes, "zoo-cli list optimizer")
        raise ComponentError(problem, where=where, remedy=remedy)
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(classes[spec.name].__init__).parameters.items()
        if name not in _HIDDEN | {"self"}
    }
    for name, value in spec.options.items():
        if name not in defaults:
            problem, remedy = unknown_name("option", name, defaults)
            raise ComponentError(problem, where=f"{where}.{name}", remedy=remedy)
        if not _fits(value, defaults[name]):
            raise ComponentError(
                f"expected a value like {_plain(defaults[name])!r}, got {value!r}", where=f"{where}.{name}"
            )
    plain = {name: _plain(value) for name, value in defaults.items()}
    refusal = _refusal(classes[spec.name], plain | spec.options)
    if refusal is not None:
        # The option without which there is no problem, if there is exactly one.
        rest = {name: {key: value for key, value in spec.options.items() if key != name} for name in spec.options}
        culprit = next((n for n, others in rest.items() if _refusal(classes[spec.name], plain | others) is None), None)
        raise ComponentError(refusal, where=f"{where}.{culprit}" if culprit else where)
    return spec.with_options(plain | spec.options)


def _refusal(optimizer: type[torch.optim.Optimizer], options: Mapping[str, Any]) -> str | None:
    """Return the message with which an optimiser refuses its options, or None."""
    try:
        optimizer([nn.Parameter(torch.zeros(1))], **_arguments(options))
    except (ValueError, TypeError) as error:
        return str(error)
    return None


@functools.cache
def can_capture(name: str) -> bool:
    """Return whether the steps of an optimiser can be part of a CUDA graph."""
    return "capturable" in inspect.signature(optimizer_classes()[name].__init__).parameters


def parameter_groups(
    parameters: Mapping[str, nn.Parameter],
    patterns: Mapping[str, Mapping[str, Any]],
    optimizer: ComponentSpec,
    where: str = "train.groups",
) -> list[dict[str, Any]]:
    """Return the parameter groups of an optimiser: parameters with the same options form a group.

    The first group has no options of its own.

    Args:
        parameters: by name.
        patterns: options by shell pattern over the names. If several match, the last one that sets an option wins.

    Raises:
        RecipeError: a pattern matches no parameter.
        ComponentError: an option is unknown or wrong.

    Example:
        >>> layer = nn.Linear(2, 3)
        >>> sgd = ComponentSpec.model_validate({"name": "sgd", "lr": 0.1})
        >>> groups = parameter_groups(dict(layer.named_parameters()), {"bias": {"lr": 1.0}}, sgd)
        >>> [(tuple(group["params"][0].shape), group.get("lr")) for group in groups]
        [((3, 2), None), ((3,), 1.0)]
    """
    for pattern, options in patterns.items():
        if not any(fnmatchcase(name, pattern) for name in parameters):
            parts = ", ".join(dict.fromkeys(name.partition(".")[0] for name in parameters))
            raise RecipeError(
                f"the pattern {pattern!r} matches no parameter of the model",
                where=where,
                remedy=f"{nearest(pattern, list(parameters))}Names of parameters begin with: {parts}.",
            )
        check_optimizer(optimizer.with_options({**optimizer.options, **options}), f"{where}.{pattern}")
    groups: dict[str, dict[str, Any]] = {"{}": {"params": []}}
    for name, parameter in parameters.items():
        chosen: dict[str, Any] = {}
        for pattern, options in patterns.items():
            chosen |= options if fnmatchcase(name, pattern) else {}
        key = json.dumps(chosen, sort_keys=True)
        groups.setdefault(key, {"params": [], **_arguments(chosen)})["params"].append(parameter)
    return [group for group in groups.values() if group["params"]]


def make_optimizer(
    spec: ComponentSpec, groups: Iterable[dict[str, Any]], device: torch.device, *, captured: bool = False
) -> torch.optim.Optimizer:
    """Make an optimiser from checked options, fused into one kernel where torch has one for the device.

    Args:
        groups: what :func:`parameter_groups` returns.
        captured: whether its steps become part of a CUDA graph; then the learning rate is a tensor.
    """
    found = optimizer_classes()[spec.name]
    options, known = _arguments(spec.options), inspect.signature(found.__init__).parameters
    if "fused" in known and device.type in {"cpu", "cuda"}:
        options["fused"] = True
    if captured:
        options["capturable"] = True
        groups = [
            {**group, "lr": torch.tensor(float(group.get("lr", options["lr"])), device=device)} for group in groups
        ]
    return found(groups, **options)


def _arguments(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.item()
    return list(value) if isinstance(value, tuple) else value


def _fits(value: Any, default: Any) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, tuple):
        return (
            isinstance(value, (list, tuple))
            and len(value) == len(default)
            and all(_fits(entry, wanted) for entry, wanted in zip(value, default, strict=True))
        )
    return (isinstance(value, (int, float)) and math.isfinite(value)) or (default is None and value is None)
