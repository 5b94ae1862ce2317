"""An S3 server on this machine: moto, in a process of its own, on a free port."""

from __future__ import annotations

import itertools
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.helpers.ports import await_port, free_port

_SERVER = "from moto.server import main; main()"
_NUMBERS = itertools.count()


@contextmanager
def serving() -> Iterator[str]:
    """Run the server, with credentials in the environment, and yield its URL."""
    pytest.importorskip("moto")
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER, "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        await_port(port, (server.poll() is None for _ in itertools.count()))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ACCESS_KEY_ID", "key")
            patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
            patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
            yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def make_bucket(endpoint: str) -> str:
    """Make a new bucket, and return its name."""
    name = f"models-{next(_NUMBERS)}"
    with urllib.request.urlopen(urllib.request.Request(f"{endpoint}/{name}", method="PUT")):
        return name
