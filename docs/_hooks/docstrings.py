"""Docstrings as the code writes them, turned into the Markdown that mkdocstrings reads.

The code is read in terminals and editors first, so its docstrings hold Sphinx roles (``:func:`zoo.load` ``), bare
``*args`` and singular section titles. Here, and only here, roles become cross-references, asterisks stay asterisks,
and an example is shown as code.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(?:func|class|meth|attr|mod|data|exc):`(~?)([\w.]+)`")
_CODE = re.compile(r"(``.*?``|`[^`]*`)", re.DOTALL)
_SECTION = re.compile(r"^(\w+):\n((?:(?: {4}.*)?(?:\n|\Z))+)", re.MULTILINE)


def to_markdown(text: str) -> str:
    """Return a docstring as Markdown with Google-style sections.

    Example:
        >>> print(to_markdown("Give (B, *shape) to :func:`zoo.load`."))
        Give (B, \\*shape) to [`zoo.load`][zoo.load].
    """
    text = re.sub(r"^Example:$", "Examples:", text, flags=re.MULTILINE)
    text = re.sub(r"::$", ":", text, flags=re.MULTILINE)
    text = _SECTION.sub(_section, _outside_code(text))
    # A formula in plain characters is shown as it is written.
    return re.sub(r"^\.\. math:: (.*)$", lambda match: "    " + _as_written(match[1]), text, flags=re.MULTILINE)


def _section(match: re.Match[str]) -> str:
    """Put each work of a ``Source`` section into a separate paragraph, and leave examples as written."""
    title, body = match.groups()
    if title == "Source":
        body = re.sub(r"(https?://\S+)\n(?= {4}\S)", r"\1\n\n", body)
    return f"{title}:\n{_as_written(body) if title == 'Examples' else body}"


def _as_written(text: str) -> str:
    return text.replace("\\*", "*")


def _outside_code(text: str) -> str:
    """Translate what is not code: roles to links, asterisks to themselves."""
    text = _ROLE.sub(lambda m: f"[`{m[2].rpartition('.')[2] if m[1] else m[2]}`][{m[2]}]", text)
    parts = _CODE.split(text)
    parts[::2] = [part.replace("*", "\\*") for part in parts[::2]]
    return "".join(parts)


class Docstrings(griffe.Extension):
    """Translates every docstring of a package before mkdocstrings parses it."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Translate the docstring of one module, class, function or attribute."""
        if obj.docstring is not None:
            obj.docstring.value = to_markdown(obj.docstring.value)
