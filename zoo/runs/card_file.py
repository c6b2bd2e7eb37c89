"""The file of a model card: YAML metadata, Markdown, and a digest that shows whether the user has edited it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

from zoo.errors import RecipeError
from zoo.spec.documents import parse_yaml, to_yaml

_METADATA = re.compile(r"\A\s*---[ \t]*\n(.*?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
_MARK = re.compile(r"\n*<!-- latent-zoo card ([0-9a-f]{16})[^>]*-->\s*\Z")


@dataclass(frozen=True)
class Card:
    """A model card.

    Attributes:
        metadata: the YAML between the lines ``---``, which the Hub reads.
        text: the Markdown after the metadata.

    Example:
        >>> card = Card({"license": "mit"}, "# A model")
        >>> Card.parse(str(card)) == card, is_untouched(str(card)), is_untouched(str(card).replace("A", "My"))
        (True, True, False)
    """

    metadata: dict[str, Any] = field(default_factory=dict)
    text: str = ""

    def __str__(self) -> str:
        content = f"---\n{to_yaml(self.metadata)}---\n\n{self.text.strip()}"
        note = "an edited card is never overwritten"
        return f"{content}\n\n<!-- latent-zoo card {_digest(content)}: {note} -->\n"

    @classmethod
    def parse(cls, content: str, where: str = "README.md") -> Card:
        """Read a card, whether the package or the user wrote it.

        Raises:
            RecipeError: the metadata are not a YAML mapping.
        """
        content = _MARK.sub("", _plain(content))
        found = _METADATA.match(content)
        if found is None:
            return cls({}, content.strip())
        metadata = parse_yaml(found[1], where)
        if not isinstance(metadata, dict):
            raise RecipeError("expected the metadata to be a mapping", where=where)
        return cls(metadata, content[found.end() :].strip())


def is_untouched(content: str) -> bool:
    """Whether a card is as this package wrote it: it contains a digest that matches."""
    content = _plain(content)
    found = _MARK.search(content)
    return found is not None and _digest(content[: found.start()]) == found[1]


def _plain(content: str) -> str:
    return content.replace("\r\n", "\n")


def _digest(content: str) -> str:
    return hashlib.sha256(content.strip().encode()).hexdigest()[:16]
