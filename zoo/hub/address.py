"""Addresses of models on the Hub: ``user/name``, or ``hf://user/name@revision`` where a path is accepted too."""

from __future__ import annotations

import re
from dataclasses import dataclass

from zoo.errors import InputError
from zoo.utils.text import excerpt

PREFIX = "hf://"
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")
_REVISION = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.+/-]*[A-Za-z0-9_+-])?")
_LONGEST = 96


@dataclass(frozen=True)
class Address:
    """A repository on the Hub, and optionally a revision of it.

    Attributes:
        repo: ``user/name``.
        revision: a branch, tag or commit; None: the default branch.

    Example:
        >>> Address.parse("hf://ada/digits@v1")
        Address(repo='ada/digits', revision='v1')
        >>> str(Address.parse("ada/digits"))
        'hf://ada/digits'
    """

    repo: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"{PREFIX}{self.repo}" + (f"@{self.revision}" if self.revision else "")

    @classmethod
    def parse(cls, text: str, revision: str | None = None) -> Address:
        """Parse ``user/name``, with an optional ``hf://`` before it and an optional ``@revision`` after it.

        Args:
            revision: the revision to use if the text names none.

        Raises:
            InputError: the name or revision is not one that the Hub allows, or two different revisions are given.
        """
        if not isinstance(text, str):
            raise InputError(f"expected user/name, got {type(text).__name__}", where="repo_id")
        repo, at, named = text.removeprefix(PREFIX).partition("@")
        if at and revision is not None and named != revision:
            problem = f"expected one revision, got {excerpt(named)} and {excerpt(revision)}"
            raise InputError(problem, where=text, remedy="Leave one out.")
        address = cls(repo, named if at else revision)
        parts = repo.split("/")
        fits = len(parts) == 2 and all(_NAME.fullmatch(part) for part in parts) and len(repo) <= _LONGEST
        if not fits or "--" in repo or ".." in repo or repo.endswith(".git"):
            raise InputError(
                "expected the name of a model on the Hub, user/name or hf://user/name@revision",
                where=text,
                remedy="Both parts consist of letters and digits, with single - _ . between them.",
            )
        if address.revision is not None and (not _REVISION.fullmatch(address.revision) or ".." in address.revision):
            raise InputError(
                f"expected a branch, tag or commit, got {excerpt(address.revision)}, which cannot be called like this",
                where=text,
                remedy="Use a revision such as `v1.0`: hf://user/name@v1.0.",
            )
        return address
