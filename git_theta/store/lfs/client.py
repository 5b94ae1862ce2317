"""A Git LFS server as a remote: the Batch API, and basic transfers."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import BinaryIO, NoReturn

from git_theta.store.credential import Credential, Credentials
from git_theta.store.lfs.actions import ActionClient
from git_theta.store.lfs.authorization import Authorization
from git_theta.store.lfs.batch import MEDIA_TYPE, BatchOffer, batch_answer, batch_request, server_time
from git_theta.store.lfs.endpoint import Endpoint, Operation
from git_theta.store.lfs.errors import means_no_objects, object_error, status_error
from git_theta.store.lfs.http_client import ERROR_BYTES, HttpClient, read_answer
from git_theta.store.lfs.http_settings import HttpSettings
from git_theta.store.lfs.ssh_auth import SshAuthenticator
from git_theta.store.remote import Advance, Download, RemoteContext, RemoteObject, TransferError, Upload
from git_theta.store.urls import http_url, without_password

#: Objects in one request of the Batch API; servers refuse many more.
_BATCH_SIZE = 100

#: The most bytes of an answer of the API that are read: 80 KiB for each of its objects.
_ANSWER_BYTES = 1 << 23


class LfsKind:
    """Git LFS servers, by the URL of their API."""

    def open(self, url: str, context: RemoteContext) -> LfsRemote:
        """The remote; see `RemoteKind.open`."""
        try:
            http_url(url)
        except ValueError as error:
            raise TransferError(f"{without_password(url)} isn't a valid URL") from error
        return LfsRemote(
            Endpoint(url.rstrip("/")), context.settings, context.credentials, context.environment, context.ref
        )


class LfsRemote:
    """A Git LFS server.

    Args:
        endpoint: Address of the server.
        settings: Git's settings, with lower-case keys.
        credentials: Source of user names and passwords; `None` if nobody can be asked.
        environment: Environment variables.
        ref: Full name of the branch or tag that objects are for; some servers restrict who pushes to it.
        home: A URL of the server that gets the headers that settings give for every URL; `None` for that of
            the endpoint, empty for none.
        clock: Seconds since some moment.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        settings: Mapping[str, str],
        credentials: Credentials | None = None,
        environment: Mapping[str, str] | None = None,
        ref: str | None = None,
        home: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        environment = os.environ if environment is None else environment
        self.url = without_password(endpoint.url)
        self.batch_size = _BATCH_SIZE
        self._endpoint = endpoint
        self._ref = ref
        self._clock = clock
        self._http = HttpClient(HttpSettings(settings, environment), endpoint.url if home is None else home)
        self._authorization = Authorization(endpoint.url, credentials)
        self._ssh = SshAuthenticator(endpoint.ssh, settings, environment, clock) if endpoint.ssh else None
        own = None if self._ssh else self._authorization
        self._actions = ActionClient(self._http, endpoint.url, own, clock)

    @property
    def credential(self) -> Credential | None:
        """The user name and password that the server accepted; `None` if it needed none."""
        return self._authorization.credential

    def api_url(self, operation: Operation) -> str:
        """URL of the API as shown to users: by SSH, a host may name another than its own.

        Raises:
            TransferError: As for `admit`.
        """
        return without_password(self._access(operation, 0)[0])

    def admit(self, operation: Operation) -> None:
        """Ask for access by SSH, if the server gives it that way.

        Raises:
            NoLfsError: There's no Git LFS at the host.
            TransferError: The host can't be reached, or refuses.
        """
        if self._ssh:
            self._ssh.grant(operation)

    def uploads(self, objects: Sequence[RemoteObject]) -> Mapping[str, Upload]:
        """See `Remote.uploads`."""
        offers, received = self._batch("upload", objects)
        # An object without an answer mustn't be taken for one that the server has.
        unanswered = {wanted.oid for wanted in objects} - {offer.oid for offer in offers}
        uploads: dict[str, Upload] = {
            oid: _Failure(
                TransferError(f"{self.url} didn't answer for object {oid}", "check that `lfs.url` is right")
            ).upload
            for oid in unanswered
        }
        for offer in offers:
            if offer.error:
                uploads[offer.oid] = _Failure(object_error(*offer.error, self.url, offer.oid)).upload
            elif upload := self._actions.upload(offer, received):
                uploads[offer.oid] = upload
        return uploads

    def downloads(self, objects: Sequence[RemoteObject]) -> Mapping[str, Download]:
        """See `Remote.downloads`."""
        offers, received = self._batch("download", objects)
        sizes = {wanted.oid: wanted.size for wanted in objects}
        downloads: dict[str, Download] = {}
        for offer in offers:
            if offer.error and offer.error[0] != 404:
                downloads[offer.oid] = _Failure(object_error(*offer.error, self.url, offer.oid)).download
            elif download := self._actions.download(offer, received, sizes[offer.oid]):
                downloads[offer.oid] = download
        return downloads

    def _batch(self, operation: Operation, objects: Sequence[RemoteObject]) -> tuple[list[BatchOffer], float]:
        """Ask the Batch API, as often as another proof of identity is worth a try.

        Returns:
            The answers for the objects, and the clock when they came, in seconds.

        Raises:
            TransferError: The server can't be reached, refuses, or its answer isn't valid.
        """
        body = batch_request(operation, objects, self._ref)
        names = {wanted.oid for wanted in objects}
        headers = {"Content-Type": MEDIA_TYPE, "Accept": MEDIA_TYPE}
        for attempt in count():
            base, private, find_another = self._access(operation, attempt)
            url = f"{base}/objects/batch"
            with self._http.request("POST", url, headers, private, lambda: body) as response:
                if response.status == 200:
                    answer, now = (
                        read_answer(response, _ANSWER_BYTES),
                        server_time(response.headers.get("Date")),
                    )
                    self._authorization.accepted(private)
                    found = [offer for offer in batch_answer(answer, url, now) if offer.oid in names]
                    return found, self._clock()
                said = read_answer(response, ERROR_BYTES)
                if operation == "download" and means_no_objects(response.status, said):
                    return [], self._clock()
                error = status_error(response.status, self.url, response.headers, said, proved=bool(private))
            if response.status != 401 or not find_another():
                raise error
        raise AssertionError("unreachable")

    def _access(
        self, operation: Operation, attempt: int
    ) -> tuple[str, Mapping[str, str], Callable[[], bool]]:
        """The URL of the API, headers that prove who's asking, and a function to call if they're refused.

        The function returns whether another attempt makes sense.
        """
        if self._ssh:
            grant = self._ssh.grant(operation)
            # A grant may have expired before its time; a second one in a row hasn't.
            renew = partial(self._ssh.refused, grant) if attempt == 0 else bool
            return grant.href or self._endpoint.url, grant.header, renew
        header = self._authorization.header()
        return self._endpoint.url, header, partial(self._authorization.refused, header)


@dataclass(frozen=True, slots=True)
class _Failure:
    """A transfer that fails, because the server's answer for its object is an error."""

    error: TransferError

    def upload(self, file: BinaryIO, advance: Advance) -> NoReturn:
        raise self.error

    def download(self, file: BinaryIO, start: int, advance: Advance) -> NoReturn:
        raise self.error
