"""A remote that's a bucket of an object store: S3 and what speaks like it, Google Cloud Storage, Azure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, BinaryIO, cast

from git_theta.store.names import object_path
from git_theta.store.remote import Advance, Download, RemoteContext, RemoteObject, TransferError, Upload
from git_theta.store.sha256 import checked_bytes

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

#: Objects are sent and fetched in parts of this many bytes, so a request never takes long or much memory.
_PART = 8 << 20

#: S3 takes at most 10,000 parts.
_MOST_PARTS = 9_000

#: Concurrent requests for the sizes of objects.
_SIZE_REQUESTS = 16

_TIMEOUT = timedelta(minutes=2)

_NO_BUCKET = re.compile("NoSuchBucket|ContainerNotFound")

#: Servers that give credentials to machines in the cloud. They are asked if the environment has none.
_METADATA = re.compile(r"//(169\.254\.169\.254|169\.254\.170\.2|metadata\.google)\b")

#: The library's message about a request: method, URL and reason.
_FAILED = re.compile(r"Error performing (\w+) (\S+) in .*? - +(.*)")


class BucketKind:
    """Buckets: `s3://bucket/prefix`, `gs://…`, `az://…`, `abfs://…`."""

    def open(self, url: str, context: RemoteContext) -> BucketRemote:
        """The remote; see `RemoteKind.open`."""
        return BucketRemote(url, context.environment)


class BucketRemote:
    """Objects in a bucket, below a prefix, laid out as the local store.

    Credentials, region and endpoint come from the environment: `AWS_ACCESS_KEY_ID`,
    `AWS_ENDPOINT_URL`, `GOOGLE_APPLICATION_CREDENTIALS`, `AZURE_STORAGE_ACCOUNT_NAME` and so on, or from
    the machine in the cloud.

    Args:
        url: Bucket and prefix: `s3://bucket/prefix`, `gs://…`, `az://…`, `abfs://…` or `file:///folder`.
        environment: Environment variables.

    Raises:
        TransferError: The library for buckets isn't installed, or the URL can't be one.
    """

    batch_size = 1_000

    def __init__(self, url: str, environment: Mapping[str, str]) -> None:
        self.url = re.sub(r"//[^/@]*@", "//", url)
        self._library = _library()
        with self._transfer_errors("can't be used"):
            self._store = _open(url, environment)

    def uploads(self, objects: Sequence[RemoteObject]) -> Mapping[str, Upload]:
        """Uploads of objects that aren't there; see `Remote.uploads`."""
        sizes = self._sizes(objects)
        return {
            # An object of another size is damaged, and is replaced.
            wanted.oid: partial(self._send, wanted.oid, wanted.oid in sizes)
            for wanted in objects
            if not wanted.fits(sizes.get(wanted.oid))
        }

    def downloads(self, objects: Sequence[RemoteObject]) -> Mapping[str, Download]:
        """Downloads of objects that are there; see `Remote.downloads`."""
        sizes = self._sizes(objects)
        return {
            wanted.oid: partial(self._receive, wanted.oid, sizes[wanted.oid])
            for wanted in objects
            if wanted.fits(sizes.get(wanted.oid))
        }

    def _sizes(self, objects: Sequence[RemoteObject]) -> dict[str, int]:
        oids = [wanted.oid for wanted in objects]
        paths = [object_path(oid) for oid in oids]
        with ThreadPoolExecutor(_SIZE_REQUESTS) as pool:
            sizes = list(pool.map(self._size, paths))
        found = {oid: size for oid, size in zip(oids, sizes, strict=True) if size is not None}
        if oids and not found:
            self._refuse_absent_bucket()
        return found

    def _refuse_absent_bucket(self) -> None:
        """Fail if there's no such bucket: a server asked for an object of it only says that there's none."""
        try:
            next(iter(self._library.list(self._store, chunk_size=1)), None)
        except Exception as error:
            # Who may not list a bucket may still read from it and write to it.
            if _NO_BUCKET.search(str(error)):
                raise self._failure("", error) from error

    def _size(self, path: str) -> int | None:
        with self._transfer_errors("can't be asked for an object"):
            try:
                return cast("int", self._library.head(self._store, path)["size"])
            except (self._library.exceptions.NotFoundError, FileNotFoundError):
                return None

    def _send(self, oid: str, replace: bool, file: BinaryIO, advance: Advance) -> None:
        path = object_path(oid)
        size = file.seek(0, 2)
        checked_bytes(file, oid)
        file.seek(0)
        with self._transfer_errors(f"object {oid} can't be sent"):
            if size <= _PART:
                self._put(path, file.read(), replace)
                advance(size)
            else:
                part = max(_PART, -(-size // _MOST_PARTS))
                self._library.put(
                    self._store, path, _parts(file, part, advance), chunk_size=part, max_concurrency=4
                )
            arrived = self._library.head(self._store, path)["size"]
        if arrived != size:
            raise TransferError(f"{self.url}: object {oid} has {arrived} bytes instead of {size}", retry=True)

    def _put(self, path: str, data: bytes, replace: bool) -> None:
        put: Callable[..., object] = partial(self._library.put, self._store, path, data, use_multipart=False)
        if replace:
            put()
            return
        exceptions = self._library.exceptions
        try:
            put(mode="create")
        except (exceptions.AlreadyExistsError, FileExistsError):
            return
        except (exceptions.NotSupportedError, NotImplementedError):
            put()

    def _receive(self, oid: str, size: int, file: BinaryIO, have: int, advance: Advance) -> None:
        start = have if have <= size else 0
        file.seek(start)
        file.truncate()
        path = object_path(oid)
        while start < size:
            length = min(_PART, size - start)
            with self._transfer_errors(f"object {oid} can't be fetched"):
                piece = memoryview(self._library.get_range(self._store, path, start=start, length=length))
            if len(piece) != length:
                raise TransferError(f"{self.url}: the download of object {oid} broke off", retry=True)
            file.write(piece)
            advance(length)
            start += length
        file.flush()

    @contextmanager
    def _transfer_errors(self, failure: str) -> Iterator[None]:
        exceptions = self._library.exceptions
        try:
            yield
        except (exceptions.UnauthenticatedError, exceptions.PermissionDeniedError, PermissionError) as error:
            hint = "check the credentials in your environment, and that they may read and write there"
            raise TransferError(f"{self.url}: {failure}: {_reason(error)}", hint) from error
        except (exceptions.BaseError, OSError, ValueError) as error:
            raise self._failure(failure, error) from error

    def _failure(self, failure: str, error: Exception) -> TransferError:
        reason = _reason(error)
        if re.search(r"no space left", reason, re.IGNORECASE):
            return TransferError(
                f"{self.url}: {failure}: no space left", "free some disk space there and try again"
            )
        if _NO_BUCKET.search(str(error)):
            return TransferError(
                f"{self.url}: there's no such bucket", "make it, or correct theta.remote.NAME.url"
            )
        passing = isinstance(error, self._library.exceptions.GenericError | OSError)
        # Missing credentials don't appear by themselves.
        retry = passing and not _METADATA.search(str(error))
        return TransferError(f"{self.url}: {failure}: {reason}", _hint(str(error)), retry=retry)


def _library() -> ModuleType:
    try:
        import obstore
        import obstore.exceptions
        import obstore.store
    except ImportError as error:
        raise TransferError(
            "buckets need a library that isn't installed", "pip install 'git-theta[buckets]'"
        ) from error
    return obstore


def _open(url: str, environment: Mapping[str, str]) -> ObjectStore:
    from obstore.store import LocalStore, S3Store, from_url

    if url.startswith("file:"):
        return LocalStore.from_url(url, mkdir=True)
    client: ClientConfig = {"timeout": _TIMEOUT, "connect_timeout": timedelta(seconds=15)}
    # The transfer has retries of its own; these are for requests that fail now and then.
    retries: RetryConfig = {"max_retries": 2, "retry_timeout": timedelta(seconds=30)}
    endpoint = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    if endpoint and url.startswith("s3"):
        # Self-hosted servers often have no TLS.
        client["allow_http"] = endpoint.startswith("http://")
        return S3Store.from_url(url, endpoint=endpoint, client_options=client, retry_config=retries)
    return from_url(url, client_options=client, retry_config=retries)


def _parts(file: BinaryIO, size: int, advance: Advance) -> Iterator[bytes]:
    while piece := file.read(size):
        yield piece
        advance(len(piece))


def _reason(error: Exception) -> str:
    """The most telling line of a message that may quote a whole page."""
    text = str(error)
    match = re.search(r"<Message>([^<]+)</Message>", text)
    if match:
        return match[1].splitlines()[0]
    if _METADATA.search(text):
        return "there are no credentials"
    line = (text.strip().splitlines() or [type(error).__name__])[0]
    # The number of attempts and their duration are left out.
    failed = _FAILED.search(line)
    return (f"{failed[3].rstrip(': ')} ({failed[1]} {failed[2]})" if failed else line)[:300]


def _hint(text: str) -> str:
    """A hint on what to do about a failure, by its message."""
    if _METADATA.search(text):
        return "set them in the environment: for s3://, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    if re.search(r"error sending request|dns error|connect", text, re.IGNORECASE):
        return "check the network; and AWS_ENDPOINT_URL, if it's an s3:// of your own"
    return ""
