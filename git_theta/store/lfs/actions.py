"""Actions of the Batch API: HTTP requests that upload, verify or download one object."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from git_theta.store.lfs.authorization import Authorization
from git_theta.store.lfs.batch import MEDIA_TYPE, Action, BatchOffer
from git_theta.store.lfs.errors import status_error
from git_theta.store.lfs.http_client import ERROR_BYTES, Body, HttpClient, copy_body, no_body, read_answer
from git_theta.store.remote import Advance, Download, TransferError, Upload
from git_theta.store.sha256 import checked_bytes, map_file
from git_theta.store.urls import same_server, without_password

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

#: Length of a response in bytes. More digits than Python converts aren't a length.
_LENGTH = re.compile(r"[0-9]{1,20}")

#: Seconds before its end at which an action isn't begun any more.
_SLACK_SECONDS = 5.0

#: Age in seconds at which an action without a known end is taken to have expired if it's refused.
_OLD_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _DatedAction:
    """An action with what its use depends on.

    Attributes:
        action: The action.
        oid: Name of the object.
        authenticated: Whether the headers of the action are all that its server wants to see.
        received: The clock when the action was received, in seconds.
    """

    action: Action
    oid: str
    authenticated: bool
    received: float

    def is_expired(self, now: float) -> bool:
        """Whether the action has ended at a time of the clock, or ends too soon to begin it."""
        seconds = self.action.lifetime
        return seconds is not None and now - self.received >= seconds - min(_SLACK_SECONDS, seconds / 10)


class ActionClient:
    """Performs actions. Safe to use from many threads.

    Args:
        http: Client for HTTP.
        api_url: URL of the Batch API.
        authorization: Credentials for the server of the API; `None` if they come by SSH.
        clock: Seconds since some moment.
    """

    def __init__(
        self,
        http: HttpClient,
        api_url: str,
        authorization: Authorization | None,
        clock: Callable[[], float],
    ) -> None:
        self._http = http
        self._api_url = api_url
        self._shown_url = without_password(api_url)
        self._authorization = authorization
        self._clock = clock

    def upload(self, offer: BatchOffer, received: float) -> Upload | None:
        """The upload that a server offers; `None` if it has the object.

        Args:
            offer: The answer for the object.
            received: The clock when the answer came, in seconds.
        """
        upload, verify = (_dated(offer, name, received) for name in ("upload", "verify"))
        return _Upload(self, upload, verify) if upload else None

    def download(self, offer: BatchOffer, received: float, size: int | None) -> Download | None:
        """The download that a server offers; `None` if it lacks the object.

        Args:
            offer: The answer for the object.
            received: The clock when the answer came, in seconds.
            size: Size of the object in bytes, if known.
        """
        download = _dated(offer, "download", received)
        return partial(self._download, download, size) if download else None

    def send(self, dated: _DatedAction, data: memoryview, advance: Advance) -> None:
        """Perform an action `upload`.

        Raises:
            TransferError: The request failed.
        """
        headers = {"Content-Type": "application/octet-stream"}
        if not any(name.lower() == "transfer-encoding" for name in dated.action.header):
            headers["Content-Length"] = str(len(data))
        with self._response("PUT", dated, headers, _CountedBody(data, advance).rewind):
            pass

    def verify(self, dated: _DatedAction, size: int) -> None:
        """Perform an action `verify`: ask the server to check that it has the object.

        Raises:
            TransferError: It doesn't have the object, or the request failed.
        """
        body = json.dumps({"oid": dated.oid, "size": size}).encode()
        headers = {"Content-Type": MEDIA_TYPE, "Accept": MEDIA_TYPE}
        with self._response("POST", dated, headers, lambda: body):
            pass

    def _download(
        self, dated: _DatedAction, size: int | None, file: BinaryIO, start: int, advance: Advance
    ) -> None:
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        with self._response("GET", dated, headers, accepted=416) as response:
            if start and not _is_from(response, start):
                file.truncate(0)
                start = 0
                if response.status != 200:
                    raise TransferError(
                        f"{self._shown_url} can't go on with object {dated.oid}", retry=True, after=0.0
                    )
            elif response.status == 416:
                raise TransferError(f"{self._shown_url} has no bytes of object {dated.oid}", retry=True)
            length = response.headers.get("Content-Length", "")
            total = start + int(length) if _LENGTH.fullmatch(length) else None
            if size is not None and total is not None and total > size:
                raise TransferError(
                    f"{self._shown_url} has something else in place of object {dated.oid}: "
                    f"{total} bytes, not {size}"
                )
            file.seek(start)
            copy_body(response, file, advance, self._http.low_speed(dated.action.href))

    @contextmanager
    def _response(
        self,
        method: str,
        dated: _DatedAction,
        headers: Mapping[str, str],
        body: Body = no_body,
        accepted: int = 0,
    ) -> Iterator[BaseHTTPResponse]:
        """Perform an action, as often as another credential is worth a try, and yield the response.

        Args:
            method: `GET`, `PUT` or `POST`.
            dated: The action.
            headers: Headers of the request, in addition to those of the action.
            body: Makes the body.
            accepted: A status that is accepted, besides those of success.

        Raises:
            TransferError: The action has expired, or the request failed.
        """
        if dated.is_expired(self._clock()):
            raise TransferError(f"the permission to transfer object {dated.oid} has expired", renew=True)
        action, authorization = dated.action, self._authorization_for(dated)
        while True:
            used = authorization.header() if authorization else {}
            private = {**used, **action.header}
            with self._http.request(method, action.href, headers, private, body) as response:
                if 200 <= response.status < 300 or response.status == accepted:
                    yield response
                    return
                error = self._refusal(response, dated)
            if response.status == 401 and authorization and authorization.refused(used):
                continue
            error.renew = self._may_be_expired(dated, response.status, authorization)
            raise error

    def _authorization_for(self, dated: _DatedAction) -> Authorization | None:
        """The API's own credentials, if an action may and must be sent with them."""
        has_header = any(name.lower() == "authorization" for name in dated.action.header)
        if dated.authenticated or has_header or not same_server(dated.action.href, self._api_url):
            return None
        return self._authorization

    def _may_be_expired(self, dated: _DatedAction, status: int, authorization: Authorization | None) -> bool:
        """Whether a refused action should be asked for again."""
        now = self._clock()
        if status == 401:
            return authorization is None
        return status == 403 and (dated.is_expired(now) or now - dated.received > _OLD_SECONDS)

    def _refusal(self, response: BaseHTTPResponse, dated: _DatedAction) -> TransferError:
        said = read_answer(response, ERROR_BYTES)
        return status_error(response.status, self._shown_url, response.headers, said, f"object {dated.oid}")


@dataclass(slots=True)
class _Upload:
    """An upload, followed by a request to verify it. If only that fails, only that is repeated."""

    client: ActionClient
    action: _DatedAction
    verify: _DatedAction | None
    is_sent: bool = False

    def __call__(self, file: BinaryIO, advance: Advance) -> None:
        if not self.is_sent:
            # Servers that hand uploads on to other storage don't check them.
            self.client.send(self.action, checked_bytes(file, self.action.oid), advance)
            self.is_sent = True
        if self.verify:
            self.client.verify(self.verify, len(map_file(file)))


@dataclass(slots=True)
class _CountedBody:
    """Bytes as the body of a request; counts those that are read."""

    data: memoryview
    advance: Advance
    position: int = field(default=0)

    def rewind(self) -> _CountedBody:
        """Begin again, as for a redirected request."""
        self.advance(-self.position)
        self.position = 0
        return self

    def read(self, size: int = -1, /) -> memoryview:
        """The next bytes, at most `size` unless that is negative."""
        piece = self.data[self.position :][: size if size >= 0 else None]
        self.position += len(piece)
        self.advance(len(piece))
        return piece


def _dated(offer: BatchOffer, name: str, received: float) -> _DatedAction | None:
    action = offer.actions.get(name)
    return None if action is None else _DatedAction(action, offer.oid, offer.authenticated, received)


def _is_from(response: BaseHTTPResponse, start: int) -> bool:
    """Whether a response has the bytes from an offset on."""
    return response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
