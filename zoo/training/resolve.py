"""The `train` section of a recipe with every default, checked before training."""

from __future__ import annotations

from collections.abc import Mapping

from zoo.callbacks import Callback
from zoo.errors import InputError
from zoo.registry import find_component
from zoo.spec.component import ComponentSpec
from zoo.spec.options import check_options, construct
from zoo.spec.training import TrainSpec
from zoo.training.devices import check_trackers, resolve_device
from zoo.training.trainable import Trainable
from zoo.training.turn import complete_training


def resolve_training(spec: TrainSpec, model: Trainable, where: str = "train") -> TrainSpec:
    """Return the spec with every option of optimisers, adversaries' turns and callbacks.

    Raises:
        RecipeError: the device or a tracker is not available, or the model has no such adversary or parameters.
        ComponentError: an optimiser, a callback or one of their options is unknown or wrong.
    """
    resolve_device(spec.device)
    check_trackers(spec.trackers)
    callbacks = {key: _resolved(callback, f"{where}.callbacks.{key}") for key, callback in spec.callbacks.items()}
    return complete_training(spec, model, where).model_copy(update={"callbacks": callbacks})


def _resolved(callback: ComponentSpec, where: str) -> ComponentSpec:
    found = find_component("callback", callback.name, where)
    return callback.with_options(check_options(found, callback.options, where))


def make_callbacks(spec: TrainSpec, objects: Mapping[str, Callback] | None = None) -> dict[str, Callback]:
    """Return the callbacks of a recipe and those that are passed as objects, by key.

    Raises:
        InputError: an object is not a callback, or its key is invalid or already used.
        ComponentError: a callback refuses its options.
    """
    made: dict[str, Callback] = {}
    for key, callback in spec.callbacks.items():
        where = f"train.callbacks.{key}"
        found = find_component("callback", callback.name, where)
        made[key] = construct(found, check_options(found, callback.options, where), {}, where)
    if objects is not None and not isinstance(objects, Mapping):
        raise InputError(
            f"expected callbacks by key, got {type(objects).__name__}",
            where="callbacks",
            remedy='Give each a key of your choice: callbacks={"mine": MyCallback()}.',
        )
    for key, given in (objects or {}).items():
        where = f"callbacks[{key!r}]"
        if not isinstance(given, Callback):
            remedy = "Extend zoo.callbacks.Callback, and pass an instance."
            raise InputError(f"expected a callback, got {type(given).__name__}", where=where, remedy=remedy)
        if not isinstance(key, str) or not key.replace("_", "").replace("-", "").isalnum():
            raise InputError("expected a key of letters, digits, hyphens and underscores", where=where)
        if key in made:
            raise InputError("the recipe already has a callback of this key", where=where, remedy="Use another key.")
        made[key] = given
    return made
