"""Reading of validated specs from names and files: presets are extended, and overrides are applied."""

from __future__ import annotations

import contextlib
import copy
import json
import shlex
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from zoo.errors import RecipeError, cut, nearest, unknown_name
from zoo.registry.catalogue import preset_files, recipe_files
from zoo.spec.component import ComponentSpec
from zoo.spec.documents import parse_yaml, read_yaml
from zoo.spec.model import ModelSpec
from zoo.spec.origin import Origin, join_lines
from zoo.spec.paths import with_absolute_paths
from zoo.spec.problems import describe_problems
from zoo.spec.recipe import Recipe
from zoo.utils.arguments import checked
from zoo.utils.text import excerpt

_LONGEST_OVERRIDE = 200
_FROM_DATA = ("data_shape", "data_range", "data")
S = TypeVar("S", bound=BaseModel)


def load_model_spec(
    model: str | Mapping[str, Any] | ModelSpec, overrides: Mapping[str, Any] | None = None
) -> ModelSpec:
    """Return the spec of a preset's name, of a mapping (which may extend a preset) or of a spec, with overrides.

    Raises:
        RecipeError: the preset is unknown, or a field is; the message names its path.

    Example:
        >>> load_model_spec("vae-mlp-2d", {"latent_dim": 8}).latent_dim
        8
    """
    if isinstance(model, ModelSpec):
        document = model.model_dump(exclude_unset=True)
    else:
        document = extend_preset({"preset": model} if isinstance(model, str) else model, "model")
    return validate(ModelSpec, merge(document, overrides or {}), "model")


@checked
def load_recipe(
    recipe: str | Path | Mapping[str, Any] | Recipe,
    overrides: Iterable[str] | Mapping[str, Any] = (),
    *,
    as_written: bool = False,
    data: Callable[[Any], Mapping[str, Any]] | None = None,
    spec_of: Callable[[str], ModelSpec] | None = None,
) -> Recipe:
    """Return a validated recipe by its bundled name, from a YAML file, or from a mapping.

    Relative paths of data are made absolute: those in a file start from its folder, all others from the working
    directory.

    Args:
        recipe: ``"digits"``, ``"my/recipe.yaml"``, or the recipe's content.
        overrides: ``["train.epochs=3"]``, a field's path and its value in YAML, or ``{"train.epochs": 3}``.
        as_written: leave relative paths as they are.
        data: maps the recipe's `data`, or None if it has none, to the data that replace it.
        spec_of: returns the spec of the trained model that ``init`` names, which stands in for fields of ``model`` that
            the recipe leaves out. None: the recipe must state them.

    Raises:
        RecipeError: there is no such recipe, it is not valid YAML, or a field is wrong; the message names the
            file, the path, what was expected and what was found.

    Example:
        >>> import zoo
        >>> zoo.load_recipe("digits", ["train.epochs=3"]).train.epochs
        3
    """
    overrides = override_texts(overrides)
    document = recipe_document(recipe, as_written=as_written)
    origin = origin_of(recipe, overrides)
    if data is not None:
        document["data"] = dict(data(document.get("data")))
    before = copy.deepcopy(document)
    for override in overrides:
        apply_override(document, override)
    if not as_written:
        with_absolute_paths(document, Path.cwd())
    with origin.located():
        _extend_model(document, spec_of)
    _note_changes(document, before, [override.partition("=")[0].strip() for override in overrides])
    return validate(Recipe, document, origin=origin)


def recipe_document(recipe: str | Path | Mapping[str, Any] | Recipe, *, as_written: bool = False) -> dict[str, Any]:
    """Return the content of a recipe as it was written: its presets are not extended, its fields are not checked.

    Args:
        as_written: leave relative paths of data as they are, rather than let them start from the recipe's folder.

    Raises:
        RecipeError: there is no such recipe, or it is not valid YAML.
    """
    if not isinstance(recipe, (str, Path, Mapping, Recipe)):
        raise RecipeError(
            f"expected a recipe's name, its path or its content, got {type(recipe).__name__}",
            where="recipe",
            remedy="For example: zoo.load_recipe('digits'); `zoo-cli list recipe` shows names.",
        )
    if isinstance(recipe, Recipe):
        # A default counts as chosen once it is written down: `prior`, where the objective uses none.
        return recipe.model_dump(mode="json", exclude_unset=True)
    if isinstance(recipe, Mapping):
        return dict(recipe)
    path = find_recipe(recipe)
    document = {"name": path.stem, **read_yaml(path)}
    if not as_written:
        with_absolute_paths(document, path.parent)
    return document


def override_texts(overrides: Iterable[str] | Mapping[str, Any]) -> tuple[str, ...]:
    """Return overrides as a tuple of texts, ``("train.epochs=3",)`` also for ``{"train.epochs": 3}``.

    Raises:
        RecipeError: they are one text, which would be taken for a list of letters, or something else than texts.

    Example:
        >>> override_texts({"train.epochs": 3, "model.encoder.widths": (8, 4)})
        ('train.epochs=3', 'model.encoder.widths=[8, 4]')
    """
    remedy = 'For example: overrides=["train.epochs=3"], or overrides={"train.epochs": 3}.'
    if isinstance(overrides, str):
        raise RecipeError(
            f"expected a list of texts or a mapping, got the text {excerpt(overrides)}",
            where="overrides",
            remedy=remedy,
        )
    if isinstance(overrides, Mapping):
        return tuple(_override_text(str(key), value) for key, value in overrides.items())
    try:
        texts = tuple(overrides)
    except TypeError as error:
        found = type(overrides).__name__
        raise RecipeError(f"expected a list of texts, got {found}", where="overrides", remedy=remedy) from error
    for text in texts:
        if not isinstance(text, str):
            raise RecipeError(f"expected texts, got {excerpt(text)}", where="overrides", remedy=remedy)
    return texts


def _override_text(key: str, value: Any) -> str:
    """Return an override as it is written on the command line; JSON is YAML."""

    def plain(other: Any) -> Any:
        if isinstance(other, BaseModel):
            return other.model_dump(mode="json", exclude_unset=True)
        if isinstance(other, Path):
            return str(other)
        if hasattr(other, "tolist"):  # numbers and arrays of NumPy, tensors
            return other.tolist()
        raise TypeError(type(other).__name__)

    try:
        return f"{key}={json.dumps(value, default=plain, ensure_ascii=False)}"
    except (TypeError, ValueError) as error:
        raise RecipeError(
            f"expected plain data, got {excerpt(value)}",
            where=f"overrides[{key!r}]",
            remedy="Numbers, texts, booleans, and lists and mappings of them.",
        ) from error


def component_list(components: Iterable[str | Mapping[str, Any] | ComponentSpec], where: str) -> list[ComponentSpec]:
    """Return a list of components that were named or given as mappings with their options.

    Raises:
        RecipeError: it is not a list, or an entry names no component.
    """
    remedy = f'For example: {where.rpartition(".")[2]}=["name", {{"name": "name", "option": 3}}].'
    if isinstance(components, (str, Mapping, ComponentSpec)) or not isinstance(components, Iterable):
        raise RecipeError(f"expected a list, got {excerpt(components)}", where=where, remedy=remedy)
    return [
        entry if isinstance(entry, ComponentSpec) else validate(ComponentSpec, entry, place_of_entry(where, index))
        for index, entry in enumerate(components)
    ]


def place_of_entry(where: str, index: int) -> str:
    """Return how an error names an entry of a list; an option that is given several times has no numbers.

    Example:
        >>> place_of_entry("evaluate.metrics", 2), place_of_entry("--metric", 0)
        ('evaluate.metrics[2]', '--metric')
    """
    return where if where.startswith("--") else f"{where}[{index}]"


def _extend_model(document: dict[str, Any], spec_of: Callable[[str], ModelSpec] | None = None) -> None:
    if isinstance(document.get("model"), str):
        document["model"] = {"preset": document["model"]}
    model, init = document.get("model", {}), document.get("init")
    name = init.get("model") if isinstance(init, Mapping) else init
    if spec_of is not None and isinstance(name, str) and isinstance(model, Mapping) and "preset" not in model:
        trained = spec_of(name).model_dump(mode="json", exclude={*_FROM_DATA, "preset", "train_examples"})
        document["model"] = merge(trained, model)
    if isinstance(document.get("model"), Mapping):
        document["model"] = extend_preset(document["model"], "model", forget=_FROM_DATA)


def origin_of(recipe: str | Path | Mapping[str, Any] | Recipe, overrides: Iterable[str] = ()) -> Origin:
    """Return where the fields of a recipe were written, to be named in errors."""
    if isinstance(recipe, (str, Path)):
        path = find_recipe(recipe)
        return Origin(str(path), path, tuple(overrides))
    name = recipe.name if isinstance(recipe, Recipe) else recipe.get("name")
    return Origin(f"recipe {name!r}" if name else "recipe", None, tuple(overrides))


def find_recipe(name_or_path: str | Path) -> Path:
    """Return the file of a recipe: a path if it looks like one, else the bundled recipe of that name."""
    text = str(name_or_path)
    path = Path(name_or_path)
    if path.suffix in {".npy", ".npz"}:
        data = f"{{name: arrays, path: {json.dumps(text, ensure_ascii=False)}}}"
        remedy = f"A recipe names them: `data: {data}`, with `model: NAME` beside it."
        raise RecipeError("expected a recipe, got a file of data", where=text, remedy=remedy)
    if path.suffix in {".yaml", ".yml"} or "/" in text or "\\" in text or path.is_file():
        if path.is_file():
            return path
        # `recipes/mnist.yaml` names the bundled recipe wherever the package is installed.
        if path.parent.name == "recipes" and path.stem in recipe_files() and not path.is_absolute():
            return recipe_files()[path.stem]
        bundled = "`zoo-cli list recipe` lists those that come with the package, by name."
        if path.is_dir():
            _refuse_run(path)
            files = ", ".join(file.name for file in sorted(path.glob("*.y*ml"))) or "none"
            raise RecipeError(
                "expected a YAML file, got a directory", where=text, remedy=f"It holds: {files}. {bundled}"
            )
        hint = nearest(str(path), [str(path.parent / file.name) for file in path.parent.glob("*.y*ml")])
        raise RecipeError("there is no such file", where=text, remedy=f"{hint}{bundled}")
    if text not in recipe_files():
        _refuse_run(path)
        problem, remedy = unknown_name("recipe", text, recipe_files(), "zoo-cli list recipe")
        if text in preset_files():
            remedy = f"It is a preset, a model without data: write a recipe with `model: {text}` and `data: NAME`."
        else:
            remedy = f"{remedy} A file is named by its path, such as ./{text or 'mine'}.yaml."
        raise RecipeError(problem, remedy=remedy)
    return recipe_files()[text]


def _refuse_run(path: Path) -> None:
    if (path / "recipe.yaml").is_file():
        recipe, folder = (shlex.quote(str(place)) for place in (path / "recipe.yaml", path))
        raise RecipeError(
            "expected a YAML file, got the directory of a run",
            where=str(path),
            remedy=f"To continue the run: zoo-cli train {recipe} --out {folder} --resume",
        )


def extend_preset(document: Mapping[str, Any], where: str, forget: Iterable[str] = ()) -> dict[str, Any]:
    """Return a model's document with the preset that it names filled in under it.

    Args:
        forget: fields of the preset that are left out, because something else decides them.
    """
    name = document.get("preset")
    if name is None:
        return dict(document)
    if not isinstance(name, str) or name not in preset_files():
        problem, remedy = unknown_name("preset", str(name), preset_files(), "zoo-cli list model")
        raise RecipeError(problem, where=f"{where}.preset", remedy=remedy)
    base = {key: value for key, value in read_yaml(preset_files()[name]).items() if key not in forget}
    return merge(base, document)


def merge(base: Any, changes: Any) -> Any:
    """Lay ``changes`` over ``base``: mappings field by field, unless they name another component.

    Example:
        >>> merge({"encoder": {"name": "mlp", "widths": [8]}}, {"encoder": {"depth": 2}})
        {'encoder': {'name': 'mlp', 'widths': [8], 'depth': 2}}
        >>> merge({"encoder": {"name": "mlp", "widths": [8]}}, {"encoder": "conv"})
        {'encoder': {'name': 'conv'}}
    """
    if isinstance(base, str) and isinstance(changes, Mapping):
        base = {"name": base}
    if isinstance(base, Mapping) and "name" in base and isinstance(changes, str):
        changes = {"name": changes}
    if not (isinstance(base, Mapping) and isinstance(changes, Mapping)):
        return dict(changes) if isinstance(changes, Mapping) else changes
    if "name" in base and changes.get("name", base["name"]) != base["name"]:
        return dict(changes)
    merged = {key: merge(base[key], changes[key]) if key in changes else base[key] for key in base}
    return {**merged, **{key: value for key, value in changes.items() if key not in base}}


def apply_override(document: dict[str, Any], override: str) -> None:
    """Set one field of a document, in place: ``model.objective.beta=4``.

    Raises:
        RecipeError: the override is not KEY=VALUE, or leads through something that has no fields.
    """
    where = f"--set {cut(override, _LONGEST_OVERRIDE)}"
    path, equals, text = override.partition("=")
    keys = [key.strip() for key in path.split(".")]
    if not equals or not all(keys):
        raise RecipeError(
            f"expected KEY=VALUE, got {excerpt(override)}", where=where, remedy="For example: --set train.epochs=3"
        )
    place = document
    for depth, key in enumerate(keys[:-1]):
        below = place.get(key)
        if below is None:
            below = {}
        elif isinstance(below, str):
            # A bare name is short for a mapping; `model: NAME` is short for a preset.
            below = {"preset" if keys[: depth + 1] == ["model"] else "name": below}
        elif not isinstance(below, Mapping):
            raise RecipeError(f"{'.'.join(keys[: depth + 1])} has no fields", where=where)
        place[key] = dict(below)
        place = place[key]
    place[keys[-1]] = parse_yaml(text, where)


def _note_changes(document: dict[str, Any], before: dict[str, Any], paths: list[str]) -> None:
    """Add to a description what it does not know: that overrides made the model or the data others."""
    text = document.get("description")
    if not isinstance(text, str) or not text or "description" in paths:
        return
    with contextlib.suppress(RecipeError):  # the preset that was written is unknown, and overridden
        _extend_model(before)
    chosen = [path for path in dict.fromkeys(paths) if path.partition(".")[0] in ("model", "data")]
    changed = [path for path in chosen if _value_at(document, path) != _value_at(before, path)]
    if changed and _value_at(document, "data.name") != _value_at(before, "data.name"):
        text = f"The recipe {document.get('name')!r} with other data."
    if changed:
        document["description"] = f"{text} Changed: {', '.join(changed)}."


def _value_at(document: Any, path: str) -> Any:
    for key in path.split("."):
        document = {"name": document} if isinstance(document, str) else document
        document = document.get(key.strip()) if isinstance(document, Mapping) else None
    return document["name"] if isinstance(document, Mapping) and set(document) == {"name"} else document


def validate(schema: type[S], document: object, where: str = "", origin: Origin | None = None) -> S:
    """Return a document as a spec.

    Args:
        where: the path of the document, put before that of its fields in errors.
        origin: where its fields were written.

    Raises:
        RecipeError: with each field that is wrong, what was expected and what was found.
    """
    try:
        return schema.model_validate(document)
    except ValidationError as error:
        problems, count, remedy = describe_problems(error, schema, where)
        field, problem = problems[0] if count == 1 else (None, join_lines(problems, origin, count=count))
        refusal = RecipeError(problem, where=field, remedy=remedy)
        raise (origin.locate(refusal) if origin else refusal) from error
