"""The repositories of the test server: commits, branches, tags and large files, all in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

GITATTRIBUTES = b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n"


@dataclass(frozen=True)
class StoredFile:
    """A file of a commit; a large one stands in the repository as a pointer."""

    content: bytes
    lfs: bool = False

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def pointer(self) -> bytes:
        return (
            f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.content)}\n".encode()
        )

    @property
    def blob(self) -> str:
        return git_blob(self.pointer if self.lfs else self.content)

    @property
    def etag(self) -> str:
        return self.sha256 if self.lfs else self.blob


def git_blob(content: bytes) -> str:
    """Return the id that git gives to a file."""
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Commit:
    """A commit: its files and what came before it."""

    oid: str
    parent: str | None
    message: str
    files: Mapping[str, StoredFile]


@dataclass
class Repository:
    """A model repository, as the Hub creates it: a branch with ``.gitattributes``."""

    id: str
    private: bool = False
    gated: bool = False
    allowed: set[str] = field(default_factory=set)
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.commit({".gitattributes": StoredFile(GITATTRIBUTES)}, "initial commit", "main")

    @property
    def owner(self) -> str:
        return self.id.partition("/")[0]

    @property
    def head(self) -> Commit:
        return self.commits[self.branches["main"]]

    def find(self, revision: str) -> Commit | None:
        """Return the commit of a branch, a tag or an id."""
        oid = self.branches.get(revision) or self.tags.get(revision) or revision
        return self.commits.get(oid)

    def commit(self, files: Mapping[str, StoredFile], message: str, branch: str = "main") -> Commit:
        """Put a commit with exactly these files on a branch."""
        parent = self.branches.get(branch)
        described = repr((parent, message, sorted((name, file.etag) for name, file in files.items())))
        made = Commit(hashlib.sha1(described.encode(), usedforsecurity=False).hexdigest(), parent, message, dict(files))
        self.commits[made.oid] = made
        self.branches[branch] = made.oid
        return made

    def edit(self, changes: Mapping[str, bytes | None], message: str = "edit") -> Commit:
        """Change files of the main branch as a person would on the web page; None removes one."""
        files = {name: file for name, file in self.head.files.items() if name not in changes}
        added = {
            name: StoredFile(content, is_large(name, len(content)))
            for name, content in changes.items()
            if content is not None
        }
        return self.commit({**files, **added}, message)

    def log(self, branch: str = "main") -> list[str]:
        """Return the messages of a branch, the newest first."""
        messages, oid = [], self.branches.get(branch)
        while oid is not None:
            messages.append(self.commits[oid].message)
            oid = self.commits[oid].parent
        return messages


def is_large(name: str, size: int) -> bool:
    """Whether the server keeps a file in large-file storage."""
    return name.endswith(".safetensors") or size > 1_000_000
