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
"""Options of ``log_images`` by tracker, for arrays (N, height, width, channels)."""


class Trackers:
    """Sends numbers and figures to the trackers of an accelerator.

    A tracker that fails, for example because its service is unreachable, is no longer used, and training goes on.

    Args:
        note: shows a message about a tracker that failed.
    """

    def __init__(self, accelerator: Accelerator, note: Callable[[str], None]) -> None:
        self._accelerator, self._note = accelerator, note
        self._failed: set[int] = set()

    def start(self, name: str, settings: Mapping[str, Any]) -> None:
        """Start a tracked run; settings that are not single values are left out."""
        plain = {key: value for key, value in settings.items() if isinstance(value, (str, int, float))}
        self._accelerator.init_trackers(name, config=plain)

    def log(self, values: Mapping[str, Any], step: int) -> None:
        """Log numbers, those of a nested mapping as ``NAME/KEY``; other values are left out."""
        numbers = dict(_numbers(values))
        if numbers:
            self._each(lambda tracker: tracker.log(numbers, step=step))

    def show(self, name: str, figure: Path, step: int) -> None:
        """Log the PNG file of a figure, if the tracker supports images."""
        image = (255 * matplotlib.image.imread(figure)[None, :, :, :3]).round().astype(np.uint8)

        def log_images(tracker: Any) -> None:
            if hasattr(tracker, "log_images"):
                tracker.log_images({name: image}, step=step, **_IMAGE_OPTIONS.get(tracker.name, {}))

        self._each(log_images)

    def finish(self) -> None:
        """End the tracked run."""
        # Not with `end_training` of the accelerator: it would also end the process group, which later runs need.
        self._each(lambda tracker: tracker.finish())

    def _each(self, work: Callable[[Any], None]) -> None:
        for index, tracker in enumerate(self._accelerator.trackers):
            if index in self._failed:
                continue
            try:
                work(tracker)
            except Exception as error:
                self._failed.add(index)
                self._note(
                    f"The tracker {tracker.name!r} failed and is no longer used: {type(error).__name__}: {error}"
                )


def _numbers(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{prefix}{name}/")
        elif isinstance(value, Real) and not isinstance(value, bool):
            yield f"{prefix}{name}", float(value)
