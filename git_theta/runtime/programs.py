"""Programs of users: each in a process group, with limits of its time and of the output that is kept."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from git_theta.runtime.early_end import forget_group, starting_group

_PIECE = 1 << 16

#: Seconds between two looks at whether a program whose streams are open still runs.
_LOOK = 0.1

#: Seconds that a program has to end by itself after SIGTERM.
_GRACE = 2.0

#: Bytes that are kept of each stream.
_KEPT = 4 << 20


@dataclass(frozen=True, slots=True)
class EndedProgram:
    """A program that has ended.

    Attributes:
        code: Its exit code; minus the number of the signal that ended it.
        stdout: The last bytes that it printed, at most 4 MiB.
        stderr: The last bytes of its messages, at most 4 MiB.
        seconds: Seconds that it ran.
        is_late: Whether it was ended because its time was over.
        is_cut: Whether the beginning of its stdout is missing, as it was longer.
    """

    code: int
    stdout: bytes
    stderr: bytes
    seconds: float
    is_late: bool
    is_cut: bool


def signal_name(number: int) -> str:
    """The name of a signal, such as `SIGKILL`; `signal 99` for one without a name."""
    return signal.Signals(number).name if number in {*signal.Signals} else f"signal {number}"


def start_problem(error: OSError | ValueError) -> str:
    """The reason why a program can't be started, in a few words."""
    return (isinstance(error, OSError) and error.strerror) or str(error)


class Programs:
    """Programs that run at the same time, from several threads; `stop` ends all of them.

    A program may start others: what is left of its process group is ended with it.
    """

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = Lock()
        self._is_stopped = False

    def run(
        self, words: Sequence[str], cwd: Path, env: Mapping[str, str], timeout: float | None = None
    ) -> EndedProgram:
        """Run a program without input, and wait for it.

        Args:
            words: The program and its arguments.
            cwd: The folder to run it in.
            env: Its environment.
            timeout: Seconds that it may take; `None` for any number.

        Raises:
            OSError: It can't be started.
            ValueError: Likewise: a word has a null byte.
            InterruptedError: `stop` was called.
        """
        began = time.monotonic()
        with self._lock:
            if self._is_stopped:
                raise InterruptedError("interrupted")
            with starting_group() as register:
                process = subprocess.Popen(
                    words,
                    cwd=cwd,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    process_group=0,
                )
                register(process.pid)
            self._running.add(process)
        try:
            tails = _collect(process, None if timeout is None else began + timeout)
            is_late = process.poll() is None
        finally:
            _end_group(process)
            forget_group(process.pid)
            with self._lock:
                self._running.discard(process)
            for stream in (process.stdout, process.stderr):
                if stream:
                    stream.close()
        if self._is_stopped:
            raise InterruptedError("interrupted")
        out, err = tails
        seconds = time.monotonic() - began
        return EndedProgram(process.returncode, out.data, err.data, seconds, is_late, out.is_cut)

    def stop(self) -> None:
        """End all programs, and start none any more."""
        with self._lock:
            self._is_stopped = True
            running = list(self._running)
        for process in running:
            signal_group(process, signal.SIGTERM)


class _Tail:
    """The last bytes of a stream."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self.is_cut = False

    def add(self, piece: bytes) -> None:
        self._bytes += piece
        if len(self._bytes) > 2 * _KEPT:
            self._cut()

    def _cut(self) -> None:
        if len(self._bytes) > _KEPT:
            del self._bytes[:-_KEPT]
            self.is_cut = True

    @property
    def data(self) -> bytes:
        self._cut()
        return bytes(self._bytes)


def _collect(process: subprocess.Popen[bytes], end: float | None) -> tuple[_Tail, _Tail]:
    """The output of a program until it ends, or its time is over.

    A program in the background may keep the streams open after that.
    """
    assert process.stdout is not None and process.stderr is not None  # noqa: S101, PT018
    tails = {process.stdout.fileno(): _Tail(), process.stderr.fileno(): _Tail()}
    with selectors.DefaultSelector() as selector:
        for handle in tails:
            os.set_blocking(handle, False)
            selector.register(handle, selectors.EVENT_READ)
        while selector.get_map():
            left = _LOOK if end is None else min(_LOOK, end - time.monotonic())
            ready = selector.select(max(0.0, left))
            for key, _ in ready:
                piece = os.read(key.fd, _PIECE)
                if not piece:
                    selector.unregister(key.fd)
                tails[key.fd].add(piece)
            if left <= 0 or (not ready and process.poll() is not None):
                break
    with suppress(subprocess.TimeoutExpired):
        process.wait(None if end is None else max(0.0, end - time.monotonic()))
    out, err = tails.values()
    return out, err


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a program and what it started, gently first."""
    if process.poll() is None:
        signal_group(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
    signal_group(process, signal.SIGKILL)
    process.wait()


def signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    """Send a signal to the process group that a program is the first of."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
