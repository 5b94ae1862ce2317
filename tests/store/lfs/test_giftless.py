"""Against a Git LFS server that others use, where that's installed (`pip install git-theta[servers]`)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from git_theta.store.lfs.client import LfsRemote
from git_theta.store.lfs.endpoint import Endpoint
from git_theta.store.local import LocalStore
from git_theta.store.remote import RemoteObject, TransferError
from git_theta.store.retry import RetryPolicy
from git_theta.store.transfer import fetch, push
from tests.helpers import git_host

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.skipif(not git_host.INSTALLED, reason="giftless isn't installed"),
]


@pytest.fixture(params=[git_host.OPEN])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with git_host.serving(tmp_path / "host", request.param) as host:
        yield f"{host.url}/people/models.git/info/lfs"


def test_push_and_fetch(url: str, tmp_path: Path) -> None:
    store, other = LocalStore(tmp_path / "store"), LocalStore(tmp_path / "other")
    objects = [os.urandom(size) for size in (1000, 2000, 3 << 20)] + [b"%d" % number for number in range(20)]
    wanted = [RemoteObject(store.put([data]), len(data)) for data in objects]
    done = push(LfsRemote(Endpoint(url), {}, None, {}), wanted, store)
    assert (done.count, done.failed) == (23, {})
    assert push(LfsRemote(Endpoint(url), {}, None, {}), wanted, store).present == 23
    other.incoming.mkdir(parents=True)
    (other.incoming / wanted[2].oid).write_bytes(objects[2][: 1 << 20])
    done = fetch(LfsRemote(Endpoint(url), {}, None, {}), wanted, other, policy=RetryPolicy(delay=0.0))
    assert (done.count, done.failed) == (23, {})
    assert sorted(other.list()) == sorted(store.list())


def test_what_the_server_lacks(url: str, tmp_path: Path) -> None:
    store, other = LocalStore(tmp_path / "store"), LocalStore(tmp_path / "other")
    remote = LfsRemote(Endpoint(url), {}, None, {})
    there = RemoteObject(store.put([b"there"]), 5)
    assert push(remote, [there], store).count == 1
    lacking = RemoteObject(hashlib.sha256(b"x").hexdigest(), 1)
    done = fetch(remote, [there, lacking], other)
    assert done.count == 1
    assert "isn't at" in str(done.failed[lacking.oid])
    # Where it has none of them, it refuses the whole request.
    assert "isn't at" in str(fetch(remote, [lacking], other).failed[lacking.oid])


@pytest.mark.parametrize("url", [git_host.READ_ONLY], indirect=True)
def test_a_server_that_only_reads(url: str, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    wanted = [RemoteObject(store.put([b"x"]), 1)]
    with pytest.raises(TransferError, match=r"HTTP 40[13]"):
        push(LfsRemote(Endpoint(url), {}, None, {}), wanted, store)
