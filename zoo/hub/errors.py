"""Errors of the Hub, and the translation of the client's exceptions into messages that contain no tokens."""

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
_LOG_IN = "Log in with `hf auth login`, or set HF_TOKEN to a token from https://huggingface.co/settings/tokens"


class HubError(ZooError):
    """The Hub cannot be reached, refused a request, or sent data that cannot be trusted."""


class HubInputError(InputError):
    """There is no such repository, revision or file on the Hub."""


@contextlib.contextmanager
def hub_errors(where: str, *, endpoint: str, token: str | bool | None = None) -> Iterator[None]:
    """Raise the client's exceptions as errors of the zoo, which are passed through.

    Args:
        where: the model's address, with which messages begin.
        endpoint: the address of the Hub.
        token: the token, which is removed from messages.
    """
    known = token if isinstance(token, str) else None
    try:
        with _scrubbed_log(known):
            yield
    except ZooError:
        raise
    except Exception as error:
        failure = describe(error, where, endpoint) or _unexpected_answer(error, where, endpoint)
        if failure is None:
            raise
        failure.problem = scrub(failure.problem, known)
        failure.remedy = scrub(failure.remedy or "", known) or None
        # The client's exception is not chained, because it contains the request with its headers and thus the token.
        raise failure from None


def _unexpected_answer(error: Exception, where: str, endpoint: str) -> ZooError | None:
    """Return the error for a response that the client cannot handle; None if this package raised the exception."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    if frame is None or str(frame.tb_frame.f_globals.get("__name__")).startswith("zoo."):
        return None
    return _not_a_hub(error, where, endpoint)


def _not_a_hub(error: BaseException, where: str, endpoint: str) -> HubError:
    return HubError(
        f"the response of {endpoint} cannot be understood ({_brief(error)})",
        where=where,
        remedy="Check that this is the address of a Hub (HF_ENDPOINT).",
    )


@contextlib.contextmanager
def _scrubbed_log(token: str | None) -> Iterator[None]:
    """Remove secrets from what the client logs in this block: it logs the signed URLs that it retries."""

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
    """Return the error of the zoo for an exception of the client; None if the exception is a bug of the program."""
    from huggingface_hub import errors as client

    cause = error.__cause__
    if isinstance(error, (RuntimeError, client.LocalEntryNotFoundError)) and isinstance(cause, Exception):
        # "Error while uploading …" and "An error happened while trying to locate …" are less clear than their cause.
        clearer = cause if isinstance(cause, ZooError) else describe(cause, where, endpoint)
        if clearer is not None:
            return clearer
    if isinstance(error, client.HfHubHTTPError):
        return _describe_response(error, where, endpoint)
    if isinstance(error, (client.OfflineModeIsEnabled, client.LocalEntryNotFoundError)):
        return HubError(
            "the model is not in the cache, and HF_HUB_OFFLINE is set"
            if is_offline()
            else "the model is not in the cache, and the Hub cannot be reached",
            where=where,
            remedy="Unset HF_HUB_OFFLINE, or pull the model once while there is a network.",
        )
    if isinstance(error, client.HFValidationError):
        return InputError(str(error).splitlines()[0], where=where, remedy="Write the name of a model as user/name.")
    if isinstance(error, (connection_errors(), ConnectionError, TimeoutError)):
        return HubError(
            f"the Hub at {endpoint} cannot be reached, or the connection was lost ({_brief(error)})",
            where=where,
            remedy="Check the network, the proxy, and HF_ENDPOINT if it is set; then try again.",
        )
    if isinstance(error, OSError):
        return _describe_os_error(error, where)
    if isinstance(error, (json.JSONDecodeError, UnicodeError, RecursionError)):
        return _not_a_hub(error, where, endpoint)
    if isinstance(error, ValueError) and "metadata in README.md" in str(error):
        return InputError(
            str(error), where="README.md", remedy="Correct the card's metadata, between the two lines `---`."
        )
    if isinstance(error, (ValueError, RuntimeError)) or type(error).__module__.startswith(
        ("huggingface_hub", "hf_xet")
    ):
        return HubError(_brief(error), where=where, remedy="Try again later.")
    return None


def _describe_response(error: Any, where: str, endpoint: str) -> ZooError:
    """Return the error for a response with an error status."""
    from huggingface_hub import errors as client

    status = error.response.status_code
    page = f"{endpoint}/{where.removeprefix('hf://').partition('@')[0]}"
    if isinstance(error, client.GatedRepoError):
        return HubError(
            "this model is gated, and this account has not accepted its terms",
            where=where,
            remedy=f"Accept the terms at {page}. {_LOG_IN}, with the account that accepted them.",
        )
    if isinstance(error, client.DisabledRepoError):
        return HubError("the Hub has disabled this repository", where=where)
    if isinstance(error, client.RepositoryNotFoundError):
        access = "you are not logged in" if status == 401 else "this account has no access to it"
        return HubInputError(
            f"there is no such repository, or it is private and {access} ({status})",
            where=where,
            remedy=f"Check the name. For a private repository: {_LOG_IN[0].lower()}{_LOG_IN[1:]}.",
        )
    if isinstance(error, client.RevisionNotFoundError):
        return HubInputError(
            "there is no such branch, tag or commit in this repository (404)",
            where=where,
            remedy=f"The branches and tags are listed at {page}/tree/main.",
        )
    return _by_status(status, error, where, page)


def _by_status(status: int, error: Any, where: str, page: str) -> ZooError:
    message = f": {_clean(error.server_message)}" if error.server_message else ""
    if status == 401:
        return HubError(f"the Hub does not accept this token (401){message}", where=where, remedy=f"{_LOG_IN}.")
    if status == 403:
        return HubError(
            f"this account has no permission to do that (403){message}",
            where=where,
            remedy=f"Check the user or organisation in the name, and that the token has write access. {_LOG_IN}.",
        )
    if status == 404:
        return HubInputError(f"not found (404){message}", where=where, remedy=f"See {page}.")
    if status in (409, 412):
        return HubError(
            f"somebody else has just changed this repository ({status}){message}",
            where=where,
            remedy=f"Look at {page}/commits/main, and push again to add your model after their commit.",
        )
    if status == 429:
        wait = error.response.headers.get("retry-after")
        return HubError(
            "too many requests to the Hub from this address (429)",
            where=where,
            remedy=f"Try again in {wait} seconds."
            if wait
            else "Try again in a few minutes, or log in: the limit is higher then.",
        )
    if status >= 500:
        return HubError(
            f"the Hub has an internal error ({status}){message}",
            where=where,
            remedy="Try again later; https://status.huggingface.co reports outages.",
        )
    return HubError(f"the Hub refuses the request ({status}){message}", where=where)


def _describe_os_error(error: OSError, where: str) -> ZooError:
    place = f" at {error.filename}" if error.filename else ""
    if error.errno in _NO_SPACE:
        return HubError(
            f"the disk is full{place}; the incomplete file was removed",
            where=where,
            remedy="Free some space, or set HF_HOME to a folder on a larger disk.",
        )
    if error.errno in _NO_PERMISSION:
        return HubError(
            f"no permission to write{place}", where=where, remedy="Set HF_HOME to a folder that you can write to."
        )
    if "Consistency check" in str(error):
        return HubError("the download of a file was incomplete; it was removed", where=where, remedy="Try again.")
    return HubError(_brief(error), where=where)


def connection_errors() -> type[Exception]:
    """Return the base class of the errors of the HTTP library that this version of the client uses."""
    from huggingface_hub.errors import HfHubHTTPError

    return next(base for base in HfHubHTTPError.__mro__ if base.__module__.startswith("httpx"))


def http_library() -> Any:
    """Return the HTTP library that this version of the client uses: httpx, or httpx2."""
    return importlib.import_module(connection_errors().__module__.partition(".")[0])


def is_offline() -> bool:
    """Return whether ``HF_HUB_OFFLINE`` is set."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def scrub(text: str, token: str | None = None) -> str:
    """Return a text without tokens, signatures of signed URLs, and control characters.

    Args:
        token: a token to remove, in addition to those in the environment and those that look like one.

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
