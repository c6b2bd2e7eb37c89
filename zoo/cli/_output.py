"""Output of commands: texts from others, such as names of columns, classes and models, are printed safely."""

from __future__ import annotations

import json
from typing import Any

import click

from zoo.errors import is_harmless, printable


def echo(text: object, *, err: bool = False) -> None:
    """Print a text; control characters are escaped.

    Args:
        err: print to standard error.
    """
    click.echo(printable(str(text)), err=err)


def echo_json(value: Any) -> None:
    """Print plain data as JSON; control characters are written as JSON escapes."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    click.echo("".join(letter if is_harmless(letter) else json.dumps(letter)[1:-1] for letter in text))
