"""Against a Git LFS server that others use, where that's installed (`pip install git-theta[servers]`)."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from git_theta.store.lfs.client import LfsRemote
from git_theta.store.lfs.endpoint import Endpoint
from git_theta.store.local import LocalStore
from git_theta.store.remote import TransferError, Wanted
from git_theta.store.transfer import Pace, fetch, push

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.skipif(not all(map(find_spec, ("giftless", "flask"))), reason="giftless isn't installed"),
]

_SETTINGS = """
AUTH_PROVIDERS:
  - giftless.auth.allow_anon:{access}
TRANSFER_ADAPTERS:
  basic:
    factory: giftless.transfer.basic_streaming:factory
    options:
      storage_class: giftless.storage.local_storage:LocalStorage
      storage_options:
        path: {path}
"""


@pytest.fixture(params=["read_write"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    settings = tmp_path / "giftless.yaml"
    settings.write_text(_SETTINGS.format(access=request.param, path=tmp_path / "server"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [*(sys.executable, "-m", "flask", "--app", "giftless.wsgi_entrypoint"), "run", "--port", str(port)],
        env={**os.environ, "GIFTLESS_CONFIG_FILE": str(settings)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=tmp_path,
    )
    try:
        for _ in range(600):
            assert process.poll() is None, "the server doesn't start"
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/people/models.git/info/lfs"
    finally:
        process.terminate()
        process.wait()


def test_push_and_fetch(url: str, tmp_path: Path) -> None:
    store, other = LocalStore(tmp_path / "store"), LocalStore(tmp_path / "other")
    objects = [os.urandom(size) for size in (1, 1000, 3 << 20)] + [b"%d" % number for number in range(20)]
    wanted = [Wanted(store.put([data]), len(data)) for data in objects]
    done = push(LfsRemote(Endpoint(url), {}, None, {}), wanted, store)
    assert (done.count, done.failed) == (23, {})
    assert push(LfsRemote(Endpoint(url), {}, None, {}), wanted, store).present == 23
    other.incoming.mkdir(parents=True)
    (other.incoming / wanted[2].oid).write_bytes(objects[2][: 1 << 20])
    done = fetch(LfsRemote(Endpoint(url), {}, None, {}), wanted, other, pace=Pace(delay=0.0))
    assert (done.count, done.failed) == (23, {})
    assert sorted(other.list()) == sorted(store.list())


def test_what_the_server_lacks(url: str, tmp_path: Path) -> None:
    store, other = LocalStore(tmp_path / "store"), LocalStore(tmp_path / "other")
    remote = LfsRemote(Endpoint(url), {}, None, {})
    there = Wanted(store.put([b"there"]), 5)
    assert push(remote, [there], store).count == 1
    lacking = Wanted(hashlib.sha256(b"x").hexdigest(), 1)
    done = fetch(remote, [there, lacking], other)
    assert done.count == 1
    assert "isn't at" in str(done.failed[lacking.oid])
    # Where it has none of them, it refuses the whole request.
    with pytest.raises(TransferError, match="Cannot find any of the requested objects"):
        fetch(remote, [lacking], other)


@pytest.mark.parametrize("url", ["read_only"], indirect=True)
def test_a_server_that_only_reads(url: str, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    wanted = [Wanted(store.put([b"x"]), 1)]
    with pytest.raises(TransferError, match=r"HTTP 40[13]"):
        push(LfsRemote(Endpoint(url), {}, None, {}), wanted, store)
