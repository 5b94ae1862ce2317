"""The Batch API of Git LFS: one request that says, for many objects, how to transfer each."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urljoin

from git_theta.store.remote import RemoteObject, TransferError
from git_theta.store.urls import http_url

#: What requests and answers of the API are.
MEDIA_TYPE = "application/vnd.git-lfs+json"

_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


@dataclass(frozen=True, slots=True)
class Action:
    """A request that does one thing with an object.

    Attributes:
        href: Its URL.
        header: Its headers.
        lifetime: Seconds for which it may be used, counted from the answer; `None` if that wasn't said.
    """

    href: str
    header: Mapping[str, str]
    lifetime: float | None


@dataclass(frozen=True, slots=True)
class BatchOffer:
    """What the server answered for one object.

    Attributes:
        oid: Its name.
        size: Its size in bytes, as the server has it.
        actions: By name: `upload`, `verify`, `download`. None for an upload: the server has it.
        authenticated: Whether the actions need no more proof of who's asking than their own headers.
        error: The code and the message, if the server won't.
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
        operation: What to do.
        objects: With which objects; a size that isn't known is given as 0.
        ref: The full name of the branch or tag that they're for.
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
        body: Its bytes.
        url: Where it came from, which relative addresses are relative to.
        now: The server's clock when it answered.

    Raises:
        TransferError: It isn't a valid answer, or asks for what isn't supported.
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
        ValueError: They'd break the request that they're put in.
    """
    headers = {str(name): str(value) for name, value in (entry.get("header") or {}).items()}
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not (value.isascii() and value.isprintable()):
            raise ValueError(f"the header {name!r} isn't valid")
    return headers


def lifetime(entry: Mapping[str, Any], now: datetime) -> float | None:
    """Seconds for which something may be used, by `expires_in` or `expires_at`; `None` if they don't say.

    Raises:
        ValueError: They say nothing that makes sense.
    """
    if (seconds := float(entry.get("expires_in") or 0)) > 0:
        return seconds
    if not (moment := entry.get("expires_at")):
        return None
    until = datetime.fromisoformat(moment)
    # Some servers send the year 1 for "never", and clocks may differ by more than the rest of a lifetime.
    left = (until if until.tzinfo else until.replace(tzinfo=UTC)) - now
    return left.total_seconds() if left.total_seconds() > 0 else None


def _offer(entry: Any, url: str, now: datetime) -> BatchOffer:
    error = entry.get("error")
    actions = entry.get("actions") or entry.get("_links") or {}
    return BatchOffer(
        oid=str(entry["oid"]),
        size=int(entry.get("size") or 0),
        actions={str(name): _action(action, url, now) for name, action in actions.items()},
        authenticated=entry.get("authenticated") is True,
        error=(int(error.get("code") or 0), str(error.get("message") or "")) if error else None,
    )


def _action(entry: Any, url: str, now: datetime) -> Action:
    return Action(http_url(urljoin(url, entry["href"])), headers_of(entry), lifetime(entry, now))
