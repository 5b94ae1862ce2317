"""HTTP requests: connections that are kept, redirects, and failures as errors of the transfer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Lock
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Protocol, cast
from urllib.parse import urljoin, urlsplit

from git_theta.store.lfs.http_settings import HttpSettings, Tls
from git_theta.store.remote import TransferError
from git_theta.store.urls import http_url, same_server, user_and_password, without_password

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

_CONNECT_SECONDS = 30.0
_READ_SECONDS = 60.0
_REDIRECTS = 5

#: How often to try to reach a server that isn't there: rarely does it come while the user waits.
_TRIES = 4

_MOVED = (301, 302, 303, 307, 308)

#: Bytes that go into one call of a socket.
_PIECE = 1 << 18

#: Connections kept per server.
_KEPT = 16


class Readable(Protocol):
    """What a request's body is read from."""

    def read(self, size: int = -1, /) -> bytes | memoryview:
        """The next bytes, at most `size`."""
        ...


#: Makes a request's body; called again for each redirect.
Body = Callable[[], Readable | bytes | None]


def no_body() -> None:
    """The body of a request that has none."""


class HttpClient:
    """HTTP as git is set to do it. Safe to use from many threads.

    Args:
        settings: Git's settings.
    """

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        self._pools: dict[Tls, PoolManager] = {}
        self._turn = Lock()

    @contextmanager
    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        private: Mapping[str, str],
        body: Body = no_body,
        home: str = "",
    ) -> Iterator[BaseHTTPResponse]:
        """Send a request, follow redirects, and yield the answer, whose body is still to be read.

        Args:
            method: `GET`, `PUT` or `POST`.
            url: Where to; a user and a password in it are ignored.
            headers: Headers.
            private: Headers that go to the server of `url` only, and to no other that it redirects to.
            body: Makes the body.
            home: The URL of the API, whose server gets the headers that settings give for every URL.

        Raises:
            TransferError: The server can't be reached, the connection breaks (in the block, too), or the
                redirects don't end.
        """
        target = url
        for _ in range(_REDIRECTS + 1):
            sent = {**headers, **self._settings.headers(target, own=same_server(target, home or url))}
            if same_server(target, url):
                sent |= private
            with _failures(target), self._open(method, target, sent, body()) as response:
                status = response.status
                location = response.headers.get("Location") if status in _MOVED else None
                if location is None:
                    yield response
                    return
            if status == 303 and method == "PUT":
                # It asks to look elsewhere for what came of it: whether the bytes were taken isn't known.
                raise TransferError(f"{without_password(url)} redirects an upload by 303")
            target = _next(target, location)
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
            # The library needs no more of a file than `read`.
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
        # A connection whose answer was read to its end is used again; an answer may have no end.
        with suppress(Exception):
            if len(response.read(_PIECE, decode_content=False)) == _PIECE:
                response.close()
        response.release_conn()

    def _pool(self, tls: Tls) -> PoolManager:
        with self._turn:
            if tls not in self._pools:
                self._pools[tls] = _pool(tls)
            return self._pools[tls]


def _pool(tls: Tls) -> PoolManager:
    import urllib3

    timeout = urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS)
    verify = "CERT_REQUIRED" if tls.verify else "CERT_NONE"
    if not tls.verify:
        # Whoever switched the check off knows; a warning per request tells nothing new.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    authorities = tls.authorities or None
    if not tls.proxy:
        return urllib3.PoolManager(
            maxsize=_KEPT, cert_reqs=verify, ca_certs=authorities, timeout=timeout, blocksize=_PIECE
        )
    try:
        user, password = user_and_password(tls.proxy)
        login = urllib3.make_headers(proxy_basic_auth=f"{user}:{password or ''}") if user else None
        return urllib3.ProxyManager(
            tls.proxy,
            proxy_headers=login,
            maxsize=_KEPT,
            cert_reqs=verify,
            ca_certs=authorities,
            timeout=timeout,
            blocksize=_PIECE,
        )
    except (ValueError, urllib3.exceptions.HTTPError) as error:
        raise TransferError(
            f"the proxy {without_password(tls.proxy)} isn't supported", "use an http:// or https:// proxy"
        ) from error


def copy_body(response: BaseHTTPResponse, file: BinaryIO, advance: Callable[[int], object]) -> None:
    """Write what an answer has to a file, as it arrives."""
    while piece := response.read1(_PIECE):
        file.write(piece)
        advance(len(piece))


def _next(url: str, location: str) -> str:
    try:
        target = http_url(urljoin(url, location))
    except ValueError:
        target = ""
    if not target or (urlsplit(target).scheme == "http" and urlsplit(url).scheme == "https"):
        raise TransferError(f"{without_password(url)} redirects to an address that isn't safe")
    return target


@contextmanager
def _failures(url: str) -> Iterator[None]:
    import urllib3.exceptions as http

    place = without_password(url)
    try:
        yield
    except (http.SSLError, http.LocationValueError) as error:
        hint = (
            "set `http.sslCAInfo` if its certificate is your own" if isinstance(error, http.SSLError) else ""
        )
        raise TransferError(f"can't connect to {place}: {_said(error)}", hint) from error
    except (http.NewConnectionError, http.ConnectTimeoutError, http.ProxyError) as error:
        raise TransferError(
            f"can't connect to {place}: {_said(error)}",
            "check the network, the remote's URL and the proxy",
            retry=True,
            tries=_TRIES,
        ) from error
    except (http.HTTPError, ConnectionError, TimeoutError) as error:
        raise TransferError(
            f"the connection to {place} broke: {_said(error)}",
            "try again: what was transferred stays",
            retry=True,
        ) from error


def _said(error: BaseException) -> str:
    cause = error
    while (inner := cause.__cause__ or cause.__context__) is not None:
        cause = inner
    return (getattr(cause, "strerror", None) or str(cause) or type(cause).__name__).strip()
