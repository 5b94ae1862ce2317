"""Sending objects to a remote and fetching them from it, whatever kind of remote it is.

In parallel, with retries. Each object that arrives is checked against its name before it enters the store,
and a download that breaks off goes on from there, in this process or in a later one.
"""

from __future__ import annotations

import hashlib
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from queue import Queue
from threading import Event, Lock, Thread
from typing import BinaryIO, Generic, TypeVar

from git_theta.errors import CorruptError, MissingObjectError, ThetaError
from git_theta.store.incoming import incoming
from git_theta.store.local import LocalStore, told
from git_theta.store.remote import Advance, Receive, Remote, Send, TransferError, Wanted

Action = TypeVar("Action")
Result = TypeVar("Result")

#: Seconds that threads are given to stop by themselves; one that waits for the network is left behind.
_FAREWELL_SECONDS = 1.0

#: Bytes hashed at once.
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Pace:
    """How hard to try.

    Attributes:
        threads: Objects transferred at once.
        tries: How often something is tried that fails without any progress.
        delay: Seconds before the second try; doubled for each further one.
        longest: Seconds that the delay grows to at most.
        patience: Seconds that a remote may ask to wait for; if it asks for more, that's a failure.
    """

    threads: int = 8
    tries: int = 8
    delay: float = 0.1
    longest: float = 30.0
    patience: float = 300.0


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


def push(
    remote: Remote,
    objects: Sequence[Wanted],
    local: LocalStore,
    report: Advance = lambda _: None,
    pace: Pace | None = None,
) -> Transferred:
    """Send objects that the remote doesn't have. What was sent stays there when others fail.

    Args:
        remote: Where to.
        objects: What to send.
        local: Where from.
        report: Told, from any thread, how many more bytes needn't be sent any more; the sum of all is the
            sum of sizes. Negative when a try failed.
        pace: How hard to try.

    Raises:
        TransferError: The remote can't be reached, or refuses altogether.
        ThetaError: The store can't be read.
    """

    def send(wanted: Wanted, action: Send, meter: _Meter) -> None:
        meter.at(0)
        with local.open(wanted.oid) as file:
            size = os.fstat(file.fileno()).st_size
            action(file, meter.advance)
        meter.at(size)

    try:
        return _Crew(remote.sends, send, lambda _: 0, lambda _: None, report, pace or Pace()).run(
            objects, remote.batch
        )
    except OSError as error:
        raise ThetaError(f"can't read the store {local.root}: {error.strerror or error}") from error


def fetch(
    remote: Remote,
    objects: Sequence[Wanted],
    local: LocalStore,
    report: Advance = lambda _: None,
    pace: Pace | None = None,
) -> Transferred:
    """Fetch objects that the store doesn't have. What was fetched stays in the store when others fail.

    Args:
        remote: Where from.
        objects: What to fetch.
        local: Where to.
        report: As for `push`.
        pace: How hard to try.

    Raises:
        TransferError: The remote can't be reached, or refuses altogether.
        ThetaError: The disk is full, or the store can't be written.
    """

    def receive(wanted: Wanted, action: Receive, meter: _Meter) -> None:
        path = local.incoming / wanted.oid
        with incoming(path, meter.wait) as file:
            if local.has(wanted.oid):
                path.unlink()
                meter.at(local.size(wanted.oid) or 0)
                return
            start = _length(file)
            if wanted.size is not None and start > wanted.size:
                start = file.truncate(0)
            meter.at(start)
            # One that has all of its bytes only lacks the check.
            if start == 0 or start != wanted.size:
                file.seek(start)
                action(file, start, meter.advance)
            file.flush()
            size = _length(file)
            if wanted.size is not None and size < wanted.size:
                raise TransferError(
                    f"{remote.url} sent only {size} of the {wanted.size} bytes of object {wanted.oid}",
                    retry=True,
                )
            if _digest(file) != wanted.oid:
                path.unlink()
                raise _damaged(wanted.oid, remote.url, resumed=start > 0)
            local.adopt(file, path, wanted.oid)
            meter.at(size)

    def kept(wanted: Wanted) -> int:
        try:
            return (local.incoming / wanted.oid).stat().st_size
        except FileNotFoundError:
            return 0

    def absent(wanted: Wanted) -> ThetaError:
        return MissingObjectError(f"object {wanted.oid} isn't at {remote.url}")

    here = [wanted for wanted in objects if local.has(wanted.oid)]
    for wanted in here:
        report(local.size(wanted.oid) or 0)
    names = {wanted.oid for wanted in here}
    missing = [wanted for wanted in objects if wanted.oid not in names]
    with told(local.root):
        crew = _Crew(remote.receives, receive, kept, absent, report, pace or Pace())
        return crew.run(missing, remote.batch, present=len(names))


def _length(file: BinaryIO) -> int:
    return file.seek(0, os.SEEK_END)


def _digest(file: BinaryIO) -> str:
    file.seek(0)
    hasher = hashlib.sha256()
    while piece := file.read(_PIECE):
        hasher.update(piece)
    return hasher.hexdigest()


def _damaged(oid: str, url: str, resumed: bool) -> ThetaError:
    message = f"object {oid} from {url} arrived damaged: its bytes have another SHA-256"
    if resumed:
        # The beginning that an earlier process left may be to blame.
        return TransferError(message, retry=True)
    return CorruptError(message, "nothing was stored; push the object again from a clone that has it")


class _Stopped(Exception):
    """The transfer is over; raised in threads that still work on it."""


@dataclass(slots=True)
class _Meter:
    """Keeps the report of one object right, whatever is tried again."""

    report: Advance
    moved: Callable[[int], None]
    wait: Callable[[float], None]
    shown: int = 0

    def advance(self, count: int) -> None:
        self.moved(count)
        self.at(self.shown + count)

    def at(self, position: int) -> None:
        if position != self.shown:
            self.report(position - self.shown)
            self.shown = position


@dataclass(slots=True)
class _Crew(Generic[Action]):
    """Threads that transfer objects.

    Attributes:
        ask: How to transfer these objects; those that aren't in the result are `absent`.
        carry: Transfers one.
        kept: How many bytes of an object earlier tries have transferred for good.
        absent: What's wrong if the remote has no action for an object; `None`: nothing.
        report: As for `push`.
        pace: How hard to try.
    """

    ask: Callable[[Sequence[Wanted]], Mapping[str, Action]]
    carry: Callable[[Wanted, Action, _Meter], None]
    kept: Callable[[Wanted], int]
    absent: Callable[[Wanted], ThetaError | None]
    report: Advance
    pace: Pace
    _stop: Event = field(default_factory=Event)
    _turn: Lock = field(default_factory=Lock)
    _failed: dict[str, ThetaError] = field(default_factory=dict)
    _fatal: BaseException | None = None
    _count: int = 0
    _present: int = 0
    _bytes: int = 0

    def run(self, objects: Sequence[Wanted], batch: int, present: int = 0) -> Transferred:
        unique = list({wanted.oid: wanted for wanted in objects}.values())
        self._present = present
        began = time.monotonic()
        threads = min(self.pace.threads, len(unique))
        # Short, so that an action is asked for soon before it's used.
        queue: Queue[tuple[Wanted, Action] | None] = Queue(max(1, threads))
        workers = [Thread(target=self._work, args=(queue,), daemon=True) for _ in range(threads)]
        trouble: TransferError | None = None
        try:
            for worker in workers:
                worker.start()
            try:
                self._hand_out(unique, batch, queue)
            except TransferError as error:
                trouble = error
            except _Stopped:
                pass
            for _ in workers:
                queue.put(None)
            for worker in workers:
                worker.join()
        except BaseException:
            self._stop.set()
            for worker in workers:
                if worker.ident is not None:
                    worker.join(_FAREWELL_SECONDS / threads)
            raise
        if grave := self._fatal or trouble:
            raise grave
        seconds = time.monotonic() - began
        return Transferred(self._count, self._present, self._bytes, dict(self._failed), seconds)

    def _hand_out(
        self, objects: Sequence[Wanted], batch: int, queue: Queue[tuple[Wanted, Action] | None]
    ) -> None:
        for some in _batches(objects, batch):
            self._check()
            actions = self._persist(partial(self.ask, some), lambda: 0)
            for wanted in some:
                action = actions.get(wanted.oid)
                if action is None:
                    self._no_action(wanted, self._meter())
                else:
                    queue.put((wanted, action))

    def _work(self, queue: Queue[tuple[Wanted, Action] | None]) -> None:
        while (task := queue.get()) is not None:
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

    def _transfer(self, wanted: Wanted, first: Action) -> None:
        meter = self._meter()
        action: Action | None = first

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

    def _no_action(self, wanted: Wanted, meter: _Meter) -> None:
        trouble = self.absent(wanted)
        with self._turn:
            if trouble:
                self._failed[wanted.oid] = trouble
            else:
                self._present += 1
        if not trouble:
            meter.at(wanted.size or 0)

    def _persist(self, attempt: Callable[[], Result], kept: Callable[[], int]) -> Result:
        failures, reached = 0, kept()
        while True:
            try:
                return attempt()
            except TransferError as error:
                failure = error
            except (ConnectionError, TimeoutError) as error:
                failure = TransferError(f"the connection broke: {error.strerror or error}", retry=True)
            # Whoever gets on, however slowly, may go on for as long as it takes.
            if kept() > reached:
                failures, reached = 0, kept()
            failures += 1
            if not (failure.retry or failure.renew) or failures >= self.pace.tries:
                raise failure
            self._wait(self._delay(failure, failures))

    def _delay(self, failure: TransferError, failures: int) -> float:
        if failure.after is not None:
            if failure.after > self.pace.patience:
                raise TransferError(
                    f"{failure.message}; it asks to wait for {failure.after:.0f} seconds",
                    failure.hint or "try again later: what has been transferred isn't transferred again",
                )
            return max(0.0, failure.after)
        if failure.renew and failures == 1:
            return 0.0
        delay = min(self.pace.longest, self.pace.delay * 2.0 ** (failures - 1))
        return delay * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, keeps no secret

    def _wait(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise _Stopped

    def _check(self) -> None:
        if self._stop.is_set():
            raise _Stopped

    def _meter(self) -> _Meter:
        return _Meter(self.report, self._moved, self._wait)

    def _moved(self, count: int) -> None:
        self._check()
        with self._turn:
            self._bytes += count


def _batches(objects: Sequence[Wanted], size: int) -> Iterator[list[Wanted]]:
    rest = iter(objects)
    while some := list(islice(rest, size)):
        yield some
