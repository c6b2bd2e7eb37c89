"""What commands print: text that holds what others wrote, such as names of columns, classes and models on the Hub."""

from __future__ import annotations

import json
from typing import Any

import click

from zoo.errors import is_harmless, printable


def echo(text: object, *, err: bool = False) -> None:
    """Print a text, with control characters as escapes.

    Args:
        err: print to standard error.
    """
    click.echo(printable(str(text)), err=err)


def echo_json(value: Any) -> None:
    """Print plain data as JSON; letters that a terminal obeys are written as JSON's own escapes."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    click.echo("".join(letter if is_harmless(letter) else json.dumps(letter)[1:-1] for letter in text))
