from __future__ import annotations

import errno
import gc
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from git_theta.errors import ThetaError
from git_theta.store.batch import Batch
from git_theta.store.local import LocalStore


def test_all_objects_are_stored_at_the_end(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    values = [os.urandom(1000 + n) for n in range(100)]
    with Batch(store) as batch, ThreadPoolExecutor(4) as pool:
        refs = list(pool.map(lambda value: batch.put([value[:500], value[500:]]), values))
    assert [bytes(store.get(ref.oid)) for ref in refs] == values
    assert [ref.size for ref in refs] == list(map(len, values))
    assert list(store.tmp.iterdir()) == []


def test_equal_objects_are_stored_once(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    with Batch(store) as batch:
        assert len({batch.put([b"same"]).oid for _ in range(50)}) == 1
    assert len(list(store.list())) == 1


@pytest.mark.parametrize("count", [1, 100])
def test_a_full_disk_is_an_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    store = LocalStore(tmp_path)
    gc.collect()  # other tests may have left descriptors to be closed
    before = len(os.listdir("/dev/fd"))
    monkeypatch.setattr(os, "fsync", full)

    def put_all() -> None:
        with Batch(store) as batch:
            for n in range(count):
                batch.put([b"%d" % n])

    with pytest.raises(ThetaError, match="free some disk space"):
        put_all()
    assert list(store.list()) == []
    assert list(store.tmp.iterdir()) == []
    assert len(os.listdir("/dev/fd")) == before
