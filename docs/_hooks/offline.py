"""A hook of MkDocs: refuses a site whose pages fetch anything from another host. It must work without a network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError

_FETCHED = {"img": ("src", "srcset"), "script": ("src",), "iframe": ("src",), "source": ("src", "srcset")}
_RELATIONS = {"stylesheet", "icon", "preload", "preconnect", "dns-prefetch", "modulepreload"}
_URL = re.compile(r"""(?:url\(\s*|@import\s+)["']?((?:https?:)?//[^"')\s]+)""")


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        names = _FETCHED.get(tag, ())
        if tag == "link" and _RELATIONS & set(values.get("rel", "").split()):
            names = ("href",)
        self.found += [values[name] for name in names if re.match("(https?:)?//", values.get(name, ""))]


def foreign(text: str, suffix: str) -> list[str]:
    """Return the addresses on other hosts that a page or a style sheet fetches; links to follow do not count.

    Example:
        >>> foreign('<script src="https://cdn.example/x.js"></script><a href="https://example.org">x</a>', ".html")
        ['https://cdn.example/x.js']
        >>> foreign("a { background: url(//cdn.example/x.png) }", ".css")
        ['//cdn.example/x.png']
    """
    if suffix == ".css":
        return _URL.findall(text)
    page = _Page()
    page.feed(text)
    return page.found + _URL.findall(text)


def _all(site: Path) -> Iterator[str]:
    for path in sorted(site.rglob("*")):
        if path.suffix in (".html", ".css"):
            for address in foreign(path.read_text(encoding="utf-8"), path.suffix):
                yield f"{path.relative_to(site)}: {address}"


def on_post_build(config: MkDocsConfig) -> None:
    """Look through every page and style sheet that was built."""
    found = list(_all(Path(config.site_dir)))
    if found:
        raise PluginError("expected a site that needs no other host, got\n" + "\n".join(found))
