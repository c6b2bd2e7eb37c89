"""HTML elements: external text is escaped, and scripts and styles are allowed by their hash."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Sequence
from importlib import resources
from typing import Any

_SCRIPTS = ("sheets.js", "map.js", "explorer.js", "start.js")


def escape(text: object) -> str:
    """Return text that is safe between tags and inside a quoted attribute.

    Example:
        >>> escape('</script> & "quotes"')
        '&lt;/script&gt; &amp; &quot;quotes&quot;'
    """
    return html.escape(str(text), quote=True)


def marked(text: str) -> str:
    """Return text with the parts between backticks as code.

    Example:
        >>> marked("set `a < b`")
        'set <code>a &lt; b</code>'
    """
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def json_block(name: str, value: Any) -> str:
    r"""Return a script element that holds data; nothing in it can end the element or open a comment.

    Example:
        >>> print(json_block("data", {"text": "</script>"}))
        <script type="application/json" id="data">{"text":"\u003c/script>"}</script>
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="{escape(name)}">{text}</script>'


def document(title: str, body: str) -> str:
    """Return a whole page with the report's own style and scripts inlined.

    Its content security policy forbids all requests, and all scripts other than its own: not even a string that escaped
    its context could make the page contact another host.
    """
    style, script = _asset("report.css"), "\n".join(_asset(name) for name in _SCRIPTS)
    policy = (
        f"default-src 'none'; img-src data:; style-src {_source(style)}; script-src {_source(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="latent-zoo">
<link rel="icon" href="data:,">
<title>{escape(title)}</title>
<style>{style}</style>
</head>
<body>
{body}
<script>{script}</script>
</body>
</html>
"""


def table(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> str:
    """Return a table of cells that are HTML; the first cell of a row is its header."""
    columns = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    lines = [f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>' for row in rows]
    return (
        f'<table><caption class="visually-hidden">{escape(caption)}</caption>'
        f"<thead><tr>{columns}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    )


def bars(values: Sequence[float], label: str) -> str:
    """Return a small bar chart of numbers from 0 upwards, or from the smallest if that is negative."""
    low, high = min(0.0, *values), max(0.0, *values)
    span, width = (high - low) or 1.0, min(8.0, 100 / len(values))
    rectangles = "".join(
        f'<rect x="{index * width + 0.1 * width:.2f}" y="{20 * (high - max(value, 0.0)) / span:.2f}" '
        f'width="{0.8 * width:.2f}" height="{max(20 * abs(value) / span, 0.3):.2f}"/>'
        for index, value in enumerate(values)
    )
    return (
        f'<svg class="bars" viewBox="0 0 100 20" preserveAspectRatio="none" role="img" aria-label="{escape(label)}">'
        f"{rectangles}</svg>"
    )


def _asset(name: str) -> str:
    return resources.files("zoo.report").joinpath("assets", name).read_text(encoding="utf-8").strip()


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
