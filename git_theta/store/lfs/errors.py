"""Errors of a Git LFS server: the meaning of an HTTP status for a transfer, with a hint for the user."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from git_theta.store.remote import TransferError

#: The most characters of a server's own message that are shown.
_LONGEST = 300

_MEANINGS = {
    400: ("doesn't understand the request", "check that `lfs.url` is the URL of a Git LFS server"),
    401: (
        "wants a user name and password",
        "store them with a Git credential helper, or run the command again in a terminal",
    ),
    403: ("doesn't allow this", "ask for the right to read from or write to it, or use another account"),
    404: (
        "isn't there, or isn't a Git LFS server that you may see",
        (
            "check the remote's URL and `lfs.url`, and that the repository has Git LFS; if it lacks only "
            "objects, whoever pushed the commits has to run `git theta push`"
        ),
    ),
    406: ("doesn't speak this version of the Git LFS API", ""),
    410: ("says that the object was removed", "push it again from a clone that has it"),
    413: ("says that this is too large", "ask for a higher limit there, or use another remote"),
    422: ("finds the request invalid", ""),
    429: ("was asked too often", "try again later: what has been transferred isn't transferred again"),
    501: ("doesn't support this", "check that `lfs.url` is the URL of a Git LFS server"),
    507: ("is full", "free some space there, or use another remote"),
    509: ("has used up its bandwidth", "wait for the quota's renewal, or use another remote"),
}

_RETRY = frozenset((408, 425, 429, 500, 502, 503, 504))


def status_error(
    status: int,
    place: str,
    headers: Mapping[str, str],
    body: bytes = b"",
    subject: str = "",
    proved: bool = False,
) -> TransferError:
    """The error for a response whose status isn't one of success.

    Args:
        status: Status of the response.
        place: URL of the server as shown to users.
        headers: Headers of the response, whose names are found in any case.
        body: The beginning of the response's body.
        subject: The thing that the request was about, as "object abc".
        proved: Whether the request had a user name and a password.
    """
    meaning, hint = _MEANINGS.get(status, ("has a failure of its own" if status >= 500 else "refuses", ""))
    if status == 401 and proved:
        meaning = "doesn't accept the user name and password"
    said = server_message(body)
    return TransferError(
        f"{subject}{': ' if subject else ''}{place} {meaning} (HTTP {status}){f': {said}' if said else ''}",
        hint or ("try again later" if status >= 500 else ""),
        retry=status in _RETRY,
        after=retry_after(headers.get("Retry-After"), time.time()),
    )


def object_error(code: int, said: str, place: str, oid: str) -> TransferError:
    """The error for an object whose answer of the Batch API is an error."""
    return status_error(code, place, {}, json.dumps({"message": said}).encode(), f"object {oid}")


def means_no_objects(status: int, body: bytes) -> bool:
    """Whether a response to a request of the Batch API means that the server has none of its objects.

    giftless answers so. Other servers answer for each object, and their 404 means that there's no such
    repository.
    """
    return status == 404 and "object" in server_message(body).lower()


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds to wait by a header `Retry-After`, which has seconds or a date; `None` if it isn't valid.

    Args:
        value: The header; `None` without.
        now: The time, in seconds since 1970.
    """
    if not value:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def server_message(body: bytes) -> str:
    """The message in the JSON of a server's error, made safe to show; empty without."""
    try:
        said = json.loads(body).get("message", "")
    except (ValueError, AttributeError, RecursionError):
        return ""
    shown = "".join(character if character.isprintable() else " " for character in str(said))
    return shown[:_LONGEST].strip().rstrip(".")
