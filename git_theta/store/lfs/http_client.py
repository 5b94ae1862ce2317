"""HTTP as Git is set to do it: kept connections, redirects, and failures as `TransferError`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Lock
from time import monotonic
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Protocol, cast
from urllib.parse import urljoin, urlsplit

from git_theta.store.lfs.http_settings import HttpSettings, LowSpeed, Tls
from git_theta.store.remote import TransferError
from git_theta.store.urls import http_url, is_downgrade, same_server, user_and_password, without_password

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager, Timeout

_CONNECT_SECONDS = 30.0
_READ_SECONDS = 60.0
_REDIRECTS = 5

#: The most attempts to reach a server that isn't there: rarely does it start while the user waits.
_TRIES = 4

#: The most attempts with a server that's too slow: each takes a minute.
_SLOW_TRIES = 2

_MOVED = (301, 302, 303, 307, 308)

#: Bytes that one call of a socket takes.
_PIECE = 1 << 18

#: Connections kept per server.
_MAX_CONNECTIONS = 16

#: The most bytes of an error's text that are worth reading.
ERROR_BYTES = 1 << 16


class Readable(Protocol):
    """A source of a request's body."""

    def read(self, size: int = -1, /) -> bytes | memoryview:
        """The next bytes, at most `size`."""
        ...


#: Makes the body of a request; called again for each redirect.
Body = Callable[[], Readable | bytes | None]


def no_body() -> None:
    """The body of a request that has none."""


class HttpClient:
    """A client for HTTP. Safe to use from many threads.

    Args:
        settings: Settings of connections and headers.
        home: A URL of the server that gets the headers that settings give for every URL; may be empty.
    """

    def __init__(self, settings: HttpSettings, home: str) -> None:
        self._settings = settings
        self._home = home
        self._pools: dict[Tls, PoolManager] = {}
        self._lock = Lock()

    def low_speed(self, url: str) -> LowSpeed:
        """The speed below which a download from a URL is given up."""
        return self._settings.low_speed(url)

    @contextmanager
    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        private: Mapping[str, str],
        body: Body = no_body,
    ) -> Iterator[BaseHTTPResponse]:
        """Send a request, follow redirects, and yield the response, whose body is still to be read.

        Args:
            method: `GET`, `PUT` or `POST`.
            url: The URL; a user and a password in it are ignored.
            headers: Headers.
            private: Headers for the server of `url` alone, and for no other that it redirects to.
            body: Makes the body.

        Raises:
            TransferError: The server can't be reached, the connection breaks (also in the block), or the
                redirects don't end.
        """
        target = url
        for _ in range(_REDIRECTS + 1):
            sent = {**headers, **self._settings.headers(target, own=same_server(target, self._home))}
            if same_server(target, url):
                sent |= private
            with _transfer_errors(target), self._open(method, target, sent, body()) as response:
                status = response.status
                location = response.headers.get("Location") if status in _MOVED else None
                if location is None:
                    yield response
                    return
            if status == 303 and method == "PUT":
                # The result is said to be elsewhere, so whether the bytes were taken isn't known.
                raise TransferError(f"{without_password(url)} redirects an upload by 303")
            target = _redirect_target(target, location)
            if status == 303 and method != "GET":
                method, body = "GET", no_body
                headers = {key: value for key, value in headers.items() if not key.startswith("Content-")}
        raise TransferError(f"{without_password(url)} redirects too often")

    @contextmanager
    def _open(
        self, method: str, url: str, headers: Mapping[str, str], body: Readable | bytes | None
    ) -> Iterator[BaseHTTPResponse]:
        pool = self._pool(self._settings.tls(url))
        user, _, host = urlsplit(url).netloc.rpartition("@")
        bare = url.replace(f"{user}@{host}", host, 1) if user else url
        response = pool.request(
            method,
            bare,
            headers=dict(headers),
            timeout=self._timeout(url),
            # Of a file, the library uses `read` alone.
            body=cast("IO[Any] | bytes | None", body),
            redirect=False,
            retries=False,
            preload_content=False,
        )
        try:
            yield response
        except BaseException:
            response.close()
            raise
        # A connection is used again if its response was read to the end; a response may have no end.
        if not response.closed and not _ends_soon(response):
            response.close()
        response.release_conn()

    def _timeout(self, url: str) -> Timeout:
        """The time for connecting, and for each read: shorter if the user gives up slow servers sooner."""
        import urllib3

        slow = self.low_speed(url)
        read = min(_READ_SECONDS, slow.seconds) if slow.limit else _READ_SECONDS
        return urllib3.Timeout(connect=_CONNECT_SECONDS, read=read)

    def _pool(self, tls: Tls) -> PoolManager:
        with self._lock:
            if tls not in self._pools:
                self._pools[tls] = _pool(tls)
            return self._pools[tls]


def _pool(tls: Tls) -> PoolManager:
    pool = _new_pool(tls)
    from git_theta.store.lfs.time_limit import POOLS

    pool.pool_classes_by_scheme = POOLS
    return pool


def _new_pool(tls: Tls) -> PoolManager:
    import urllib3

    verify = "CERT_REQUIRED" if tls.verify else "CERT_NONE"
    if not tls.verify:
        # The user has switched the check off, and needn't be warned at each request.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    authorities = tls.authorities or None
    if not tls.proxy:
        return urllib3.PoolManager(
            maxsize=_MAX_CONNECTIONS,
            cert_reqs=verify,
            ca_certs=authorities,
            blocksize=_PIECE,
        )
    try:
        user, password = user_and_password(tls.proxy)
        login = urllib3.make_headers(proxy_basic_auth=f"{user}:{password or ''}") if user else None
        return urllib3.ProxyManager(
            tls.proxy,
            proxy_headers=login,
            maxsize=_MAX_CONNECTIONS,
            cert_reqs=verify,
            ca_certs=authorities,
            blocksize=_PIECE,
        )
    except (ValueError, urllib3.exceptions.HTTPError) as error:
        raise TransferError(
            f"the proxy {without_password(tls.proxy)} isn't supported", "use an http:// or https:// proxy"
        ) from error


def read_answer(response: BaseHTTPResponse, limit: int) -> bytes:
    """The body of an answer of the API, at most `limit` bytes of it.

    Raises:
        TimeoutError: It doesn't arrive in time.
    """
    from git_theta.store.lfs.time_limit import time_limit

    with time_limit(response.shutdown):
        return response.read(limit)


def _ends_soon(response: BaseHTTPResponse) -> bool:
    """Whether the rest of a response is short and arrives in time; reads it."""
    from git_theta.store.lfs.time_limit import time_limit

    with suppress(Exception), time_limit(response.shutdown):
        return len(response.read(_PIECE, decode_content=False)) < _PIECE
    return False


def copy_body(
    response: BaseHTTPResponse, file: BinaryIO, advance: Callable[[int], object], low_speed: LowSpeed
) -> None:
    """Write the body of a response to a file, as it arrives.

    Raises:
        TimeoutError: It arrives too slowly.
    """
    began, size = monotonic(), 0
    while piece := response.read1(_PIECE):
        file.write(piece)
        advance(len(piece))
        size += len(piece)
        now = monotonic()
        if now - began >= low_speed.seconds:
            if size < low_speed.limit * (now - began):
                raise TimeoutError(
                    f"less than {low_speed.limit:,} bytes a second for {low_speed.seconds} seconds"
                )
            began, size = now, 0


def _redirect_target(url: str, location: str) -> str:
    try:
        target = http_url(urljoin(url, location))
    except ValueError:
        target = ""
    if not target or is_downgrade(url, target):
        raise TransferError(f"{without_password(url)} redirects to an address that isn't safe")
    return target


@contextmanager
def _transfer_errors(url: str) -> Iterator[None]:
    import urllib3.exceptions as http

    place = without_password(url)
    try:
        yield
    except (http.SSLError, http.LocationValueError) as error:
        hint = (
            "set `http.sslCAInfo` if its certificate is your own" if isinstance(error, http.SSLError) else ""
        )
        raise TransferError(f"can't connect to {place}: {_reason(error)}", hint) from error
    except (http.NewConnectionError, http.ConnectTimeoutError, http.ProxyError) as error:
        raise TransferError(
            f"can't connect to {place}: {_reason(error)}",
            "check the network, the remote's URL and the proxy",
            retry=True,
            tries=_TRIES,
        ) from error
    except (http.HTTPError, ConnectionError, TimeoutError) as error:
        is_slow = isinstance(error, http.ReadTimeoutError | TimeoutError)
        raise TransferError(
            f"the connection to {place} broke: {_reason(error)}",
            "try again: what was transferred stays",
            retry=True,
            tries=_SLOW_TRIES if is_slow else None,
        ) from error


def _reason(error: BaseException) -> str:
    cause = error
    while (
        inner := cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    ) is not None:
        cause = inner
    return (getattr(cause, "strerror", None) or str(cause) or type(cause).__name__).strip()
