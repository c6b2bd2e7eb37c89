"""Runs callbacks in the first process, with a random state of their own; an error names the callback's key."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from zoo.callbacks import Callback, Training
from zoo.errors import TrainingError, ZooError
from zoo.utils.seeds import seeded


class CallbackRunner:
    """Calls callbacks one after the other, and merges the values that they return.

    Attributes:
        stopped_by: the key of the first callback that asked to end training; empty if none did.
    """

    def __init__(self, callbacks: Mapping[str, Callback], seed: int) -> None:
        self._callbacks, self._seed = dict(callbacks), seed
        self._current = ""
        self.stopped_by = ""

    def on_start(self, training: Training) -> None:
        """Call ``on_start`` of each callback."""
        for key, callback in self._callbacks.items():
            with self._calling(key, "on_start"):
                callback.on_start(training)

    def on_steps(self, training: Training, loss: float) -> None:
        """Call ``on_steps`` of each callback."""
        for key, callback in self._callbacks.items():
            with self._calling(key, "on_steps"):
                callback.on_steps(training, loss)

    def on_epoch(self, training: Training, record: dict[str, Any]) -> None:
        """Call ``on_epoch`` of each callback, and add the returned values to the record.

        Raises:
            TrainingError: a callback returns something other than JSON values by name, or a field that the record
                already has.
        """
        for key, callback in self._callbacks.items():
            with self._calling(key, "on_epoch"):
                added = _plain(callback.on_epoch(training, record), key)
            taken = sorted(added.keys() & record.keys())
            if taken:
                raise TrainingError(
                    f"on_epoch returned the field {taken[0]!r}, which the epoch's record already has",
                    where=_where(key),
                    remedy="Return it under another name.",
                )
            record |= added

    def on_end(self, training: Training) -> None:
        """Call ``on_end`` of each callback."""
        for key, callback in self._callbacks.items():
            with self._calling(key, "on_end"):
                callback.on_end(training)

    def stop(self) -> None:
        """Record that the running callback asked to end training."""
        self.stopped_by = self.stopped_by or self._current or "a callback"

    def state(self) -> dict[str, Tensor]:
        """Return the state of all callbacks, with the names ``KEY.NAME``."""
        tensors: dict[str, Tensor] = {}
        for key, callback in self._callbacks.items():
            with self._calling(key, "state"):
                tensors |= {f"{key}.{name}": tensor for name, tensor in callback.state().items()}
        return tensors

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore the state of each callback; one that was added later starts without a state."""
        for key, callback in self._callbacks.items():
            own = {name.removeprefix(f"{key}."): t for name, t in tensors.items() if name.startswith(f"{key}.")}
            if own:
                with self._calling(key, "restore"):
                    callback.restore(own)

    @contextlib.contextmanager
    def _calling(self, key: str, method: str) -> Iterator[None]:
        """Run a method of a callback under the run's seed; every error names the callback's key."""
        self._current = key
        try:
            with seeded(self._seed):
                yield
        except ZooError as error:
            error.where = f"{_where(key)}.{error.where}" if error.where else _where(key)
            raise
        except Exception as error:
            raise TrainingError(
                f"{method} of the callback failed: {type(error).__name__}: {error}",
                where=_where(key),
                remedy="Fix or remove the callback; --resume continues from the last saved state.",
            ) from error
        finally:
            self._current = ""


def _where(key: str) -> str:
    return f"train.callbacks.{key}"


def _plain(added: object, key: str) -> dict[str, Any]:
    """Return the values that ``on_epoch`` returned as plain data; scalars of torch and NumPy become numbers."""
    if added is None:
        return {}
    if not isinstance(added, Mapping):
        raise TrainingError(
            f"expected on_epoch to return values by name or None, got {type(added).__name__}",
            where=_where(key),
            remedy='Return a dict such as {"name": 1.0}; call `training.stop()` to end training.',
        )
    plain = {}
    for name, value in added.items():
        scalar = value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value
        try:
            json.dumps({name: scalar})
        except (TypeError, ValueError) as error:
            raise TrainingError(
                f"on_epoch returned {name!r}, a {type(value).__name__}, which is not a JSON value",
                where=_where(key),
                remedy="Return numbers, strings, or lists and dicts of them, for example `tensor.tolist()`.",
            ) from error
        plain[name] = scalar
    return plain
