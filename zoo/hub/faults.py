"""Turns failures of the Hub into one message that says what happened and what to do, without tokens."""

from __future__ import annotations

import contextlib
import errno
import importlib
import json
import logging
import os
import re
from collections.abc import Iterator
from typing import Any

from zoo.errors import InputError, ZooError

_TOKEN = re.compile(r"\bhf_[A-Za-z0-9_]{6,}|\beyJ[\w-]+\.[\w-]+\.[\w-]+|(?<=[Bb]earer )\S+")
_SIGNATURE = re.compile(r"(https?://[^\s?'\"]+)\?[^\s'\"]+")
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_PERMISSION = {errno.EACCES, errno.EPERM, errno.EROFS}
_LOG_IN = "Log in with `hf auth login`, or set HF_TOKEN to a token of https://huggingface.co/settings/tokens"


class HubError(ZooError):
    """The Hub or the way to it failed, or what it sent cannot be trusted."""


class HubInputError(InputError):
    """There is nothing on the Hub under this name."""


@contextlib.contextmanager
def hub_errors(where: str, *, endpoint: str, token: str | bool | None = None) -> Iterator[None]:
    """Turn what the client raises into one message; the zoo's own errors pass.

    Args:
        where: the address that is worked on.
        endpoint: the address of the Hub.
        token: what must not appear in a message.
    """
    known = token if isinstance(token, str) else None
    try:
        with _scrubbed_log(known):
            yield
    except ZooError:
        raise
    except Exception as error:
        failure = describe(error, where, endpoint) or _not_understood(error, where, endpoint)
        if failure is None:
            raise
        failure.problem = scrub(failure.problem, known)
        failure.remedy = scrub(failure.remedy or "", known) or None
        # The client's error is not chained: it holds the request with its headers, the token among them.
        raise failure from None


def _not_understood(error: Exception, where: str, endpoint: str) -> ZooError | None:
    """Return the message for an answer on which the client fails; None for an error that this package raised."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    if frame is None or str(frame.tb_frame.f_globals.get("__name__")).startswith("zoo."):
        return None
    return _no_hub(error, where, endpoint)


def _no_hub(error: BaseException, where: str, endpoint: str) -> HubError:
    return HubError(
        f"the answer of {endpoint} cannot be understood ({_brief(error)})",
        where=where,
        remedy="Is it a Hub? See HF_ENDPOINT.",
    )


@contextlib.contextmanager
def _scrubbed_log(token: str | None) -> Iterator[None]:
    """Scrub what the client logs meanwhile: it names the signed addresses that it tries again."""

    def clean(record: logging.LogRecord) -> bool:
        record.msg, record.args = scrub(record.getMessage(), token), ()
        return True

    handlers = [*logging.getLogger("huggingface_hub").handlers, *logging.getLogger().handlers]
    for handler in handlers:
        handler.addFilter(clean)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(clean)


def describe(error: BaseException, where: str, endpoint: str) -> ZooError | None:
    """Return the message for an error of the client, or None for one that is a fault of the program."""
    from huggingface_hub import errors as client

    cause = error.__cause__
    if isinstance(error, (RuntimeError, client.LocalEntryNotFoundError)) and isinstance(cause, Exception):
        # "Error while uploading …" and "An error happened while trying to locate …" say less than their cause.
        clearer = describe(cause, where, endpoint)
        if clearer is not None:
            return clearer
    if isinstance(error, client.HfHubHTTPError):
        return _answered(error, where, endpoint)
    if isinstance(error, (client.OfflineModeIsEnabled, client.LocalEntryNotFoundError)):
        return HubError(
            "it is not in the cache, and the Hub is not asked: HF_HUB_OFFLINE is set"
            if is_offline()
            else "it is not in the cache, and the Hub cannot be reached",
            where=where,
            remedy="Unset HF_HUB_OFFLINE, or pull it once while there is a network.",
        )
    if isinstance(error, client.HFValidationError):
        return InputError(str(error).splitlines()[0], where=where, remedy="A model is named user/name.")
    if isinstance(error, (connection_errors(), ConnectionError, TimeoutError)):
        return HubError(
            f"the Hub at {endpoint} cannot be reached, or the connection was cut ({_brief(error)})",
            where=where,
            remedy="Check the network, a proxy, and HF_ENDPOINT if it is set; then try again.",
        )
    if isinstance(error, OSError):
        return _of_the_disk(error, where)
    if isinstance(error, (json.JSONDecodeError, UnicodeError, RecursionError)):
        return _no_hub(error, where, endpoint)
    if isinstance(error, ValueError) and "metadata in README.md" in str(error):
        return InputError(str(error), where="README.md", remedy="Correct the lines between the two --- of the card.")
    if isinstance(error, (ValueError, RuntimeError)) or type(error).__module__.startswith(
        ("huggingface_hub", "hf_xet")
    ):
        return HubError(_brief(error), where=where, remedy="Try again later.")
    return None


def _answered(error: Any, where: str, endpoint: str) -> ZooError:
    """Return the message for an error answer of the server."""
    from huggingface_hub import errors as client

    status = error.response.status_code
    page = f"{endpoint}/{where.removeprefix('hf://').partition('@')[0]}"
    if isinstance(error, client.GatedRepoError):
        return HubError(
            "its authors let in only those who accept their terms, and this account has not (gated)",
            where=where,
            remedy=f"Accept the terms at {page}. {_LOG_IN} of the account that did.",
        )
    if isinstance(error, client.DisabledRepoError):
        return HubError("the Hub has disabled this repository", where=where)
    if isinstance(error, client.RepositoryNotFoundError):
        seen = "nobody is logged in" if status == 401 else "this account may not see it"
        return HubInputError(
            f"there is no such repository, or it is private and {seen} ({status})",
            where=where,
            remedy=f"Check the name. {_LOG_IN}, if it is private.",
        )
    if isinstance(error, client.RevisionNotFoundError):
        return HubInputError(
            "there is no such branch, tag or commit in this repository (404)",
            where=where,
            remedy=f"See what there is at {page}/tree/main.",
        )
    return _by_status(status, error, where, page)


def _by_status(status: int, error: Any, where: str, page: str) -> ZooError:
    message = f": {_clean(error.server_message)}" if error.server_message else ""
    if status == 401:
        return HubError(f"the Hub does not accept this token (401){message}", where=where, remedy=f"{_LOG_IN}.")
    if status == 403:
        return HubError(
            f"this account may not do that (403){message}",
            where=where,
            remedy=f"Check the user or organisation in the name, and that the token may write. {_LOG_IN}.",
        )
    if status == 404:
        return HubInputError(f"there is no such thing (404){message}", where=where, remedy=f"See {page}.")
    if status in (409, 412):
        return HubError(
            f"somebody else has just changed it ({status}){message}",
            where=where,
            remedy=f"Look at {page}/commits/main, and push again if yours should come on top.",
        )
    if status == 429:
        wait = error.response.headers.get("retry-after")
        return HubError(
            "the Hub has had too many requests from here (429)",
            where=where,
            remedy=f"Try again in {wait} seconds." if wait else "Try again in some minutes; logged in, one has more.",
        )
    if status >= 500:
        return HubError(
            f"the Hub fails ({status}){message}",
            where=where,
            remedy="Try again later; https://status.huggingface.co reports outages.",
        )
    return HubError(f"the Hub refuses ({status}){message}", where=where)


def _of_the_disk(error: OSError, where: str) -> ZooError:
    place = f" at {error.filename}" if error.filename else ""
    if error.errno in _NO_SPACE:
        return HubError(
            f"the disk is full{place}; what had been written was removed",
            where=where,
            remedy="Make room, or set HF_HOME to a folder on a larger disk.",
        )
    if error.errno in _NO_PERMISSION:
        return HubError(f"no permission to write{place}", where=where, remedy="Set HF_HOME to a folder of your own.")
    if "Consistency check" in str(error):
        return HubError("a file did not arrive whole; it was not kept", where=where, remedy="Try again.")
    return HubError(_brief(error), where=where)


def connection_errors() -> type[Exception]:
    """Return the class of the HTTP client's own errors, whichever HTTP client this version uses."""
    from huggingface_hub.errors import HfHubHTTPError

    return next(base for base in HfHubHTTPError.__mro__ if base.__module__.startswith("httpx"))


def http_library() -> Any:
    """Return the HTTP library that this version of the client uses: httpx, or httpx2."""
    return importlib.import_module(connection_errors().__module__.partition(".")[0])


def is_offline() -> bool:
    """Whether the environment says that the Hub is not to be asked."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def scrub(text: str, token: str | None = None) -> str:
    """Return a text without tokens, without the signatures of signed addresses, and without control characters.

    Example:
        >>> scrub("sent hf_abcdefghij to https://cdn/x?Signature=abc")
        'sent *** to https://cdn/x'
    """
    for secret in (token, os.environ.get("HF_TOKEN"), os.environ.get("HUGGING_FACE_HUB_TOKEN")):
        if secret:
            text = text.replace(secret, "***")
    text = _SIGNATURE.sub(r"\1", _TOKEN.sub("***", text))
    return "".join(letter for letter in text if letter.isprintable() or letter == "\n")


def _brief(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {_clean(lines[0])}" if lines else type(error).__name__


def _clean(message: str) -> str:
    return " ".join(scrub(message).split())[:300]
