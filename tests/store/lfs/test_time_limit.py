from __future__ import annotations

import io
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from git_theta.store.lfs import time_limit
from git_theta.store.lfs.client import LfsRemote
from git_theta.store.lfs.endpoint import Endpoint
from git_theta.store.lfs.http_client import HttpClient, copy_body
from git_theta.store.lfs.http_settings import HttpSettings
from git_theta.store.remote import RemoteObject, TransferError

HEAD = b"HTTP/1.1 200 OK\r\n"


@contextmanager
def dripping(first: bytes, drop: bytes) -> Iterator[str]:
    """URL of a server that sends the first bytes, and others again and again."""
    listener = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=drip, args=(connection,), daemon=True).start()

    def drip(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(1 << 16)
            connection.sendall(first)
            while not stopped.wait(0.02):
                connection.sendall(drop)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stopped.set()
        listener.close()


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (HEAD + b"Content-Length: 1000000\r\n\r\n", b" "),
        (b"HTTP/1.1 403 no\r\nContent-Length: 1000000\r\n\r\n", b" "),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (HEAD + b"X: ", b"x"),
    ],
    ids=["chunks", "body", "error", "interim responses", "header"],
)
def test_an_answer_that_drips(monkeypatch: pytest.MonkeyPatch, first: bytes, drop: bytes) -> None:
    monkeypatch.setattr(time_limit, "ANSWER_SECONDS", 0.3)
    with dripping(first, drop) as url, pytest.raises(TransferError, match="no complete answer") as caught:
        LfsRemote(Endpoint(url), {}, None, {}).downloads([RemoteObject("0" * 64, 1)])
    assert caught.value.tries == 2


@pytest.mark.parametrize("drop", [b" ", b""], ids=["drips", "silent"])
def test_a_download_that_is_slower_than_git_would_bear(drop: bytes) -> None:
    client = HttpClient(HttpSettings({"http.lowspeedlimit": "1k", "http.lowspeedtime": "1"}, {}), "")
    with (
        dripping(HEAD + b"Content-Length: 1000000\r\n\r\n", drop) as url,
        pytest.raises(TransferError, match=r"broke: .*(bytes a second|timed out)") as caught,
        client.request("GET", url, {}, {}) as response,
    ):
        copy_body(response, io.BytesIO(), lambda _count: None, client.low_speed(url))
    assert caught.value.retry
    assert caught.value.tries == 2


def test_quick_blocks_are_left_alone() -> None:
    with time_limit.time_limit(pytest.fail):
        pass
    with pytest.raises(KeyError), time_limit.time_limit(pytest.fail):
        raise KeyError
