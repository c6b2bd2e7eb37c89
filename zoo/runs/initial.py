"""The trained model that a run starts from, and the tensors that training leaves unchanged."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from torch import Tensor

from zoo.checkpoints.checkpoint import CONFIG, WEIGHTS, load, read_config
from zoo.checkpoints.weights import load_weights, own_tensors
from zoo.data import Data
from zoo.data.validation import other_shape
from zoo.errors import CheckpointError, DataError, RecipeError, located, nearest
from zoo.model import Model
from zoo.registry.imports import import_script
from zoo.spec.data_description import DataDescription
from zoo.spec.documents import parse_yaml, read_yaml
from zoo.spec.model import ModelSpec
from zoo.spec.paths import absolute_path
from zoo.spec.recipe import InitSpec, Recipe
from zoo.spec.recipe_files import find_recipe

Locate = Callable[[str], Path]
"""Returns the directory of a model by its name."""

_TENSORS_SHOWN = 3
_FITTED = "fitted_prior."


def directory_of_model(name: str) -> Path:
    """Return the path of a model directory; :func:`zoo.hub.locate.locate` also knows the Hub and pretrained models.

    Raises:
        CheckpointError: there is no such directory.
    """
    if not Path(name).is_dir():
        raise CheckpointError("there is no such directory", where=name, remedy="Name a run or checkpoint directory.")
    return Path(name)


def spec_of_model(name: str, locate: Locate) -> ModelSpec:
    """Return the spec of a trained model.

    Raises:
        CheckpointError: there is no such model, or its configuration is damaged.
    """
    with located("init"):
        return read_config(locate(name) / CONFIG)


def import_components(recipe: object, overrides: Iterable[str]) -> None:
    """Import the files and modules under ``imports`` of a recipe, before its components are looked up.

    Raises:
        RecipeError: `imports` is not a list of names.
        InputError: there is no such file or module, or it cannot be imported.
    """
    document: Any = recipe.to_dict() if isinstance(recipe, Recipe) else recipe
    folder = Path.cwd()
    if isinstance(recipe, (str, Path)):
        path = find_recipe(recipe)
        document, folder = read_yaml(path), path.parent
    names: Any = document.get("imports", ()) if isinstance(document, Mapping) else ()
    for override in overrides:
        key, _, text = override.partition("=")
        if key.strip() == "imports":
            names, folder = parse_yaml(text, f"--set {override}"), Path.cwd()
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) and name for name in names):
        raise RecipeError("expected a list of files or modules", where="imports", remedy="imports: [my_parts.py]")
    for name in names:
        path_of_script = absolute_path(name, folder)
        with located("imports"):
            import_script(path_of_script if Path(path_of_script).is_file() or name.endswith(".py") else name)


@dataclass(frozen=True)
class InitialModel:
    """A trained model that a run starts from.

    Attributes:
        model: the model with its weights.
        resolved: the section `init` of the recipe, with the checksum of the weights.
    """

    model: Model
    resolved: InitSpec

    @property
    def known(self) -> DataDescription | None:
        """The description of the model's data, if new data are prepared in the same way; else None."""
        return self.model.data if self.resolved.data == "keep" and self.model.data.is_known else None

    def describe(self, data: Data, *, conditional: bool) -> Data:
        """Return the data with the initial model's description, but with the splits of the new data.

        Raises:
            DataError: examples have another shape, or a class that a conditional model does not know.
        """
        known, new = self.known, data.info.description
        if known is None or new is None:
            return data
        if known.shape != new.shape:
            remedy = (
                "Resize them, for example with `data.resize`, or learn the description of the data again: "
                "`init: {model: …, data: learn}`, with `reinitialise` for the parts that differ."
            )
            raise other_shape(known.shape, new.shape, remedy)
        unknown = [name for name in new.class_names if name not in known.class_names]
        if conditional and unknown:
            raise DataError(
                f"expected the model's classes {', '.join(known.class_names[:10])}, got {unknown[0]!r} in the data",
                where="data",
                remedy="Remove examples of other classes, or learn the classes from the new data: "
                "`init: {model: …, data: learn}` with `reinitialise: [label_embedding.*]`.",
            )
        counts = {each.name: each.examples for each in new.classes}
        classes = [each.model_copy(update={"examples": counts.get(each.name, 0)}) for each in known.classes]
        changes = {
            "dataset": new.dataset,
            "splitting": new.splitting,
            "binarise": new.binarise,
            "missing": known.missing or new.missing,
            "classes": new.classes if unknown or not new.classes else tuple(classes),
            "splits": {},
        }
        return replace(data, info=replace(data.info, description=known.model_copy(update=changes)))

    def copy_weights_to(self, model: Model, fresh: Iterable[str]) -> None:
        """Copy the weights to a new model, except those that match a pattern.

        Args:
            fresh: shell patterns over the names of tensors that keep their initial values.

        Raises:
            RecipeError: a tensor that matches no pattern is missing or has another shape, or a pattern matches nothing.
        """
        own, trained = own_tensors(model), own_tensors(self.model)
        skipped = matching(own, fresh, "reinitialise")
        wanted = {name: tensor for name, tensor in own.items() if name not in skipped and not name.startswith(_FITTED)}
        different = [name for name, tensor in wanted.items() if _shape(trained.get(name)) != tuple(tensor.shape)]
        if different:
            raise _different(different, own, trained, self.resolved.model)
        load_weights(model, own | {name: trained[name] for name in wanted}, "init")


def read_initial(recipe: Recipe, locate: Locate) -> InitialModel | None:
    """Return the model that a recipe starts from, or None.

    Raises:
        CheckpointError: there is no such model, it is damaged, or its weights are not those that the recipe records.
        RecipeError: ``reinitialise`` is given without ``init``.
    """
    if recipe.init is None:
        if recipe.reinitialise:
            raise RecipeError(
                "`reinitialise` has no effect without `init`: all weights are initialised",
                where="reinitialise",
                remedy="Leave it out, or add `init: MODEL`.",
            )
        return None
    with located("init"):
        folder = locate(recipe.init.model)
        model = load(folder)
    checksum = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    if recipe.init.weights not in (None, checksum):
        raise CheckpointError(
            f"expected the weights that the recipe records, SHA-256 {str(recipe.init.weights)[:12]}…, got "
            f"{checksum[:12]}… in {recipe.init.model}",
            where="init.weights",
            remedy="Restore the model, or leave `weights` out to start from the present ones.",
        )
    return InitialModel(model, recipe.init.model_copy(update={"weights": checksum}))


def freeze(model: Model, recipe: Recipe) -> None:
    """Freeze the parameters under ``freeze`` of a recipe.

    Raises:
        RecipeError: a pattern matches nothing or only adversaries, or no parameter is left to train.
    """
    if not recipe.freeze:
        return
    names = matching(model.state_dict(), recipe.freeze, "freeze")
    for pattern in recipe.freeze:
        if all(_belongs_to_adversary(name, model) for name in names if fnmatchcase(name, pattern)):
            raise RecipeError(
                f"{pattern!r} matches only parameters of an adversary, which is trained in its own turn",
                where="freeze",
                remedy="Freeze only parameters of the model itself.",
            )
    model.freeze(names)
    if not model.training_parameters():
        raise RecipeError("no parameter is left to train", where="freeze", remedy="Freeze fewer parameters.")


def matching(names: Iterable[str], patterns: Iterable[str], where: str) -> frozenset[str]:
    """Return the names that match at least one shell pattern.

    Raises:
        RecipeError: a pattern matches no name.
    """
    known = list(names)
    found: set[str] = set()
    for pattern in patterns:
        matched = [name for name in known if fnmatchcase(name, pattern)]
        if not matched:
            parts = ", ".join(dict.fromkeys(name.partition(".")[0] for name in known))
            raise RecipeError(
                f"the pattern {pattern!r} matches no parameter of the model",
                where=where,
                remedy=f"{nearest(pattern, known)}Names of parameters begin with: {parts}.",
            )
        found |= set(matched)
    return frozenset(found)


def _belongs_to_adversary(name: str, model: Model) -> bool:
    of_adversaries = {id(tensor) for adversary in model.adversaries().values() for tensor in adversary.parameters()}
    return id(dict(model.named_parameters()).get(name)) in of_adversaries


def _shape(tensor: Tensor | None) -> tuple[int, ...] | None:
    return None if tensor is None else tuple(tensor.shape)


def _different(names: list[str], own: Mapping[str, Tensor], trained: Mapping[str, Tensor], initial: str) -> RecipeError:
    words = [
        f"expected {name} of shape {list(own[name].shape)}, got "
        + (f"shape {list(trained[name].shape)}" if name in trained else "none")
        for name in names[:_TENSORS_SHOWN]
    ]
    more = f"; and {len(names) - _TENSORS_SHOWN} more differ" if len(names) > _TENSORS_SHOWN else ""
    parts = [f"{part}.*" for part in dict.fromkeys(name.partition(".")[0] for name in names)]
    return RecipeError(
        f"the tensors of {initial} differ from those of the model: {'; '.join(words)}{more}",
        where="init",
        remedy=f"Initialise them with `reinitialise: [{', '.join(parts)}]`, or use the same fields of `model`.",
    )
