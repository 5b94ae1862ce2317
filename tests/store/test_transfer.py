from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pytest

from git_theta.errors import CorruptError, MissingObjectError, ThetaError
from git_theta.store.local import LocalStore
from git_theta.store.remote import Advance, Download, RemoteObject, TransferError, Upload
from git_theta.store.retry import RetryPolicy
from git_theta.store.transfer import fetch, push
from git_theta.store.transfer_pool import FIRST_THREADS

QUICK = RetryPolicy(delay=0.0)

Fault = Callable[[str, int], None]


def name(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def wanted(*objects: bytes) -> list[RemoteObject]:
    return [RemoteObject(name(data), len(data)) for data in objects]


@dataclass
class Fake:
    """A remote in memory. `fault` is called with an object and the number of the attempt, and may raise."""

    objects: dict[str, bytes] = field(default_factory=dict)
    fault: Fault = lambda oid, attempt: None
    asked: list[list[str]] = field(default_factory=list)
    tries: Counter[str] = field(default_factory=Counter)
    starts: list[int] = field(default_factory=list)
    piece: int = 10
    #: Objects → the byte after which their transfer is cut, once.
    cut: dict[str, int] = field(default_factory=dict)
    url: str = "fake://remote"
    batch_size: int = 3

    def having(self, *objects: bytes) -> Fake:
        self.objects |= {name(data): data for data in objects}
        return self

    def uploads(self, objects: Sequence[RemoteObject]) -> Mapping[str, Upload]:
        self.asked.append([each.oid for each in objects])
        return {each.oid: partial(self._send, each.oid) for each in objects if each.oid not in self.objects}

    def downloads(self, objects: Sequence[RemoteObject]) -> Mapping[str, Download]:
        self.asked.append([each.oid for each in objects])
        return {each.oid: partial(self._receive, each.oid) for each in objects if each.oid in self.objects}

    def _send(self, oid: str, file: BinaryIO, advance: Advance) -> None:
        self.tries[oid] += 1
        data = b""
        while piece := file.read(self.piece):
            data += piece
            advance(len(piece))
            if oid in self.cut and len(data) >= self.cut[oid]:
                del self.cut[oid]
                raise TransferError("cut", retry=True)
        self.fault(oid, self.tries[oid])
        self.objects[oid] = data

    def _receive(self, oid: str, file: BinaryIO, start: int, advance: Advance) -> None:
        self.tries[oid] += 1
        self.starts.append(start)
        self.fault(oid, self.tries[oid])
        data = self.objects[oid]
        for at in range(start, len(data), self.piece):
            piece = data[at : at + self.piece]
            file.write(piece)
            advance(len(piece))
            if oid in self.cut and at + len(piece) >= self.cut[oid]:
                del self.cut[oid]
                raise ConnectionResetError(104, "Connection reset by peer")


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "theta")


A, B, C, D = (letter * 100 for letter in (b"a", b"b", b"c", b"d"))


def left(store: LocalStore) -> list[str]:
    return sorted(os.listdir(store.incoming)) if store.incoming.is_dir() else []


def test_push_and_fetch(store: LocalStore, tmp_path: Path) -> None:
    remote, shown = Fake().having(A), []
    for data in (A, B, C, D, b""):
        store.put([data])
    done = push(remote, wanted(A, B, C, D, b"", B), store, shown.append, QUICK)
    assert (done.count, done.present, done.bytes, done.failed) == (4, 1, 300, {})
    assert sum(shown) == 400
    assert [len(batch) for batch in remote.asked] == [3, 2]
    other, shown = LocalStore(tmp_path / "other"), []
    other.put([A])
    done = fetch(remote, wanted(A, B, C, D, b""), other, shown.append, QUICK)
    assert (done.count, done.present, done.bytes, done.failed) == (4, 1, 300, {})
    assert sum(shown) == 400
    assert sorted(other.list()) == sorted(store.list())
    assert other.path(name(B)).stat().st_mode & 0o777 == 0o444
    assert left(other) == []


def test_nothing_to_do(store: LocalStore) -> None:
    assert push(Fake(), [], store).count == fetch(Fake(), [], store).count == 0


def test_an_unknown_size(store: LocalStore) -> None:
    assert fetch(Fake().having(A), [RemoteObject(name(A), None)], store, policy=QUICK).count == 1
    store.verify(name(A))


def test_an_object_that_the_remote_lacks_is_a_failure(store: LocalStore) -> None:
    done = fetch(Fake().having(A), wanted(A, B), store, policy=QUICK)
    assert done.count == 1
    assert str(done.failed[name(B)]) == f"object {name(B)} isn't at fake://remote"


def test_an_object_that_the_store_lacks_is_a_failure(store: LocalStore) -> None:
    store.put([A])
    done = push(Fake(), wanted(A, B), store, policy=QUICK)
    assert done.count == 1
    assert isinstance(done.failed[name(B)], MissingObjectError)


def test_neighbours_objects_are_pushed(store: LocalStore, tmp_path: Path) -> None:
    store.put([A])
    remote = Fake()
    assert push(remote, wanted(A), LocalStore(tmp_path / "other", (store.root,)), policy=QUICK).count == 1
    assert remote.objects == {name(A): A}


def test_passing_failures_are_tried_again(store: LocalStore, tmp_path: Path) -> None:
    def fault(oid: str, attempt: int) -> None:
        if attempt < 3:
            raise TransferError("busy", retry=True, after=0.0)

    shown: list[int] = []
    store.put([A])
    remote = Fake(fault=fault)
    assert push(remote, wanted(A), store, shown.append, QUICK).failed == {}
    assert (remote.tries[name(A)], sum(shown)) == (3, 100)
    remote.tries.clear()
    assert fetch(remote, wanted(A), LocalStore(tmp_path / "other"), policy=QUICK).failed == {}


@pytest.mark.parametrize(("retry", "tries"), [(False, 1), (True, QUICK.tries)])
def test_others_are_transferred_when_one_fails(store: LocalStore, retry: bool, tries: int) -> None:
    def fault(oid: str, attempt: int) -> None:
        if oid == name(B):
            raise TransferError("no", retry=retry)

    remote = Fake(fault=fault).having(A, B, C, D)
    done = fetch(remote, wanted(A, B, C, D), store, policy=QUICK)
    assert done.count == 3
    assert {oid: error.message for oid, error in done.failed.items()} == {name(B): "no"}
    assert remote.tries[name(B)] == tries
    assert {oid for oid, _ in store.list()} == {name(A), name(C), name(D)}
    assert left(store) == []


def test_more_threads_where_many_objects_take_a_while_each(store: LocalStore) -> None:
    threads = set()

    def slow(_oid: str, _attempt: int) -> None:
        threads.add(threading.get_ident())
        # Too short for anything to wait long, but an age for a few bytes.
        time.sleep(0.02)

    objects = [b"%d" % number for number in range(60)]
    for data in objects:
        store.put([data])
    assert push(Fake(fault=slow), wanted(*objects), store).count == 60
    assert len(threads) > FIRST_THREADS


def test_a_wait_that_is_too_long_is_a_failure(store: LocalStore) -> None:
    def fault(oid: str, attempt: int) -> None:
        raise TransferError("busy", retry=True, after=86400.0)

    done = fetch(Fake(fault=fault).having(A), wanted(A), store, policy=QUICK)
    assert "wait for 86400 seconds" in str(done.failed[name(A)])


def test_an_expired_action_is_asked_for_again(store: LocalStore) -> None:
    def fault(oid: str, attempt: int) -> None:
        if attempt == 1:
            raise TransferError("expired", renew=True)

    remote = Fake(fault=fault).having(A)
    assert fetch(remote, wanted(A), store, policy=QUICK).count == 1
    assert remote.asked == [[name(A)], [name(A)]]


def test_a_cut_download_goes_on(store: LocalStore) -> None:
    remote = Fake(cut={name(A): 50}).having(A)
    shown: list[int] = []
    done = fetch(remote, wanted(A), store, shown.append, QUICK)
    assert (done.count, done.bytes, remote.starts, sum(shown)) == (1, 100, [0, 50], 100)
    store.verify(name(A))


def test_progress_gives_more_tries(store: LocalStore) -> None:
    remote = Fake().having(A)

    def fault(oid: str, attempt: int) -> None:
        if attempt <= 9:
            remote.cut[oid] = 10 * attempt

    remote.fault = fault
    assert fetch(remote, wanted(A), store, policy=RetryPolicy(tries=2, delay=0.0)).count == 1
    assert remote.starts == list(range(0, 100, 10))


def test_a_failed_download_goes_on_in_a_later_fetch(store: LocalStore) -> None:
    remote = Fake(cut={name(A): 50}).having(A)
    once = RetryPolicy(tries=1, delay=0.0)
    done = fetch(remote, wanted(A), store, policy=once)
    assert "Connection reset by peer" in str(done.failed[name(A)])
    assert left(store) == [name(A)]
    assert fetch(remote, wanted(A), store, policy=once).bytes == 50
    assert left(store) == []


def test_a_wrong_object_never_enters_the_store(store: LocalStore) -> None:
    remote = Fake({name(A): B})
    done = fetch(remote, wanted(A), store, policy=QUICK)
    error = done.failed[name(A)]
    assert isinstance(error, CorruptError)
    assert name(A) in str(error)
    assert "fake://remote" in str(error)
    assert remote.tries[name(A)] == 1
    assert list(store.list()) == []
    assert left(store) == []


@pytest.mark.parametrize("partial", [b"x" * 50, b"x" * 100, b"x" * 150, A], ids=len)
def test_a_bad_beginning_is_fetched_again(store: LocalStore, partial: bytes) -> None:
    store.incoming.mkdir(parents=True)
    (store.incoming / name(A)).write_bytes(partial)
    assert fetch(Fake().having(A), wanted(A), store, policy=QUICK).failed == {}
    store.verify(name(A))
    assert left(store) == []


def test_too_short_an_object(store: LocalStore) -> None:
    done = fetch(Fake({name(A): A[:60]}), wanted(A), store, policy=QUICK)
    assert "only 60 of the 100 bytes" in str(done.failed[name(A)])


def test_a_full_disk_stops_everything(store: LocalStore) -> None:
    def fault(oid: str, attempt: int) -> None:
        if oid == name(B):
            raise OSError(28, "No space left on device")

    with pytest.raises(ThetaError, match=r"No space left on device\nhint: free some disk space"):
        fetch(
            Fake(fault=fault).having(A, B, C, D),
            wanted(A, B, C, D),
            store,
            policy=RetryPolicy(delay=0.0),
            max_threads=1,
        )
    assert [oid for oid, _ in store.list()] == [name(A)]


def test_a_remote_that_refuses(store: LocalStore) -> None:
    class Closed(Fake):
        def downloads(self, objects: Sequence[RemoteObject]) -> Mapping[str, Download]:
            if self.asked:
                raise TransferError("closed")
            return super().downloads(objects)

    with pytest.raises(TransferError, match="closed"):
        fetch(Closed().having(A, B, C, D), wanted(A, B, C, D), store, policy=QUICK)
    assert {oid for oid, _ in store.list()} == {name(A), name(B), name(C)}


def test_no_thread_stays_when_asking_fails(store: LocalStore) -> None:
    def refuse(_objects: Sequence[RemoteObject]) -> Mapping[str, Download]:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    remote, before = Fake(), threading.enumerate()
    remote.downloads = refuse  # type: ignore[method-assign]
    with pytest.raises(ThetaError):
        fetch(remote, wanted(A, B), store, policy=QUICK)
    assert threading.enumerate() == before


def test_two_fetches_at_once_write_one_file(store: LocalStore) -> None:
    data = os.urandom(100_000)
    remote = Fake(piece=1000).having(data)
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(fetch(remote, wanted(data), store, policy=QUICK)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [done.failed for done in results] == [{}] * 4
    assert sum(done.bytes for done in results) == len(data)
    store.verify(name(data))
    assert left(store) == []


SLOW = """
import sys, time
from pathlib import Path
from git_theta.store.local import LocalStore
from git_theta.store.remote import RemoteObject
from git_theta.store.transfer import fetch

class Slow:
    url, batch_size = "slow://", 1

    def downloads(self, objects):
        def receive(file, start, advance):
            file.write(b"a" * 50)
            file.flush()
            advance(50)
            print("half", flush=True)
            {then}
        return {{each.oid: receive for each in objects}}

fetch(Slow(), [RemoteObject(sys.argv[2], 100)], LocalStore(Path(sys.argv[1])))
"""


@pytest.mark.parametrize(
    ("then", "sent"),
    [
        ("time.sleep(600)", signal.SIGKILL),
        ("time.sleep(600)", signal.SIGINT),
        ("while True: advance(0); time.sleep(0.01)", signal.SIGINT),
    ],
)
def test_a_stopped_process_leaves_what_it_has(store: LocalStore, then: str, sent: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW.format(then=then), str(store.root), name(A)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A test runner in the background ignores Ctrl-C, and its children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n"
    process.send_signal(sent)
    _, said = process.communicate(timeout=60)
    assert process.returncode == -sent
    assert sent is signal.SIGKILL or "KeyboardInterrupt" in said
    remote = Fake().having(A)
    assert fetch(remote, wanted(A), store, policy=QUICK).bytes == 50
    assert remote.starts == [50]
    store.verify(name(A))
