"""Time limits of answers, for servers that send a byte now and then, or interim responses for ever."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Timer

from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

#: Seconds in which the head of a response arrives, and the body of an answer of the API. A single read from
#: the network may wait as long, so a server that drips gets no more time than a silent one.
ANSWER_SECONDS = 60.0


@contextmanager
def time_limit(stop: Callable[[], object]) -> Iterator[None]:
    """Stop a block that waits for the network after `ANSWER_SECONDS`.

    Args:
        stop: Called from another thread; makes the block's reads end.

    Raises:
        TimeoutError: The block took longer.
    """
    expired = Event()

    def end() -> None:
        expired.set()
        with suppress(OSError, ValueError):
            stop()

    timer = Timer(ANSWER_SECONDS, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception:
        # Reads that were stopped fail in many ways, none of which says why.
        if not expired.is_set():
            raise
    finally:
        timer.cancel()
    if expired.is_set():
        raise TimeoutError(f"no complete answer in {ANSWER_SECONDS:.0f} seconds") from None


def _stop(connection: HTTPConnection) -> None:
    if connection.sock is not None:
        connection.sock.shutdown(socket.SHUT_RDWR)


class _LimitedHttp(HTTPConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        with time_limit(lambda: _stop(self)):
            return super().getresponse()


class _LimitedHttps(HTTPSConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        with time_limit(lambda: _stop(self)):
            return super().getresponse()


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _LimitedHttp


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _LimitedHttps


#: Pools of connections by scheme whose responses begin in time.
POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _HttpPool, "https": _HttpsPool}
