"""A hook of MkDocs: links to source files become links into the reference of components and the Python API.

So a link leads somewhere in a copy of the repository too: ``[Vae](../../zoo/objectives/vae.py#Vae)`` opens the source
there, and the documentation of the class here. A link to a component's file without a class leads to the component's
options.
"""

from __future__ import annotations

import re

from mkdocs.structure.pages import Page

from zoo.registry import KINDS

_LINK = re.compile(r"\]\((?:\.\./)+(zoo(?:/[\w/]+)?)(\.py)?(?:#([\w.]+))?\)")
_PAGES = {
    "zoo/spec/recipe": "recipe.md",
    "zoo/spec/training": "recipe.md#train",
    "zoo/cli": "commands.md",
    "zoo/presets": "gallery.md",
}
_KINDS = {kind.package.replace(".", "/"): f"{kind.name}s.md" for kind in KINDS.values()}


def to_reference(markdown: str, up: str) -> str:
    """Return a page with its links to source files replaced.

    Args:
        up: the relative path from the page to the folder of all pages, such as ``"../"``.

    Example:
        >>> to_reference("[Vae](../../zoo/objectives/vae.py#Vae), [all](../../zoo/objectives)", "../")
        '[Vae][zoo.objectives.vae.Vae], [all](../reference/objectives.md)'
        >>> to_reference("[options](../zoo/objectives/vae.py), [fields](../zoo/spec/recipe.py)", "")
        '[options](reference/objectives.md#vae), [fields](reference/recipe.md)'
    """

    def replace(match: re.Match[str]) -> str:
        path, name = match[1], match[3]
        folder, _, file = path.rpartition("/")
        if name is None:
            page = _PAGES.get(path) or _KINDS.get(path)
            if page is None and folder in _KINDS and file != "__init__":
                page = f"{_KINDS[folder]}#{file}"
            if page is not None:
                return f"]({up}reference/{page})"
        identifier = path.removesuffix("/__init__").replace("/", ".")
        return f"][{identifier}{'' if name is None else f'.{name}'}]"

    return _LINK.sub(replace, markdown)


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Replace the links of one page."""
    return to_reference(markdown, "../" * page.file.src_uri.count("/"))
