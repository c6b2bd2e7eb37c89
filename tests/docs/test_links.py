"""The documents read well in a copy of the repository, where nothing is built: every link leads to a file."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")])
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]*)(?:#([^)\s]*))?\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files_of_the_repository(document: Path) -> None:
    # The text of a link may be code; a link in code is an example.
    text = CODE.sub(lambda match: "`…`", document.read_text(encoding="utf-8"))
    links = LINK.findall(text)
    assert [target for target, _ in links if not (document.parent / target).exists()] == []
    missing = [
        f"{target}#{name}"
        for target, name in links
        if target.endswith(".py") and name and not defined(document, target, name)
    ]
    assert missing == []
    # What only MkDocs can resolve shows as brackets elsewhere.
    assert re.findall(r"\]\[[\w.]+\]", text) == []


def defined(document: Path, target: str, name: str) -> bool:
    """Return whether a source file defines a name such as ``Model.encode``, or imports it."""
    body = ast.parse((document.parent / target).read_text(encoding="utf-8")).body
    for part in name.split("."):
        found = next((node for node in body if part in names(node)), None)
        if found is None:
            return False
        body = getattr(found, "body", [])
    return True


def names(node: ast.stmt) -> list[str]:
    """Return the names that a statement defines."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [each.asname or each.name for each in node.names]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    if isinstance(node, ast.AnnAssign):
        return [node.target.id] if isinstance(node.target, ast.Name) else []
    return [node.name] if hasattr(node, "name") else []
