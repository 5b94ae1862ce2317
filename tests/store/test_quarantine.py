from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from git_theta.errors import MissingObjectError, ThetaError
from git_theta.store.local import LocalStore
from git_theta.store.quarantine import quarantine, restore_quarantined


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "theta")


def test_what_was_not_dropped_comes_back(store: LocalStore) -> None:
    one, two, three = (store.put([data]) for data in (b"one", b"two", b"three"))
    with quarantine(store) as away:
        assert all(away.take(oid) for oid in (one, two, three))
        assert not away.take(one)
        assert not any(store.has(oid) for oid in (one, two, three))
        away.drop(one)
        away.give_back(two)
        assert store.has(two)
    assert not store.has(one)
    store.verify(three)


def test_an_interruption_brings_all_back(store: LocalStore) -> None:
    oid = store.put([b"one"])

    def interrupted() -> None:
        with quarantine(store) as away:
            away.take(oid)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    store.verify(oid)


def test_what_a_killed_process_left_comes_back_and_is_never_swept(store: LocalStore) -> None:
    oid = store.put([b"one"])
    folder = store.tmp / "aside"
    folder.mkdir()
    store.path(oid).rename(folder / oid)
    store.sweep(older_than=-1)
    with quarantine(store):
        assert store.has(oid)


def test_what_was_written_again_meanwhile_stays(store: LocalStore) -> None:
    oid = store.put([b"one"])
    with quarantine(store) as away:
        store.path(oid).chmod(0o644)
        store.path(oid).write_bytes(b"damaged")
        away.take(oid)
        store.put([b"one"])
    store.verify(oid)
    assert not list((store.tmp / "aside").iterdir())


def test_one_at_a_time(store: LocalStore) -> None:
    with quarantine(store), pytest.raises(ThetaError, match="another process"), quarantine(store):
        pass


def left(store: LocalStore) -> str:
    """An object that a killed process had taken out."""
    oid = store.put([b"one"])
    folder = store.tmp / "aside"
    folder.mkdir(exist_ok=True)
    store.path(oid).rename(folder / oid)
    return oid


def test_whoever_misses_what_a_killed_process_left_gets_it_back(store: LocalStore) -> None:
    oid = left(store)
    assert store.has(oid)
    left(store)
    assert bytes(store.get(oid)) == b"one"
    left(store)
    with store.open(oid) as file:
        assert file.read() == b"one"


def test_bringing_back_what_a_killed_process_left(store: LocalStore) -> None:
    restore_quarantined(store)
    assert not store.root.exists()
    oid = left(store)
    restore_quarantined(store)
    assert store.path(oid).exists()


def test_what_a_running_process_has_taken_out_stays_out(store: LocalStore) -> None:
    oid = store.put([b"one"])
    with quarantine(store) as away:
        away.take(oid)
        restore_quarantined(store)
        assert not store.has(oid)
        with pytest.raises(MissingObjectError):
            store.get(oid)


_ENDED = """
import os, signal, sys
from pathlib import Path
from git_theta.store.quarantine import quarantine
from git_theta.store.local import LocalStore
store = LocalStore(Path(sys.argv[1]))
with quarantine(store) as away:
    away.take(sys.argv[2])
    os.kill(os.getpid(), signal.SIGTERM)
"""


def test_being_told_to_end_brings_all_back(store: LocalStore) -> None:
    oid = store.put([b"one"])
    done = subprocess.run([sys.executable, "-c", _ENDED, store.root, oid])
    assert done.returncode == 128 + signal.SIGTERM
    assert store.path(oid).exists()


def test_what_signals_do_is_as_before(store: LocalStore) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with quarantine(store):
        pass
    assert signal.getsignal(signal.SIGTERM) is before
