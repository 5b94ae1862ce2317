"""A crew: threads that transfer objects one by one, each as often as it's worth trying."""

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

#: Seconds that threads are given to stop by themselves; one that waits for the network is left behind.
_FAREWELL_SECONDS = 1.0

#: Objects that wait for a thread.
_WAITING = 8

#: Seconds between looks at how it goes.
_LOOK_SECONDS = 0.1

#: Bytes a second that need no more threads: they'd only get in each other's way.
_FAST = 150e6


@dataclass(frozen=True, slots=True)
class Transferred:
    """What a transfer did.

    Attributes:
        count: Objects that were sent or fetched.
        present: Objects that were there already.
        bytes: Bytes that went over the line, more than once where something was tried again.
        failed: Why objects weren't transferred, by name.
        seconds: How long it took.
    """

    count: int
    present: int
    bytes: int
    failed: Mapping[str, ThetaError]
    seconds: float = 0.0


class _Stopped(Exception):
    """The transfer is over; raised in threads that still work on it."""


@dataclass(slots=True)
class Meter:
    """Keeps the report of one object right, whatever is tried again."""

    report: Advance
    moved: Callable[[int], None]
    wait: Callable[[float], None]
    shown: int = 0

    def advance(self, count: int) -> None:
        """Tell that bytes went over the line."""
        self.moved(count)
        self.at(self.shown + count)

    def at(self, position: int) -> None:
        """Tell how many bytes of the object needn't be transferred any more."""
        if position != self.shown:
            self.report(position - self.shown)
            self.shown = position


@dataclass(slots=True)
class TransferPool(Generic[_Transfer]):
    """Threads that transfer objects.

    Attributes:
        ask: How to transfer these objects; those that aren't in the result are `absent`.
        carry: Transfers one.
        kept: How many bytes of an object earlier tries have transferred for good.
        absent: What's wrong if the remote has no action for an object; `None`: nothing.
        report: As for `push`.
        pace: How hard to try.
    """

    ask: Callable[[Sequence[RemoteObject]], Mapping[str, _Transfer]]
    carry: Callable[[RemoteObject, _Transfer, Meter], None]
    kept: Callable[[RemoteObject], int]
    absent: Callable[[RemoteObject], ThetaError | None]
    report: Advance
    pace: RetryPolicy
    _workers: list[Thread] = field(default_factory=list)
    #: Short, so that an action is asked for soon before it's used.
    _queue: Queue[tuple[RemoteObject, _Transfer] | None] = field(default_factory=lambda: Queue(_WAITING))
    _began: float = 0.0
    _looked: float = 0.0
    _most: int = 1
    _stop: Event = field(default_factory=Event)
    _turn: Lock = field(default_factory=Lock)
    _failed: dict[str, ThetaError] = field(default_factory=dict)
    _fatal: BaseException | None = None
    _count: int = 0
    _present: int = 0
    _bytes: int = 0

    def run(self, objects: Sequence[RemoteObject], batch: int, present: int = 0) -> Transferred:
        """Transfer objects.

        Args:
            objects: What to transfer.
            batch: For how many to ask at once.
            present: How many others were there already.

        Raises:
            TransferError: The remote can't be reached, or refuses altogether.
        """
        unique = list({wanted.oid: wanted for wanted in objects}.values())
        self._present = present
        self._began = self._looked = time.monotonic()
        self._most = min(self.pace.threads, len(unique))
        trouble: TransferError | None = None
        try:
            while len(self._workers) < min(self.pace.first, self._most):
                self._hire()
            try:
                self._hand_out(unique, batch)
            except TransferError as error:
                trouble = error
            except _Stopped:
                pass
            self._end()
        except BaseException:
            self._dismiss()
            for worker in self._workers:
                worker.join(_FAREWELL_SECONDS / self._most)
            raise
        if grave := self._fatal or trouble:
            raise grave
        seconds = time.monotonic() - self._began
        return Transferred(self._count, self._present, self._bytes, dict(self._failed), seconds)

    def _hire(self) -> None:
        worker = Thread(target=self._work, daemon=True)
        worker.start()
        self._workers.append(worker)

    def _look(self) -> None:
        """Now and then, hire another if that may help: a slow line, or a server that takes its time."""
        now = time.monotonic()
        if now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        if len(self._workers) < self._most and self._bytes < _FAST * (now - self._began):
            self._hire()

    def _hand_out(self, objects: Sequence[RemoteObject], batch: int) -> None:
        for some in batches(objects, batch):
            self._check()
            actions = self._persist(partial(self.ask, some), _nothing)
            for wanted in some:
                action = actions.get(wanted.oid)
                if action is None:
                    self._no_action(wanted, self._meter())
                else:
                    self._queue_up((wanted, action))

    def _queue_up(self, task: tuple[RemoteObject, _Transfer] | None) -> None:
        while True:
            # Many small objects may be waiting although none waits for long.
            if self._queue.full():
                self._look()
            with suppress(Full):
                self._queue.put(task, timeout=_LOOK_SECONDS)
                return

    def _end(self) -> None:
        """Wait until everything is done."""
        self._queue_up(None)
        while alive := [worker for worker in self._workers if worker.is_alive()]:
            alive[0].join(_LOOK_SECONDS)
            if self._queue.qsize() > 1:
                self._look()

    def _dismiss(self) -> None:
        """Have everybody stop, also those who wait for work."""
        self._stop.set()
        with suppress(Empty):
            while True:
                self._queue.get_nowait()
        self._queue.put(None)

    def _work(self) -> None:
        while (task := self._queue.get()) is not None:
            # After a stop the queue is still emptied, so that no one waits to fill it.
            if self._stop.is_set():
                continue
            wanted, action = task
            try:
                self._transfer(wanted, action)
            except _Stopped:
                pass
            except ThetaError as error:
                with self._turn:
                    self._failed[wanted.oid] = error
            except BaseException as error:
                self._fatal = self._fatal or error
                self._stop.set()
        # It's for the others, too.
        self._queue.put(None)

    def _transfer(self, wanted: RemoteObject, first: _Transfer) -> None:
        meter = self._meter()
        action: _Transfer | None = first

        def attempt() -> bool:
            nonlocal action
            action = action or self.ask([wanted]).get(wanted.oid)
            if action is None:
                return False
            try:
                self.carry(wanted, action, meter)
            except TransferError as error:
                if error.renew:
                    action = None
                raise
            return True

        if self._persist(attempt, lambda: self.kept(wanted)):
            with self._turn:
                self._count += 1
        else:
            self._no_action(wanted, meter)

    def _no_action(self, wanted: RemoteObject, meter: Meter) -> None:
        trouble = self.absent(wanted)
        with self._turn:
            if trouble:
                self._failed[wanted.oid] = trouble
            else:
                self._present += 1
        if not trouble:
            meter.at(wanted.size or 0)

    def _persist(self, attempt: Callable[[], _Result], kept: Callable[[], int]) -> _Result:
        return with_retries(attempt, self.pace, self._wait, kept)

    def _wait(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise _Stopped

    def _check(self) -> None:
        if self._stop.is_set():
            raise _Stopped

    def _meter(self) -> Meter:
        return Meter(self.report, self._moved, self._wait)

    def _moved(self, count: int) -> None:
        self._check()
        with self._turn:
            self._bytes += count


def _nothing() -> int:
    return 0
