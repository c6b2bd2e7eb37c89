"""``zoo-cli schema``."""

from __future__ import annotations

import click

from zoo.cli._output import echo_json


@click.command(epilog="Example: zoo-cli schema > recipe.schema.json")
@click.argument("what", type=click.Choice(["recipe", "model"]), default="recipe")
def command(what: str) -> None:
    """Print the JSON Schema of a recipe or of a model, which editors use to complete and check recipes.

    Name the schema in the first line of a recipe: # yaml-language-server: $schema=recipe.schema.json
    """
    from zoo.runs.recipe_schema import model_schema, recipe_schema

    schema = recipe_schema() if what == "recipe" else model_schema()
    echo_json(schema)
