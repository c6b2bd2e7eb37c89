"""What the test server understands: a pattern of "METHOD /path" and what it does."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from tests.hub.answers import Answer, RefusedError, as_json
from tests.hub.metadata import problems_of
from tests.hub.repository import Commit, Repository, StoredFile, is_large

if TYPE_CHECKING:
    from tests.hub.server import HubServer, Request

Table: TypeAlias = "list[tuple[str, Callable[..., Answer]]]"


def find_repository(hub: HubServer, request: Request, name: str, *, write: bool = False) -> Repository:
    """Return a repository that the account may see, or change."""
    account, repository = hub.account(request), hub.repositories.get(name)
    names = {account.name, *account.organisations} if account else set()
    hidden = repository is None or (repository.private and repository.owner not in names)
    if hidden:
        # The Hub does not tell strangers whether a name is free.
        raise (
            RefusedError(404, "Repository not found", "RepoNotFound")
            if account
            else RefusedError(401, "Invalid username or password.", "RepoNotFound")
        )
    assert repository is not None
    if write and account is None:
        raise RefusedError(401, "Invalid username or password.")
    if write and account and (repository.owner not in names or not account.can_write):
        raise RefusedError(403, "You don't have the rights to write to this repository")
    return repository


def find_commit(repository: Repository, revision: str) -> Commit:
    commit = repository.find(revision)
    if commit is None:
        raise RefusedError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
    return commit


def whoami(hub: HubServer, request: Request) -> Answer:
    account = hub.account(request)
    if account is None:
        raise RefusedError(401, "Invalid username or password.")
    return as_json({"type": "user", "name": account.name, "orgs": [{"name": name} for name in account.organisations]})


def harnesses(hub: HubServer, request: Request) -> Answer:
    return as_json({"standardEnvVars": [], "harnesses": {}})


def create(hub: HubServer, request: Request) -> Answer:
    account, wanted = hub.account(request), request.json
    if account is None:
        raise RefusedError(401, "Invalid username or password.")
    owner = wanted.get("organization") or account.name
    if owner not in (account.name, *account.organisations) or not account.can_write:
        raise RefusedError(403, f"You don't have the rights to create a model under the namespace {owner!r}")
    assert wanted.get("type", "model") == "model"
    name = f"{owner}/{wanted['name']}"
    if name in hub.repositories:
        return as_json({"error": "You already created this model repo", "url": f"{hub.url}/{name}"}, 409)
    private = wanted.get("private") or wanted.get("visibility") == "private"
    hub.repositories[name] = Repository(name, private=bool(private))
    return as_json({"url": f"{hub.url}/{name}", "name": name, "id": "1"})


def describe(hub: HubServer, repository: Repository, commit: Commit, *, blobs: bool = False) -> dict[str, Any]:
    card = commit.files.get("README.md")
    metadata, _ = problems_of(card.content.decode()) if card else ({}, [])
    siblings = []
    for name, file in sorted(commit.files.items()):
        entry: dict[str, Any] = {"rfilename": name}
        if blobs:
            entry |= {"size": len(file.content), "blobId": file.blob}
            if file.lfs:
                entry["lfs"] = {"sha256": file.sha256, "size": len(file.content), "pointerSize": len(file.pointer)}
        siblings.append(entry)
    return {
        "_id": "1", "id": repository.id, "modelId": repository.id, "author": repository.owner, "sha": commit.oid,
        "private": repository.private, "gated": "auto" if repository.gated else False, "disabled": False,
        "downloads": 7, "likes": 1, "tags": [*metadata.get("tags", [])], "siblings": siblings,
        "library_name": metadata.get("library_name"), "lastModified": "2026-01-01T00:00:00.000Z",
        "createdAt": "2026-01-01T00:00:00.000Z", "cardData": metadata,
    }  # fmt: skip


def model_info(hub: HubServer, request: Request, name: str, revision: str = "main") -> Answer:
    repository = find_repository(hub, request, name)
    blobs = request.query.get("blobs", ["false"])[0].lower() == "true"
    return as_json(describe(hub, repository, find_commit(repository, revision), blobs=blobs))


def list_models(hub: HubServer, request: Request) -> Answer:
    """Return two models a page, with a link to the next, as the Hub does with more."""
    hub.account(request)
    author, filters = request.query.get("author", [None])[0], set(request.query.get("filter", []))
    found = [
        described
        for repository in hub.repositories.values()
        if not repository.private
        for described in (describe(hub, repository, repository.head),)
        if author in (None, repository.owner) and filters <= {*described["tags"], described["library_name"]}
    ]
    start = int(request.query.get("cursor", ["0"])[0])
    page = [{**described, "siblings": None} for described in found[start : start + 2]]
    query = "&".join(f"{key}={value}" for key, values in request.query.items() for value in values if key != "cursor")
    link = {"Link": f'<{hub.url}/api/models?{query}&cursor={start + 2}>; rel="next"'} if len(found) > start + 2 else {}
    for described in page:
        del described["siblings"]
    return as_json(page, 200, **link)


def tree(hub: HubServer, request: Request, name: str, revision: str, folder: str = "") -> Answer:
    files = find_commit(find_repository(hub, request, name), revision).files
    inside = {path: file for path, file in files.items() if path.startswith(f"{folder}/" if folder else "")}
    entries: list[dict[str, Any]] = []
    for path, file in sorted(inside.items()):
        entry: dict[str, Any] = {"type": "file", "path": path, "size": len(file.content), "oid": file.blob}
        if file.lfs:
            entry["lfs"] = {"oid": file.sha256, "size": len(file.content), "pointerSize": len(file.pointer)}
        entries.append(entry)
    return as_json(entries)


def refs(hub: HubServer, request: Request, name: str) -> Answer:
    repository = find_repository(hub, request, name)

    def listed(names: Mapping[str, str], kind: str) -> list[dict[str, str]]:
        return [{"name": n, "ref": f"refs/{kind}/{n}", "targetCommit": oid} for n, oid in names.items()]

    found = {"branches": listed(repository.branches, "heads"), "tags": listed(repository.tags, "tags"), "converts": []}
    return as_json(found)


def create_branch(hub: HubServer, request: Request, name: str, branch: str) -> Answer:
    repository = find_repository(hub, request, name, write=True)
    if branch in repository.branches:
        raise RefusedError(409, "Reference already exists")
    repository.branches[branch] = find_commit(repository, request.json.get("startingPoint", "main")).oid
    return Answer(201)


def create_tag(hub: HubServer, request: Request, name: str, revision: str) -> Answer:
    repository, tag = find_repository(hub, request, name, write=True), request.json["tag"]
    if tag in repository.tags:
        raise RefusedError(409, f"Tag {tag} already exists")
    repository.tags[tag] = find_commit(repository, revision).oid
    return Answer(201)


def validate(hub: HubServer, request: Request) -> Answer:
    assert request.json["repoType"] == "model"
    _, problems = problems_of(request.json["content"])
    if problems:
        return as_json({"errors": [{"message": problem} for problem in problems], "warnings": []}, 400)
    return as_json({"errors": [], "warnings": []})


def preupload(hub: HubServer, request: Request, name: str, revision: str) -> Answer:
    repository = find_repository(hub, request, name, write=True)
    files = find_commit(repository, revision).files
    answers = []
    for wanted in request.json["files"]:
        base64.b64decode(wanted["sample"])
        path, here = wanted["path"], files.get(wanted["path"])
        mode = "lfs" if is_large(path, wanted["size"]) else "regular"
        answers.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": here.etag if here else None})
    return as_json({"files": answers})


def lfs_batch(hub: HubServer, request: Request, name: str) -> Answer:
    find_repository(hub, request, name, write=True)
    wanted = request.json
    assert wanted["operation"] == "upload"
    assert wanted["hash_algo"] == "sha256"
    assert "basic" in wanted["transfers"]
    objects = []
    for item in wanted["objects"]:
        entry: dict[str, Any] = {"oid": item["oid"], "size": item["size"]}
        if item["oid"] not in hub.objects:
            verify = {"href": f"{hub.url}/{name}.git/info/lfs/verify"}
            upload = {"href": f"{hub.storage}/upload/{item['oid']}?X-Signature=secret-of-upload", "header": {}}
            entry["actions"] = {"upload": upload, "verify": verify}
        objects.append(entry)
    return as_json({"transfer": "basic", "objects": objects})


def lfs_verify(hub: HubServer, request: Request, name: str) -> Answer:
    find_repository(hub, request, name, write=True)
    stored = hub.objects.get(request.json["oid"])
    if stored is None or len(stored) != request.json["size"]:
        raise RefusedError(404, "Object not found")
    return Answer()


def commit(hub: HubServer, request: Request, name: str, revision: str) -> Answer:
    """Make a commit of newline-separated JSON: a header, then a file, a large file or a deletion a line."""
    repository = find_repository(hub, request, name, write=True)
    head = find_commit(repository, revision)
    lines = [json.loads(line) for line in request.body.splitlines()]
    header, files = lines[0]["value"], dict(head.files)
    assert lines[0]["key"] == "header"
    if header.get("parentCommit") not in (None, head.oid):
        raise RefusedError(412, "A commit has happened since. Please refresh and try again.")
    for line in lines[1:]:
        value = line["value"]
        if line["key"] == "file":
            assert value["encoding"] == "base64"
            files[value["path"]] = StoredFile(base64.b64decode(value["content"]))
        elif line["key"] == "lfsFile":
            if value["oid"] not in hub.objects:
                raise RefusedError(400, "The large file was not uploaded")
            files[value["path"]] = StoredFile(hub.objects[value["oid"]], lfs=True)
        elif line["key"] == "deletedFile":
            del files[value["path"]]
        else:
            raise AssertionError(f"unknown operation {line['key']}")
    made = repository.commit(files, header["summary"], revision)
    return as_json({"success": True, "commitOid": made.oid, "commitUrl": f"{hub.url}/{name}/commit/{made.oid}"})


def resolve(hub: HubServer, request: Request, name: str, revision: str, path: str) -> Answer:
    """Send a file, or for a large one the signed address where it lies."""
    repository = find_repository(hub, request, name)
    account = hub.account(request)
    if repository.gated and (account is None or account.name not in {*repository.allowed, repository.owner}):
        raise RefusedError(403 if account else 401, f"Access to model {name} is restricted.", "GatedRepo")
    found = find_commit(repository, revision)
    file = found.files.get(path)
    if file is None:
        refusal = RefusedError(404, "Entry not found", "EntryNotFound")
        refusal.answer.headers["X-Repo-Commit"] = found.oid
        raise refusal
    headers = {"X-Repo-Commit": found.oid, "ETag": f'"{file.etag}"', "Accept-Ranges": "bytes"}
    if not file.lfs:
        return ranged(request, file.content, headers)
    hub.objects[file.sha256] = file.content
    signed = f"{hub.storage}/download/{file.sha256}?X-Signature=secret-of-download"
    linked = {"X-Linked-Etag": f'"{file.sha256}"', "X-Linked-Size": str(len(file.content)), "Location": signed}
    return Answer(302, {**headers, **linked}, b"Found. Redirecting.")


def ranged(request: Request, content: bytes, headers: dict[str, str]) -> Answer:
    """Send a file, or what is left of it from the byte that the client asks for."""
    asked = request.headers.get("range")
    if asked is None:
        return Answer(200, headers, content)
    start = int(asked.removeprefix("bytes=").partition("-")[0])
    headers = {**headers, "Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
    return Answer(206, headers, content[start:])


def receive(hub: HubServer, request: Request, oid: str) -> Answer:
    assert "authorization" not in request.headers, "a token was sent to the storage"
    if hashlib.sha256(request.body).hexdigest() != oid:
        raise RefusedError(400, "The content does not have this checksum")
    hub.objects[oid] = request.body
    return Answer()


def hand_out(hub: HubServer, request: Request, oid: str) -> Answer:
    assert "authorization" not in request.headers, "a token was sent to the storage"
    return ranged(request, hub.objects[oid], {"ETag": f'"{oid}"', "Accept-Ranges": "bytes"})


_NAME = r"([\w.-]+/[\w.-]+)"
HUB: Table = [
    (r"GET /api/whoami-v2", whoami),
    (r"GET /api/agent-harnesses", harnesses),
    (r"POST /api/repos/create", create),
    (r"POST /api/validate-yaml", validate),
    (r"GET /api/models", list_models),
    (rf"GET /api/models/{_NAME}", model_info),
    (rf"GET /api/models/{_NAME}/revision/([^/]+)", model_info),
    (rf"GET /api/models/{_NAME}/tree/([^/]+)", tree),
    (rf"GET /api/models/{_NAME}/tree/([^/]+)/([^/]+)", tree),
    (rf"GET /api/models/{_NAME}/refs", refs),
    (rf"POST /api/models/{_NAME}/branch/([^/]+)", create_branch),
    (rf"POST /api/models/{_NAME}/tag/([^/]+)", create_tag),
    (rf"POST /api/models/{_NAME}/preupload/([^/]+)", preupload),
    (rf"POST /api/models/{_NAME}/commit/([^/]+)", commit),
    (rf"POST /{_NAME}\.git/info/lfs/objects/batch", lfs_batch),
    (rf"POST /{_NAME}\.git/info/lfs/verify", lfs_verify),
    (rf"(?:HEAD|GET) /{_NAME}/resolve/([^/]+)/(.+)", resolve),
]
STORAGE: Table = [
    (r"PUT /upload/([0-9a-f]{64})", receive),
    (r"GET /download/([0-9a-f]{64})", hand_out),
]
