from __future__ import annotations

from pathlib import Path

import pytest

from git_theta.errors import ThetaError
from git_theta.store.aside import aside
from git_theta.store.local import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "theta")


def test_what_was_not_dropped_comes_back(store: LocalStore) -> None:
    one, two, three = (store.put([data]) for data in (b"one", b"two", b"three"))
    with aside(store) as away:
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
        with aside(store) as away:
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
    with aside(store):
        assert store.has(oid)


def test_what_was_written_again_meanwhile_stays(store: LocalStore) -> None:
    oid = store.put([b"one"])
    with aside(store) as away:
        store.path(oid).chmod(0o644)
        store.path(oid).write_bytes(b"damaged")
        away.take(oid)
        store.put([b"one"])
    store.verify(oid)
    assert not list((store.tmp / "aside").iterdir())


def test_one_at_a_time(store: LocalStore) -> None:
    with aside(store), pytest.raises(ThetaError, match="another process"), aside(store):
        pass
