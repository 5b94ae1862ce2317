"""Readers of what servers answer: Git LFS over HTTP, and the script that SSH runs on another host."""

from __future__ import annotations

import io
import json
import subprocess
from datetime import UTC, datetime
from random import Random
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from git_theta.store import ssh_session
from git_theta.store.lfs.batch import batch_answer
from git_theta.store.lfs.errors import means_no_objects, retry_after, server_message
from git_theta.store.lfs.pointer import parse_pointer
from git_theta.store.lfs.ssh_auth import parse_grant
from git_theta.store.ssh_script import READY
from tests.fuzz.target import Target

_OIDS = ("a" * 64, "b" * 64)
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_URL = "https://example.org/info/lfs/objects/batch"
_ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    1e308,
    1 << 70,
    "",
    "x",
    [],
    {},
    "2026-01-01",
    "https://other.example/x",
    "٣",
    "²",
)


def _spoiled(value: Any, random: Random) -> Any:
    """The value, in which an odd one stands somewhere."""
    if random.random() < 0.03:
        return random.choice(_ODD)
    if isinstance(value, dict):
        return {key: _spoiled(each, random) for key, each in value.items()}
    return [_spoiled(each, random) for each in value] if isinstance(value, list) else value


def batch(random: Random) -> bytes:
    """An answer of the Batch API."""
    action = {
        "href": "objects/a",
        "header": {"X-Key": "v"},
        "expires_in": 60,
        "expires_at": "2026-01-01T00:00:09Z",
    }
    objects = [
        {"oid": oid, "size": 5, "actions": {"download": action, "upload": action}, "authenticated": True}
        for oid in _OIDS
    ]
    objects.append({"oid": _OIDS[0], "size": 5, "error": {"code": 404, "message": "no"}})
    answer = {"transfer": "basic", "objects": objects, "hash_algo": "sha256"}
    return json.dumps(_spoiled(answer, random) if random.random() < 0.8 else answer).encode()


def read_batch(data: bytes) -> None:
    """Read an answer: sizes are no less than zero, and actions lead to URLs of HTTP."""
    server_message(data)
    means_no_objects(404, data)
    for offer in batch_answer(data, _URL, _NOW):
        assert offer.size >= 0
        assert all(action.href.startswith("https://") for action in offer.actions.values())
        assert all(action.lifetime is None or action.lifetime > 0 for action in offer.actions.values())


def grant(random: Random) -> bytes:
    """An answer of `git-lfs-authenticate`."""
    answer = {"href": "https://example.org/lfs", "header": {"Authorization": "x"}, "expires_in": 60}
    return json.dumps(_spoiled(answer, random)).encode()


def read_grant(data: bytes) -> None:
    """Read an answer of `git-lfs-authenticate`, and a header that says when to ask again."""
    retry_after(data.decode("latin-1"), 0.0)
    parse_grant(data, "example.org", _NOW)


def pointer(random: Random) -> bytes:
    """A pointer of Git LFS."""
    size = random.randrange(1 << 50)
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{_OIDS[0]}\nsize {size}\n".encode()


def ssh(random: Random) -> bytes:
    """The answers of the script to four questions."""
    lines = [b"Welcome\n"] * random.randrange(2) + [READY + b"\n"]
    lines += [f"{random.randrange(99)} {oid}\n".encode() for oid in _OIDS[: random.randrange(3)]]
    lines += [b"end\n", b"size 5\n", b"12345", random.choice((b"ok\n", b"bad no space left\n"))]
    return b"".join(lines)


class _Process:
    """A process that has answered already."""

    def __init__(self, answer: bytes) -> None:
        self.stdin = io.BytesIO()
        self.stdout = io.BytesIO(answer)

    def wait(self, _seconds: float | None = None) -> int:
        return 255

    def kill(self) -> None:
        pass


def read_ssh(data: bytes) -> None:
    """Ask for sizes, download an object, and upload one."""
    made = SimpleNamespace(
        Popen=lambda *_args, **_options: _Process(data), PIPE=-1, TimeoutExpired=subprocess.TimeoutExpired
    )
    with patch.object(ssh_session, "subprocess", made):
        session = ssh_session.SshSession("ssh://example.org/r", ["ssh", "x"])
        try:
            assert set(session.sizes(_OIDS)) <= set(_OIDS)
            file = io.BytesIO()
            session.get(_OIDS[0], 5, file, 0, lambda _count: None)
            assert len(file.getvalue()) == 5
            session.put(_OIDS[0], io.BytesIO(b"12345"), lambda _count: None)
        finally:
            session.close()


_JSON = (b"NaN", b"Infinity", b"-1", b"null", b'"', b"[[", b"{", b"1e400", b"\\ud800", b"\xff", b'"size":')

SERVER_TARGETS = (
    Target("lfs-batch", batch, read_batch, _JSON, share=0.4),
    Target("lfs-grant", grant, read_grant, _JSON, share=0.4),
    Target("lfs-pointer", pointer, parse_pointer),
    Target("ssh", ssh, read_ssh, (b"end\n", b"bad ", b"size ", b"\n", READY + b"\n", b"git-theta none\n")),
)
