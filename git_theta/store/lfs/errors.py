"""What an HTTP status means for a transfer, and what its user can do about it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from git_theta.store.remote import TransferError

#: Characters of a server's own message that are shown.
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

_AGAIN = frozenset((408, 425, 429, 500, 502, 503, 504))


def status_error(
    status: int,
    place: str,
    headers: Mapping[str, str],
    body: bytes = b"",
    subject: str = "",
    proved: bool = False,
) -> TransferError:
    """The error for an answer that isn't a success.

    Args:
        status: Its status.
        place: The URL as shown to users.
        headers: Its headers, found whatever their case.
        body: The beginning of what it says.
        subject: What was wanted, as "object abc".
        proved: Whether a user name and a password were given.
    """
    meaning, hint = _MEANINGS.get(status, ("has a failure of its own" if status >= 500 else "refuses", ""))
    if status == 401 and proved:
        meaning = "doesn't accept the user name and password"
    said = server_message(body)
    return TransferError(
        f"{subject}{': ' if subject else ''}{place} {meaning} (HTTP {status}){f': {said}' if said else ''}",
        hint or ("try again later" if status >= 500 else ""),
        retry=status in _AGAIN,
        after=retry_after(headers.get("Retry-After"), time.time()),
    )


def object_error(code: int, said: str, place: str, oid: str) -> TransferError:
    """The error for an object that an answer of the Batch API has an error for."""
    return status_error(code, place, {}, json.dumps({"message": said}).encode(), f"object {oid}")


def means_no_objects(status: int, body: bytes) -> bool:
    """Whether an answer to a whole request says that none of its objects is there, as giftless does.

    Others answer for each object, and 404 means that there's no such repository.
    """
    return status == 404 and "object" in server_message(body).lower()


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds to wait, from a header `Retry-After` that has seconds or a date; `None` if it says nothing.

    Args:
        value: The header.
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
    """What a server says in the JSON of an error, made safe to show; empty if it says nothing."""
    try:
        said = json.loads(body).get("message", "")
    except (ValueError, AttributeError, RecursionError):
        return ""
    shown = "".join(character if character.isprintable() else " " for character in str(said))
    return shown[:_LONGEST].strip().rstrip(".")
