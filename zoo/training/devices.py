"""Device and precision, through accelerate."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.tracking import LOGGER_TYPE_TO_CLASS, GeneralTracker, get_available_trackers
from accelerate.utils import InitProcessGroupKwargs, LoggerType

from zoo.errors import InputError, RecipeError, cut, unknown_name
from zoo.spec.training import TrainSpec
from zoo.utils.precision import without_autocast
from zoo.utils.text import excerpt

_PROCESS_TIMEOUT = timedelta(hours=2)
"""How long processes wait for each other: the others wait while the first one draws the figures."""


def make_accelerator(
    spec: TrainSpec, trackers: Sequence[str | GeneralTracker] = (), project_dir: str | None = None
) -> Accelerator:
    """Return an accelerator for the device and the precision that a recipe asks for.

    Args:
        trackers: experiment trackers, by name or as objects.
        project_dir: the folder of trackers that write files.

    Raises:
        RecipeError: the device is not available.
        InputError: an environment variable of accelerate has a value that it refuses.
    """
    device = resolve_device(spec.device)
    # accelerate keeps one state per process and refuses to change its device or precision, but a notebook may train
    # twice. There is no public way to reset the state; accelerate's own tests do it like this.
    AcceleratorState._reset_state(reset_partial_state=True)
    try:
        return Accelerator(
            cpu=device == "cpu",
            mixed_precision="bf16" if uses_bf16(spec.precision, device) else "no",
            log_with=list(trackers) or None,
            project_dir=project_dir,
            kwargs_handlers=[InitProcessGroupKwargs(timeout=_PROCESS_TIMEOUT)],
        )
    except ValueError as error:
        variables = [f"{name}={excerpt(value)}" for name, value in os.environ.items() if name.startswith("ACCELERATE_")]
        if not variables:
            raise
        raise InputError(
            f"accelerate refuses one of its variables, {', '.join(variables)}: {cut(str(error), 300)}",
            where="environment",
            remedy="Correct it, or unset it.",
        ) from error


def mixed_precision(accelerator: Accelerator) -> Callable[[], AbstractContextManager[object]]:
    """Return a function that returns the context for a forward pass."""
    device = accelerator.device.type
    if accelerator.mixed_precision != "bf16":
        return partial(without_autocast, device)
    autocast = torch.autocast(device, torch.bfloat16)  # can be entered repeatedly, unlike the context of accelerate
    return lambda: autocast


def check_trackers(names: Sequence[str], objects: Sequence[object] = ()) -> None:
    """Check that experiment trackers are known and installed; accelerate would leave out the others silently.

    Args:
        names: names of trackers of accelerate, or of classes that were registered with it.
        objects: trackers that are passed as objects.

    Raises:
        RecipeError: a name is unknown, or its package is not installed.
        InputError: an object is not a tracker.
    """
    registered = {str(name) for name in LOGGER_TYPE_TO_CLASS}
    known = registered | {kind.value for kind in LoggerType} - {"all"}
    available = {getattr(kind, "value", kind) for kind in get_available_trackers()}
    available |= registered - {kind.value for kind in LoggerType}
    for index, name in enumerate(names):
        where = f"train.trackers[{index}]"
        if name not in known:
            problem, remedy = unknown_name("tracker", name, known)
            raise RecipeError(problem, where=where, remedy=remedy)
        if name not in available:
            raise RecipeError(f"the tracker {name!r} is not installed", where=where, remedy=f"Try: pip install {name}")
    for index, tracker in enumerate(objects):
        if not isinstance(tracker, GeneralTracker):
            raise InputError(
                f"expected a tracker of accelerate, got {type(tracker).__name__}",
                where=f"trackers[{index}]",
                remedy="Pass an instance of a class that extends accelerate.tracking.GeneralTracker; name those of "
                "accelerate itself in `train.trackers`.",
            )


def resolve_device(device: str) -> str:
    """Return the device type for ``auto``, or the requested device if it is available."""
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if available[name])
    if not available[device]:
        names = ", ".join(name for name, is_available in available.items() if is_available)
        raise RecipeError(
            f"the device {device!r} is not available", where="train.device", remedy=f"Available: {names}, or auto."
        )
    return device


def uses_bf16(precision: str, device: str) -> bool:
    """Return whether matrix products run in bf16; with ``auto``, if the hardware supports bf16 natively."""
    if precision != "auto":
        return precision == "bf16"
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device == "cpu" and _cpu_multiplies_bf16()


def _cpu_multiplies_bf16() -> bool:
    flags = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, flag, bool)()) for flag in flags)
