"""The texts of a report: the first sentence about a component, numbers and headings."""

from __future__ import annotations

from zoo.evaluation.tables import number
from zoo.registry import find_source, list_components
from zoo.registry.inspection import describe_component


def summary_of(kind: str, name: str) -> str:
    """Return the first sentence of a component's documentation, as plain text; empty if it is not installed."""
    if name not in list_components(kind):
        return ""
    return describe_component(find_source(kind, name)).summary.replace("`", "")


def typeset(value: float, digits: int | None = None) -> str:
    """Write a number with a sensible number of digits and a true minus sign.

    Example:
        >>> typeset(-141.4213), typeset(0.4963, 2)
        ('−141.42', '0.50')
    """
    return number(value, digits).replace("-", "−", 1) if value < 0 else number(value, digits)


def capitalised(words: str) -> str:
    """Return words with a capital first letter.

    Example:
        >>> capitalised("mean squared error"), capitalised("ELBO")
        ('Mean squared error', 'ELBO')
    """
    return words[:1].upper() + words[1:]
