"""Output of programs whose words come from another host: as much of it as any honest answer has."""

from __future__ import annotations

import os
import selectors
import subprocess
from collections.abc import Mapping, Sequence

_PIECE = 1 << 16


def run_bounded(
    command: Sequence[str], environment: Mapping[str, str], limit: int
) -> subprocess.CompletedProcess[bytes]:
    """Run a program without input, and collect what it prints on stdout and on stderr.

    Args:
        command: The program and its arguments.
        environment: Environment variables.
        limit: The most bytes of both streams together.

    Raises:
        OSError: The program can't be started.
        ValueError: It prints more than the limit; it's ended then.
    """
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(environment),
    ) as process:
        assert process.stdout is not None and process.stderr is not None  # noqa: S101, PT018
        streams = process.stdout.fileno(), process.stderr.fileno()
        try:
            out, err = _read(streams, limit)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def _read(streams: tuple[int, int], limit: int) -> tuple[bytes, bytes]:
    """All bytes of two file descriptors.

    Raises:
        ValueError: They have more than `limit` bytes.
    """
    found = {stream: bytearray() for stream in streams}
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select():
                piece = os.read(key.fd, _PIECE)
                if not piece:
                    selector.unregister(key.fd)
                found[key.fd] += piece
                if sum(map(len, found.values())) > limit:
                    raise ValueError(f"more than {limit} bytes")
    return bytes(found[streams[0]]), bytes(found[streams[1]])
