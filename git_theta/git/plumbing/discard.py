"""DiscardProcess: throws away what Git sends of a file whose bytes are known, in a process of its own.

A packet takes two system calls. Made by a thread, each is followed by a wait for the interpreter, which is
busy with loading the rest of the program and with the file itself; Git stands still meanwhile.
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
    """The process, started when it's first needed, which must be before there are threads.

    Args:
        handle: A descriptor of the pipe from Git.
    """

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._process = 0
        self._orders = self._answers = -1

    def prepare(self) -> bool:
        """Start the process, unless there is one; returns whether there is one then."""
        return bool(self._process) or self._start()

    def begin(self) -> bool:
        """Begin to skip the packets up to the next flush; returns whether that can be."""
        if not self.prepare():
            return False
        with suppress(BrokenPipeError):
            # Where it was killed, there will be no answer.
            os.write(self._orders, _ORDER)
        return True

    def result(self) -> int:
        """Wait for the end of what was begun; returns the bytes that the packets held.

        Raises:
            GitError: They came to no end.
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
            # Nothing of the parent's may run here any more, whatever happens.
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
    """Throw the packets up to the next flush away, without copying them; returns the bytes they held.

    Raises:
        GitError: What comes isn't the protocol.
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
    return GitError("git's filter protocol broke off in a file")


def _length(handle: int) -> int:
    """The next packet's length; 0 for a flush."""
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
    """Whether this process has one thread: a copy of one with more could wait for a lock forever."""
    try:
        return len(os.listdir(_TASKS)) == 1
    except OSError:
        return False


def _work(handle: int, orders: int, answers: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Git must see the end of what the filter says when that ends.
    os.close(1)
    with suppress(GitError, OSError):
        while os.read(orders, len(_ORDER)):
            os.write(answers, discard_packets(handle).to_bytes(_ANSWER_BYTES, "little"))
