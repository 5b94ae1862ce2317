"""A pool of threads that transfer objects, with retries and a report of progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, Full, Queue
from threading import Event, Lock, Thread
from typing import Generic, TypeVar

from git_theta.errors import ThetaError
from git_theta.store.remote import Advance, RemoteObject, TransferError, batches
from git_theta.store.retry import RetryPolicy, with_retries

_Transfer = TypeVar("_Transfer")
_Result = TypeVar("_Result")

#: The most objects that are transferred at once.
MAX_THREADS = 8

#: Objects that are transferred at once while that is fast enough.
FIRST_THREADS = 3

#: Bytes a second at which more threads would only get in each other's way.
_FAST = 150e6

#: Seconds that threads are given to stop; one that waits for the network is left behind.
_STOP_SECONDS = 1.0

#: The most objects that wait for a thread: few, as a server's permission to transfer them expires.
_MAX_QUEUED = 8

#: Seconds between checks whether another thread would help.
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Transferred:
    """The result of a transfer of many objects.

    Attributes:
        count: Objects that were uploaded or downloaded.
        present: Objects that were there already.
        bytes: Bytes that were transferred, counted again where something was repeated.
        failed: Errors of objects that weren't transferred, by name.
        seconds: Duration.
        place: URL of the place, as users see it; empty if it's the remote's own host.
    """

    count: int
    present: int
    bytes: int
    failed: Mapping[str, ThetaError]
    seconds: float = 0.0
    place: str = ""


class _Stopped(Exception):
    """The transfer is over; raised in threads that still work on it."""


@dataclass(slots=True)
class Meter:
    """Progress of one object, correct whatever is repeated.

    Attributes:
        report: Called with how many bytes fewer remain; negative after a failed attempt.
        transferred: Called with bytes that were transferred; may raise to stop.
        wait: Called with seconds to wait; may raise to stop.
        position: Bytes that needn't be transferred any more.
    """

    report: Advance
    transferred: Callable[[int], None]
    wait: Callable[[float], None]
    position: int = 0

    def advance(self, count: int) -> None:
        """Count transferred bytes."""
        self.transferred(count)
        self.move_to(self.position + count)

    def move_to(self, position: int) -> None:
        """Set how many bytes of the object needn't be transferred any more."""
        if position != self.position:
            self.report(position - self.position)
            self.position = position


@dataclass(slots=True)
class TransferPool(Generic[_Transfer]):
    """Threads that transfer objects one by one.

    Attributes:
        ask: `uploads` or `downloads` of a remote: how to transfer each of some objects, by name.
        transfer: Transfers one object.
        bytes_kept: Gives how many bytes of an object earlier attempts have transferred for good.
        missing: The error for an object that isn't in the result of `ask`; `None` if nothing is wrong then.
        report: Called from any thread with how many bytes fewer remain.
        policy: Limits of retries.
        max_threads: The most objects to transfer at once.
    """

    ask: Callable[[Sequence[RemoteObject]], Mapping[str, _Transfer]]
    transfer: Callable[[RemoteObject, _Transfer, Meter], None]
    bytes_kept: Callable[[RemoteObject], int]
    missing: Callable[[RemoteObject], ThetaError | None]
    report: Advance
    policy: RetryPolicy
    max_threads: int = MAX_THREADS
    _threads: list[Thread] = field(default_factory=list)
    _queue: Queue[tuple[RemoteObject, _Transfer] | None] = field(default_factory=lambda: Queue(_MAX_QUEUED))
    _began: float = 0.0
    _polled: float = 0.0
    _stop: Event = field(default_factory=Event)
    _lock: Lock = field(default_factory=Lock)
    _failed: dict[str, ThetaError] = field(default_factory=dict)
    _fatal: BaseException | None = None
    _count: int = 0
    _present: int = 0
    _bytes: int = 0

    def run(self, objects: Sequence[RemoteObject], batch_size: int, present: int = 0) -> Transferred:
        """Transfer objects. To be called once.

        Args:
            objects: The objects.
            batch_size: The most objects to ask for at once.
            present: Number of other objects that were there already.

        Raises:
            TransferError: The remote can't be reached, or refuses altogether.
        """
        unique = list({wanted.oid: wanted for wanted in objects}.values())
        self._present = present
        self._began = self._polled = time.monotonic()
        self.max_threads = min(self.max_threads, len(unique))
        refusal: TransferError | None = None
        try:
            while len(self._threads) < min(FIRST_THREADS, self.max_threads):
                self._start_thread()
            try:
                self._enqueue_all(unique, batch_size)
            except TransferError as error:
                refusal = error
            except _Stopped:
                pass
            self._finish()
        except BaseException:
            self._cancel()
            for thread in self._threads:
                thread.join(_STOP_SECONDS / self.max_threads)
            raise
        if failure := self._fatal or refusal:
            raise failure
        seconds = time.monotonic() - self._began
        return Transferred(self._count, self._present, self._bytes, dict(self._failed), seconds)

    # The thread that calls `run`.

    def _enqueue_all(self, objects: Sequence[RemoteObject], batch_size: int) -> None:
        for batch in batches(objects, batch_size):
            self._raise_if_stopped()
            transfers = self._retrying(partial(self.ask, batch), _no_progress)
            for wanted in batch:
                transfer = transfers.get(wanted.oid)
                if transfer is None:
                    self._count_untransferred(wanted, self._meter())
                else:
                    self._enqueue((wanted, transfer))

    def _enqueue(self, task: tuple[RemoteObject, _Transfer] | None) -> None:
        while True:
            # Many small objects may be waiting although none waits for long.
            if self._queue.full():
                self._start_helpful_thread()
            with suppress(Full):
                self._queue.put(task, timeout=_POLL_SECONDS)
                return

    def _finish(self) -> None:
        """Wait until every object in the queue is transferred or has failed."""
        self._enqueue(None)
        while alive := [thread for thread in self._threads if thread.is_alive()]:
            alive[0].join(_POLL_SECONDS)
            if self._queue.qsize() > 1:
                self._start_helpful_thread()

    def _cancel(self) -> None:
        """Stop all threads, including those that wait for the queue."""
        self._stop.set()
        with suppress(Empty):
            while True:
                self._queue.get_nowait()
        self._queue.put(None)

    def _start_thread(self) -> None:
        thread = Thread(target=self._work, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _start_helpful_thread(self) -> None:
        """Start another thread, now and then, while the transfer is slow: a slow line, or a slow server."""
        now = time.monotonic()
        if now - self._polled < _POLL_SECONDS:
            return
        self._polled = now
        if len(self._threads) < self.max_threads and self._bytes < _FAST * (now - self._began):
            self._start_thread()

    # The threads of the pool.

    def _work(self) -> None:
        while (task := self._queue.get()) is not None:
            # After a stop, the queue is still emptied, so that nothing waits to fill it.
            if self._stop.is_set():
                continue
            wanted, transfer = task
            try:
                self._transfer_one(wanted, transfer)
            except _Stopped:
                pass
            except ThetaError as error:
                with self._lock:
                    self._failed[wanted.oid] = error
            except BaseException as error:
                self._fatal = self._fatal or error
                self._stop.set()
        # The end of the queue is for the other threads, too.
        self._queue.put(None)

    def _transfer_one(self, wanted: RemoteObject, first: _Transfer) -> None:
        meter = self._meter()
        transfer: _Transfer | None = first

        def attempt() -> bool:
            """Whether the object was transferred; `False` if the remote has no transfer for it any more."""
            nonlocal transfer
            transfer = transfer or self.ask([wanted]).get(wanted.oid)
            if transfer is None:
                return False
            try:
                self.transfer(wanted, transfer, meter)
            except TransferError as error:
                if error.renew:
                    transfer = None
                raise
            return True

        if self._retrying(attempt, lambda: self.bytes_kept(wanted)):
            with self._lock:
                self._count += 1
        else:
            self._count_untransferred(wanted, meter)

    # Both.

    def _count_untransferred(self, wanted: RemoteObject, meter: Meter) -> None:
        """Count an object that needs no transfer, or that the remote lacks."""
        error = self.missing(wanted)
        with self._lock:
            if error:
                self._failed[wanted.oid] = error
            else:
                self._present += 1
        if not error:
            meter.move_to(wanted.size or 0)

    def _retrying(self, attempt: Callable[[], _Result], progress: Callable[[], int]) -> _Result:
        return with_retries(attempt, self.policy, self._wait, progress)

    def _wait(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise _Stopped

    def _raise_if_stopped(self) -> None:
        if self._stop.is_set():
            raise _Stopped

    def _meter(self) -> Meter:
        return Meter(self.report, self._count_bytes, self._wait)

    def _count_bytes(self, count: int) -> None:
        self._raise_if_stopped()
        with self._lock:
            self._bytes += count


def _no_progress() -> int:
    return 0
