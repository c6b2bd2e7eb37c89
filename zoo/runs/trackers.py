"""Experiment trackers of a run: those of accelerate, by name, and objects that the user passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from numbers import Real
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
from accelerate import Accelerator

_IMAGE_OPTIONS: Mapping[str, dict[str, Any]] = {"tensorboard": {"dataformats": "NHWC"}}
"""What ``log_images`` of a tracker takes beside arrays (N, height, width, channels)."""


class Trackers:
    """Sends numbers and figures to the trackers of an accelerator.

    A tracker that fails is left out from then on, with a note: its service may be unreachable, which is not a reason to
    lose a training.
    """

    def __init__(self, accelerator: Accelerator, note: Callable[[str], None]) -> None:
        self._accelerator, self._note = accelerator, note
        self._failed: set[int] = set()

    def start(self, name: str, settings: Mapping[str, Any]) -> None:
        """Begin a tracked run; settings that are not single values are left out."""
        plain = {key: value for key, value in settings.items() if isinstance(value, (str, int, float))}
        self._accelerator.init_trackers(name, config=plain)

    def log(self, values: Mapping[str, Any], step: int) -> None:
        """Log numbers, those of a mapping under ``NAME/KEY``; anything else is left out."""
        numbers = dict(_numbers(values))
        if numbers:
            self._each(lambda tracker: tracker.log(numbers, step=step))

    def show(self, name: str, picture: Path, step: int) -> None:
        """Log a picture, where the tracker takes images."""
        image = (255 * matplotlib.image.imread(picture)[None, :, :, :3]).round().astype(np.uint8)

        def log_images(tracker: Any) -> None:
            if hasattr(tracker, "log_images"):
                tracker.log_images({name: image}, step=step, **_IMAGE_OPTIONS.get(tracker.name, {}))

        self._each(log_images)

    def finish(self) -> None:
        """End the tracked run."""
        # Not `end_training` of the accelerator: it would also end the group of processes, which trains the next run.
        self._each(lambda tracker: tracker.finish())

    def _each(self, work: Callable[[Any], None]) -> None:
        for index, tracker in enumerate(self._accelerator.trackers):
            if index in self._failed:
                continue
            try:
                work(tracker)
            except Exception as error:
                self._failed.add(index)
                self._note(f"The tracker {tracker.name!r} failed, and is left out: {type(error).__name__}: {error}")


def _numbers(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{prefix}{name}/")
        elif isinstance(value, Real) and not isinstance(value, bool):
            yield f"{prefix}{name}", float(value)
