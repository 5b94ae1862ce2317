"""The Batch API of Git LFS: one request for many objects, whose answer tells how to transfer each."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import urljoin

from git_theta.store.remote import RemoteObject, TransferError
from git_theta.store.urls import http_url, is_downgrade, without_password

#: Type of the API's requests and answers.
MEDIA_TYPE = "application/vnd.git-lfs+json"

_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


@dataclass(frozen=True, slots=True)
class Action:
    """An HTTP request that uploads, verifies or downloads one object.

    Attributes:
        href: URL of the request.
        header: Headers of the request.
        lifetime: Seconds after the answer in which the action may be used; `None` if unknown.
    """

    href: str
    header: Mapping[str, str]
    lifetime: float | None


@dataclass(frozen=True, slots=True)
class BatchOffer:
    """The server's answer for one object.

    Attributes:
        oid: Name of the object.
        size: Size in bytes, as the server has it.
        actions: Actions by name: `upload`, `verify`, `download`. Empty for an upload if the server has the
            object.
        authenticated: Whether the actions need no credentials besides their own headers.
        error: Code and message if the server refuses; else `None`.
    """

    oid: str
    size: int
    actions: Mapping[str, Action]
    authenticated: bool
    error: tuple[int, str] | None


def batch_request(
    operation: Literal["upload", "download"], objects: Sequence[RemoteObject], ref: str | None
) -> bytes:
    """The body of a request.

    Args:
        operation: `upload` or `download`.
        objects: The objects; an unknown size is sent as 0.
        ref: Full name of the branch or tag that the objects are for, if known.
    """
    request: dict[str, Any] = {
        "operation": operation,
        "transfers": ["basic"],
        "objects": [{"oid": wanted.oid, "size": wanted.size or 0} for wanted in objects],
        "hash_algo": "sha256",
    }
    if ref:
        request["ref"] = {"name": ref}
    return json.dumps(request).encode()


def batch_answer(body: bytes, url: str, now: datetime | None = None) -> list[BatchOffer]:
    """Read an answer.

    Args:
        body: Bytes of the answer.
        url: URL of the request, from which relative URLs start.
        now: Time of the answer by the server's clock.

    Raises:
        TransferError: The answer isn't valid, or needs something that isn't supported.
    """
    try:
        answer = json.loads(body)
        offers = [_offer(entry, url, now or datetime.now(UTC)) for entry in answer["objects"]]
        transfer, hashes = answer.get("transfer"), answer.get("hash_algo")
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise TransferError(
            "the server's answer isn't one of the Git LFS API", "check that `lfs.url` is right"
        ) from error
    if transfer not in (None, "", "basic"):
        raise TransferError(f"the server insists on the transfer {transfer!r}; only 'basic' is supported")
    if hashes not in (None, "", "sha256"):
        raise TransferError(f"the server names objects by {hashes!r}; only 'sha256' is supported")
    return offers


def headers_of(entry: Mapping[str, Any]) -> dict[str, str]:
    """The headers of an action or a grant.

    Raises:
        ValueError: A header would break the request.
    """
    headers = {str(name): str(value) for name, value in (entry.get("header") or {}).items()}
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not (value.isascii() and value.isprintable()):
            raise ValueError(f"the header {name!r} isn't valid")
    return headers


def lifetime(entry: Mapping[str, Any], now: datetime) -> float | None:
    """Lifetime of an action or a grant in seconds, by `expires_in` or `expires_at`; `None` without.

    Raises:
        ValueError: The fields aren't valid.
    """
    if (seconds := float(entry.get("expires_in") or 0)) > 0:
        return seconds
    if not (moment := entry.get("expires_at")):
        return None
    until = datetime.fromisoformat(moment)
    # Some servers send the year 1 for "never", and clocks may differ by more than what is left.
    left = (until if until.tzinfo else until.replace(tzinfo=UTC)) - now
    return left.total_seconds() if left.total_seconds() > 0 else None


def server_time(date: str | None) -> datetime | None:
    """The time by a server's clock, from its header `Date`; `None` if that isn't valid."""
    try:
        found = parsedate_to_datetime(date or "")
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _offer(entry: Any, url: str, now: datetime) -> BatchOffer:
    error = entry.get("error")
    actions = entry.get("actions") or entry.get("_links") or {}
    return BatchOffer(
        oid=str(entry["oid"]),
        size=_size(entry.get("size") or 0),
        actions={str(name): _action(action, url, now) for name, action in actions.items()},
        authenticated=entry.get("authenticated") is True,
        error=(int(error.get("code") or 0), str(error.get("message") or "")) if error else None,
    )


def _size(value: Any) -> int:
    size = int(value)
    if size < 0:
        raise ValueError(f"a size of {size} bytes")
    return size


def _action(entry: Any, url: str, now: datetime) -> Action:
    href = http_url(urljoin(url, entry["href"]))
    if is_downgrade(url, href):
        raise TransferError(
            f"the server wants an object to be transferred without encryption, by {without_password(href)}",
            "its administrator has to set its URL to one with https://",
        )
    return Action(href, headers_of(entry), lifetime(entry, now))
