"""Mapped objects: packs that are opened once for many payloads."""

from pathlib import Path

import pytest

from git_theta.errors import MissingObjectError
from git_theta.store.local import LocalStore
from git_theta.store.mapped_objects import MappedObjects


def test_the_objects_that_were_read_last_are_kept() -> None:
    opened: list[str] = []

    def load(oid: str) -> memoryview:
        opened.append(oid)
        return memoryview(oid.encode())

    mapped = MappedObjects()
    names = [f"{i:02}" for i in range(9)]
    for name in (*names[:8], names[0], names[8], names[0], names[1]):
        assert bytes(mapped.get(name, load)) == name.encode()
    assert opened == [*names, "01"]


def test_parts_of_a_pack_are_read_without_opening_it_again(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    oid = store.put([b"one", b"two"])
    kept = store.kept_open
    assert bytes(kept.part(oid, 0, 3)) == b"one"
    store.path(oid).unlink()
    assert bytes(kept.part(oid, 3, 9)) == b"two"
    with pytest.raises(MissingObjectError):
        store.part(oid, 0, 3)


def test_an_object_that_comes_later_is_found(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    kept, oid = store.kept_open, LocalStore(tmp_path / "other").put([b"one"])
    with pytest.raises(MissingObjectError):
        kept.part(oid, 0, 1)
    assert store.put([b"one"]) == oid
    assert bytes(kept.part(oid, 0, 1)) == b"o"
