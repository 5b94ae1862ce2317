"""A process that discards the packets of files whose bytes are known.

Each packet takes two system calls. A thread would wait for the interpreter after each, which is busy with
loading the rest of the program and with the file itself, and Git would stand still meanwhile.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from git_theta.errors import GitError

_TASKS = "/proc/self/task"

_ORDER = b"skip"
_ANSWER_BYTES = 8


class DiscardProcess:
    """The process; it can be started only while this process has one thread.

    Args:
        handle: A descriptor of the pipe from Git.
    """

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._process = 0
        self._orders = self._answers = -1

    def prepare(self) -> bool:
        """Start the process if it isn't running; returns whether it runs."""
        return bool(self._process) or self._start()

    def begin(self) -> bool:
        """Begin to discard the packets up to the next flush; returns whether the process can."""
        if not self.prepare():
            return False
        with suppress(BrokenPipeError):
            # If the process was killed, `result` fails.
            os.write(self._orders, _ORDER)
        return True

    def result(self) -> int:
        """Wait until the packets are discarded; returns the number of bytes that they held.

        Raises:
            GitError: The stream ended before a flush.
        """
        answer = os.read(self._answers, _ANSWER_BYTES)
        if len(answer) < _ANSWER_BYTES:
            raise broken_off()
        return int.from_bytes(answer, "little")

    def close(self) -> None:
        """End the process."""
        if self._process:
            os.close(self._orders)
            os.close(self._answers)
            os.waitpid(self._process, 0)
            self._process = 0

    def _start(self) -> bool:
        if not _alone():
            return False
        its_orders, orders = os.pipe()
        answers, its_answers = os.pipe()
        try:
            process = os.fork()
        except OSError:
            for handle in (its_orders, orders, answers, its_answers):
                os.close(handle)
            return False
        if not process:
            # Handlers of the parent must not run in this copy of it, whatever happens.
            try:
                os.close(orders)
                os.close(answers)
                _work(self._handle, its_orders, its_answers)
            finally:
                os._exit(0)
        os.close(its_orders)
        os.close(its_answers)
        self._process, self._orders, self._answers = process, orders, answers
        return True


def discard_packets(handle: int) -> int:
    """Discard the packets up to the next flush without copying them; returns their number of bytes.

    Raises:
        GitError: The bytes aren't packets.
    """
    sink = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    try:
        total = 0
        while length := _length(handle):
            left = length - 4
            total += left
            while left:
                moved = os.splice(handle, sink, left)
                if not moved:
                    raise broken_off()
                left -= moved
        return total
    finally:
        os.close(sink)


def broken_off() -> GitError:
    """The error for a stream that ends early."""
    return GitError("git closed the filter's input in the middle of a file")


def _length(handle: int) -> int:
    """The length of the next packet, its own four bytes included; 0 for a flush."""
    head = b""
    while len(head) < 4:
        more = os.read(handle, 4 - len(head))
        if not more:
            raise broken_off()
        head += more
    try:
        length = int(head, 16)
    except ValueError as error:
        raise GitError("this isn't git's filter protocol") from error
    if 0 < length < 4:
        raise GitError("git's filter protocol has a packet of an impossible length")
    return length


def _alone() -> bool:
    """Whether this process has one thread: the copy of one with more could wait for a lock forever."""
    try:
        return len(os.listdir(_TASKS)) == 1
    except OSError:
        return False


def _work(handle: int, orders: int, answers: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # When the filter ends, Git must see the end of its output.
    os.close(1)
    with suppress(GitError, OSError):
        while os.read(orders, len(_ORDER)):
            os.write(answers, discard_packets(handle).to_bytes(_ANSWER_BYTES, "little"))
