"""Ports of servers that tests start."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def await_port(port: int, alive: Iterator[bool]) -> None:
    """Wait until a server listens; fail once `alive` says that it has ended."""
    for _ in range(600):
        assert next(alive), "the server ended"
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("the server didn't start")
