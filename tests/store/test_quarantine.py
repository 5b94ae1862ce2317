from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from git_theta.errors import MissingObjectError, ThetaError
from git_theta.store.local import LocalStore
from git_theta.store.sweep import sweep


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "theta")


def test_objects_that_were_not_dropped_go_back(store: LocalStore) -> None:
    one, two, three = (store.put([data]) for data in (b"one", b"two", b"three"))
    with store.quarantine() as held:
        assert all(held.take(oid) for oid in (one, two, three))
        assert not held.take(one)
        assert not any(store.has(oid) for oid in (one, two, three))
        held.drop(one)
        held.give_back(two)
        assert store.has(two)
    assert not store.has(one)
    store.verify(three)


def test_an_interruption_gives_all_objects_back(store: LocalStore) -> None:
    oid = store.put([b"one"])

    def interrupted() -> None:
        with store.quarantine() as held:
            held.take(oid)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    store.verify(oid)


def test_objects_that_a_killed_process_left_go_back_and_are_never_swept(store: LocalStore) -> None:
    oid = store.put([b"one"])
    folder = store.tmp / "aside"
    folder.mkdir()
    store.path(oid).rename(folder / oid)
    sweep(store.tmp, store.incoming, older_than=-1)
    with store.quarantine():
        assert store.has(oid)


def test_an_object_that_was_written_again_meanwhile_stays(store: LocalStore) -> None:
    oid = store.put([b"one"])
    with store.quarantine() as held:
        store.path(oid).chmod(0o644)
        store.path(oid).write_bytes(b"damaged")
        held.take(oid)
        store.put([b"one"])
    store.verify(oid)
    assert not list((store.tmp / "aside").iterdir())


def test_one_process_at_a_time(store: LocalStore) -> None:
    with store.quarantine(), pytest.raises(ThetaError, match="another process"), store.quarantine():
        pass


def left_in_quarantine(store: LocalStore) -> str:
    """An object that a killed process left in quarantine."""
    oid = store.put([b"one"])
    folder = store.tmp / "aside"
    folder.mkdir(exist_ok=True)
    store.path(oid).rename(folder / oid)
    return oid


def test_an_object_that_a_killed_process_left_is_found(store: LocalStore) -> None:
    oid = left_in_quarantine(store)
    assert store.has(oid)
    left_in_quarantine(store)
    assert bytes(store.get(oid)) == b"one"
    left_in_quarantine(store)
    with store.open(oid) as file:
        assert file.read() == b"one"


def test_restoring_objects_that_a_killed_process_left(store: LocalStore) -> None:
    store.restore_quarantined()
    assert not store.root.exists()
    oid = left_in_quarantine(store)
    store.restore_quarantined()
    assert store.path(oid).exists()


def test_objects_of_a_running_process_stay_in_quarantine(store: LocalStore) -> None:
    oid = store.put([b"one"])
    with store.quarantine() as held:
        held.take(oid)
        store.restore_quarantined()
        assert not store.has(oid)
        with pytest.raises(MissingObjectError):
            store.get(oid)


_ENDED = """
import os, signal, sys
from pathlib import Path
from git_theta.store.local import LocalStore
store = LocalStore(Path(sys.argv[1]))
with store.quarantine() as held:
    held.take(sys.argv[2])
    os.kill(os.getpid(), signal.SIGTERM)
"""


def test_a_signal_gives_all_objects_back(store: LocalStore) -> None:
    oid = store.put([b"one"])
    done = subprocess.run([sys.executable, "-c", _ENDED, store.root, oid])
    assert done.returncode == 128 + signal.SIGTERM
    assert store.path(oid).exists()


def test_signal_handlers_are_restored(store: LocalStore) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with store.quarantine():
        pass
    assert signal.getsignal(signal.SIGTERM) is before
