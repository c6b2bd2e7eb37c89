"""``zoo-cli list``."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import click

from zoo.cli import _other_kinds as other_kinds
from zoo.cli._output import echo, echo_json


@click.command(epilog="Example: zoo-cli list posterior · zoo-cli list model 'vae-*'")
@click.argument("kind", required=False)
@click.argument("pattern", default="*")
@click.option("--author", help="With `list hub`: a user or an organisation.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(kind: str | None, pattern: str, author: str | None, as_json: bool) -> None:
    """List components, presets (model), recipes and pretrained models, by KIND and by shell PATTERN.

    A pattern alone, `zoo-cli list 'vae*'`, searches all kinds. The further kinds optimizer, schedule, tracker and field
    (the fields of a recipe) are listed only by name. `zoo-cli list hub` lists models of this package on the Hugging
    Face Hub.
    """
    from zoo.errors import ComponentError, unknown_name
    from zoo.registry import KINDS, list_components
    from zoo.registry.catalogue import list_models, list_pretrained, list_recipes

    listings: dict[str, Any] = {"model": list_models, "pretrained": list_pretrained, "recipe": list_recipes}
    # Plurals are accepted too: `zoo-cli list recipes`.
    singular = kind.removesuffix("s") if kind and kind not in KINDS else kind
    if singular in other_kinds.KINDS:
        _list_other_kind(str(singular), pattern, as_json)
        return
    if kind is not None and any(letter in kind for letter in "*?["):
        pattern = kind
        kind = singular = None
    if kind == "hub":
        _list_hub(pattern, author, as_json)
        return
    if singular is not None and singular not in {*KINDS, *listings}:
        problem, remedy = unknown_name("kind", str(kind), [*KINDS, *listings, *other_kinds.KINDS, "hub"])
        raise ComponentError(problem, remedy=f"{remedy} A pattern searches all kinds: zoo-cli list '{kind}*'")
    wanted = [singular] if singular else [*listings, *KINDS]
    found = {name: listings[name](pattern) if name in listings else list_components(name, pattern) for name in wanted}
    if as_json:
        echo_json(found if kind is None else found[wanted[0]])
    elif kind is None:
        width = 1 + max(map(len, found))
        for name, entries in found.items():
            if entries or pattern == "*":
                echo(f"{name:<{width}}{', '.join(entries)}")
        if not any(found.values()):
            echo(f"No name matches {pattern!r}.", err=True)
        also = ", ".join(f"zoo-cli list {name}" for name in other_kinds.KINDS)
        echo(f"\nMore: zoo-cli list KIND · zoo-cli show NAME · {also}", err=True)
    else:
        width = max(24, 2 + max(map(len, found[wanted[0]]), default=0))
        for entry in found[wanted[0]]:
            echo(f"{entry:<{width}}{_summary(wanted[0], entry)}")


def _list_other_kind(kind: str, pattern: str, as_json: bool) -> None:
    found = {name: text for name, text in other_kinds.entries(kind).items() if fnmatchcase(name, pattern)}
    if as_json:
        echo_json(list(found))
        return
    width = max(24, 2 + max(map(len, found), default=0))
    for name, text in found.items():
        echo(f"{name:<{width}}{text}")


def _list_hub(pattern: str, author: str | None, as_json: bool) -> None:
    from zoo.hub.search import find_models

    found = find_models(author=author, pattern=pattern)
    if as_json:
        echo_json([model.name for model in found])
        return
    for model in found:
        tags = ", ".join(tag for tag in model.tags if ":" not in tag and tag != "latent-zoo")
        echo(f"{'hf://' + model.name:<40}{model.downloads:>8,} downloads  {tags}")
    if not found:
        echo("None found.", err=True)


def _summary(kind: str, name: str) -> str:
    """Return one sentence on an entry, without importing it."""
    from zoo.registry import sources
    from zoo.registry.catalogue import preset_files, pretrained_files, recipe_files
    from zoo.registry.inspection import describe_component

    files = {"model": preset_files, "pretrained": pretrained_files, "recipe": recipe_files}
    if kind in files:
        from zoo.spec.documents import read_yaml

        return str(read_yaml(files[kind]()[name]).get("description", ""))
    owners = sources(kind)[name]
    if len(owners) > 1:
        return f"two owners: {' and '.join(str(owner) for owner in owners)}"
    origin = "" if owners[0].distribution == "latent-zoo" else f" [{owners[0].distribution}]"
    try:
        return describe_component(owners[0]).summary.replace("\\|", "|") + origin
    except ValueError as error:
        return f"broken: {error}".splitlines()[0]
