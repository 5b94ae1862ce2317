"""A Git LFS server as a remote: the Batch API, and basic transfers."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, BinaryIO

from git_theta.store.credential import Credential, Credentials
from git_theta.store.lfs.authorization import Authorization
from git_theta.store.lfs.batch import MEDIA_TYPE, Action, Offer, batch_answer, batch_request
from git_theta.store.lfs.endpoint import Endpoint, Operation
from git_theta.store.lfs.errors import means_no_objects, object_error, status_error
from git_theta.store.lfs.http_client import Body, HttpClient, copy_body, no_body
from git_theta.store.lfs.http_settings import HttpSettings
from git_theta.store.lfs.ssh_auth import SshAuthenticator
from git_theta.store.remote import Advance, Download, RemoteContext, RemoteObject, TransferError, Upload
from git_theta.store.sha256 import checked_bytes, map_file
from git_theta.store.urls import same_server, without_password

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

#: Objects in one request of the Batch API; servers refuse many more.
_BATCH = 100

#: Seconds before its end at which an action isn't begun any more.
_SLACK = 5.0

#: Seconds after which a refused action whose end isn't known is taken to have expired.
_OLD = 60.0

#: Bytes of an error's text that are read, and of an answer of the API.
_ERROR_BYTES = 1 << 16
_ANSWER_BYTES = 1 << 26


@dataclass(frozen=True, slots=True)
class _Ready:
    """An action with the time of its answer.

    Attributes:
        action: The action.
        oid: Its object.
        own: Whether the API's own proof of who's asking may be added.
        begun: The clock when the answer came.
    """

    action: Action
    oid: str
    own: bool
    begun: float


class LfsKind:
    """Git LFS servers, by the URL of their API."""

    def open(self, url: str, context: RemoteContext) -> LfsRemote:
        """The remote; see `RemoteKind.open`."""
        return LfsRemote(
            Endpoint(url.rstrip("/")), context.settings, context.credentials, context.environment, context.ref
        )


class LfsRemote:
    """A Git LFS server, for pushing or for fetching.

    Args:
        endpoint: Where it is.
        settings: Git's settings, with lower-case keys.
        credentials: Where user names and passwords come from; `None` for nowhere.
        environment: Environment variables.
        ref: The full name of the branch or tag that objects are for; some servers check the right to it.
        clock: Seconds since some moment.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        settings: Mapping[str, str],
        credentials: Credentials | None = None,
        environment: Mapping[str, str] | None = None,
        ref: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        environment = os.environ if environment is None else environment
        self.url = without_password(endpoint.url)
        self.batch_size = _BATCH
        self._endpoint = endpoint
        self._ref = ref
        self._clock = clock
        self._web = HttpClient(HttpSettings(settings, environment))
        self._access = Authorization(endpoint.url, credentials)
        self._ssh = SshAuthenticator(endpoint.ssh, settings, environment, clock) if endpoint.ssh else None

    @property
    def credential(self) -> Credential | None:
        """The user name and password that opened the server; `None` if it needed none."""
        return self._access.credential

    def admit(self, operation: Operation) -> None:
        """Ask for access where that's needed before anything else can be asked.

        Raises:
            NoLfsError: There's no Git LFS at the host.
            TransferError: It can't be reached, or refuses.
        """
        if self._ssh:
            self._ssh.grant(operation)

    def uploads(self, objects: Sequence[RemoteObject]) -> Mapping[str, Upload]:
        """See `Remote.uploads`."""
        offers, begun = self._ask("upload", objects)
        # An object without an answer mustn't be taken for one that the server has.
        silence = {wanted.oid for wanted in objects} - {offer.oid for offer in offers}
        ways: dict[str, Upload] = {oid: _Refusal(_unanswered(oid, self.url)).send for oid in silence}
        for offer in offers:
            if offer.error:
                ways[offer.oid] = _Refusal(object_error(*offer.error, self.url, offer.oid)).send
            elif upload := self._ready(offer, "upload", begun):
                ways[offer.oid] = _Upload(self, upload, self._ready(offer, "verify", begun)).send
        return ways

    def downloads(self, objects: Sequence[RemoteObject]) -> Mapping[str, Download]:
        """See `Remote.downloads`."""
        offers, begun = self._ask("download", objects)
        sizes = {wanted.oid: wanted.size for wanted in objects}
        ways: dict[str, Download] = {}
        for offer in offers:
            if offer.error and offer.error[0] != 404:
                refusal = _Refusal(object_error(*offer.error, self.url, offer.oid))
                ways[offer.oid] = refusal.receive
            elif download := self._ready(offer, "download", begun):
                ways[offer.oid] = partial(self._download, download, sizes[offer.oid])
        return ways

    def upload(self, ready: _Ready, data: memoryview, advance: Advance) -> None:
        """Send an object by an action.

        Raises:
            TransferError: It failed.
        """
        headers = {"Content-Type": "application/octet-stream"}
        if not any(name.lower() == "transfer-encoding" for name in ready.action.header):
            headers["Content-Length"] = str(len(data))
        with self._act("PUT", ready, headers, _Rewound(data, advance).begin):
            pass

    def confirm(self, ready: _Ready, size: int) -> None:
        """Tell the server by an action that an object is there.

        Raises:
            TransferError: It says that it isn't.
        """
        body = json.dumps({"oid": ready.oid, "size": size}).encode()
        headers = {"Content-Type": MEDIA_TYPE, "Accept": MEDIA_TYPE}
        with self._act("POST", ready, headers, lambda: body):
            pass

    def _download(
        self, ready: _Ready, size: int | None, file: BinaryIO, start: int, advance: Advance
    ) -> None:
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        with self._act("GET", ready, headers, no_body, also=416) as response:
            if start and not _continues(response, start):
                file.truncate(0)
                start = 0
                if response.status != 200:
                    raise TransferError(
                        f"{self.url} can't go on with object {ready.oid}", retry=True, after=0.0
                    )
            elif response.status == 416:
                raise TransferError(f"{self.url} has no bytes of object {ready.oid}", retry=True)
            length = response.headers.get("Content-Length", "")
            total = start + int(length) if length.isdecimal() else None
            if size is not None and total is not None and total > size:
                raise TransferError(
                    f"{self.url} has something else in place of object {ready.oid}: {total} bytes, not {size}"
                )
            file.seek(start)
            copy_body(response, file, advance)

    def _ready(self, offer: Offer, name: str, begun: float) -> _Ready | None:
        action = offer.actions.get(name)
        return None if action is None else _Ready(action, offer.oid, not offer.authenticated, begun)

    def _ask(self, operation: Operation, objects: Sequence[RemoteObject]) -> tuple[list[Offer], float]:
        body = batch_request(operation, objects, self._ref)
        headers = {"Content-Type": MEDIA_TYPE, "Accept": MEDIA_TYPE}
        for attempt in count():
            base, private, again = self._entrance(operation, attempt)
            url = f"{base}/objects/batch"
            with self._web.request("POST", url, headers, private, lambda: body, home=base) as response:
                if response.status == 200:
                    answer, now = response.read(_ANSWER_BYTES), _server_time(response.headers)
                    self._access.accepted(private)
                    names = {wanted.oid for wanted in objects}
                    found = [offer for offer in batch_answer(answer, url, now) if offer.oid in names]
                    return found, self._clock()
                said = response.read(_ERROR_BYTES)
                if operation == "download" and means_no_objects(response.status, said):
                    return [], self._clock()
                error = status_error(response.status, self.url, response.headers, said, proved=bool(private))
            if response.status != 401 or not again():
                raise error
        raise AssertionError("unreachable")

    def _entrance(
        self, operation: Operation, attempt: int
    ) -> tuple[str, Mapping[str, str], Callable[[], bool]]:
        """The API's URL, headers that open it, and what to do when they don't: whether to try again."""
        if self._ssh:
            grant = self._ssh.grant(operation)
            # One may have expired before its time; a second one in a row hasn't.
            renew = partial(self._ssh.refused, grant) if attempt == 0 else bool
            return grant.href or self._endpoint.url, grant.header, renew
        header = self._access.header()
        return self._endpoint.url, header, partial(self._access.refused, header)

    @contextmanager
    def _act(
        self, method: str, ready: _Ready, headers: Mapping[str, str], body: Body, also: int = 0
    ) -> Iterator[BaseHTTPResponse]:
        action = ready.action
        if self._expired(ready):
            raise TransferError(f"the permission to transfer object {ready.oid} has expired", renew=True)
        knows = any(name.lower() == "authorization" for name in action.header)
        own = ready.own and not knows and not self._ssh and same_server(action.href, self._endpoint.url)
        while True:
            proof = self._access.header() if own else {}
            private = {**proof, **action.header}
            with self._web.request(
                method, action.href, headers, private, body, self._endpoint.url
            ) as response:
                if 200 <= response.status < 300 or response.status == also:
                    yield response
                    return
                error = self._refused(response, f"object {ready.oid}")
            if response.status == 401 and own and self._access.refused(proof):
                continue
            error.renew = (response.status == 401 and not own) or (
                response.status == 403 and (self._expired(ready) or self._clock() - ready.begun > _OLD)
            )
            raise error

    def _expired(self, ready: _Ready) -> bool:
        seconds = ready.action.lifetime
        age = self._clock() - ready.begun
        return seconds is not None and age >= seconds - min(_SLACK, seconds / 10)

    def _refused(self, response: BaseHTTPResponse, subject: str = "") -> TransferError:
        return status_error(response.status, self.url, response.headers, response.read(_ERROR_BYTES), subject)


@dataclass(slots=True)
class _Upload:
    """An upload and then a confirmation; when only that fails, only that is done again."""

    remote: LfsRemote
    ready: _Ready
    verify: _Ready | None
    sent: bool = False

    def send(self, file: BinaryIO, advance: Advance) -> None:
        data = map_file(file)
        if not self.sent:
            # Servers that hand uploads on to other storage don't check them.
            checked_bytes(file, self.ready.oid)
            self.remote.upload(self.ready, data, advance)
            self.sent = True
        if self.verify:
            self.remote.confirm(self.verify, len(data))


@dataclass(slots=True)
class _Rewound:
    """Bytes as a request's body, told of what goes out."""

    data: memoryview
    advance: Advance
    sent: int = field(default=0)

    def begin(self) -> _Rewound:
        self.advance(-self.sent)
        self.sent = 0
        return self

    def read(self, size: int = -1, /) -> memoryview:
        piece = self.data[self.sent :][: size if size >= 0 else None]
        self.sent += len(piece)
        self.advance(len(piece))
        return piece


@dataclass(frozen=True, slots=True)
class _Refusal:
    """What the server answered for one object in place of an action."""

    error: TransferError

    def send(self, file: BinaryIO, advance: Advance) -> None:
        raise self.error

    def receive(self, file: BinaryIO, start: int, advance: Advance) -> None:
        raise self.error


def _unanswered(oid: str, url: str) -> TransferError:
    return TransferError(f"{url} didn't answer for object {oid}", "check that `lfs.url` is right")


def _continues(response: BaseHTTPResponse, start: int) -> bool:
    return response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {start}-")


def _server_time(headers: Mapping[str, str]) -> datetime | None:
    try:
        found = parsedate_to_datetime(headers.get("Date", ""))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
