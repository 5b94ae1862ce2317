"""The published check, on a remote that keeps the contract and on remotes that break a rule."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import BinaryIO

import pytest

from git_theta.store.remote import Advance, Download, Remote, RemoteObject, Upload
from git_theta.store.sha256 import checked_bytes
from git_theta.testing import check_remote


class Memory:
    """Objects in a dictionary."""

    url = "memory:"
    batch_size = 7
    credential = None

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def uploads(self, objects: Sequence[RemoteObject]) -> Mapping[str, Upload]:
        return {each.oid: partial(self.upload, each.oid) for each in objects if not self.has(each)}

    def downloads(self, objects: Sequence[RemoteObject]) -> Mapping[str, Download]:
        return {each.oid: partial(self.download, each.oid) for each in objects if self.has(each)}

    def has(self, wanted: RemoteObject) -> bool:
        data = self.objects.get(wanted.oid)
        return wanted.fits(None if data is None else len(data))

    def upload(self, oid: str, file: BinaryIO, advance: Advance) -> None:
        self.objects[oid] = checked_bytes(file, oid)
        advance(len(self.objects[oid]))

    def download(self, oid: str, file: BinaryIO, start: int, advance: Advance) -> None:
        rest = self.objects[oid][start:]
        file.write(rest)
        advance(len(rest))


class Forgetful(Memory):
    def upload(self, oid: str, file: BinaryIO, advance: Advance) -> None:
        advance(len(checked_bytes(file, oid)))


class Trusting(Memory):
    def upload(self, oid: str, file: BinaryIO, advance: Advance) -> None:
        file.seek(0)
        self.objects[oid] = file.read()
        advance(len(self.objects[oid]))


class Silent(Memory):
    def upload(self, oid: str, file: BinaryIO, advance: Advance) -> None:
        super().upload(oid, file, lambda _count: None)


class Sizeless(Memory):
    def has(self, wanted: RemoteObject) -> bool:
        return wanted.oid in self.objects


class Boastful(Memory):
    def downloads(self, objects: Sequence[RemoteObject]) -> Mapping[str, Download]:
        return {each.oid: partial(self.download, each.oid) for each in objects}


class Restarting(Memory):
    def download(self, oid: str, file: BinaryIO, start: int, advance: Advance) -> None:
        super().download(oid, file, 0, advance)


def test_a_remote_that_keeps_the_contract() -> None:
    remote = Memory()
    check_remote(remote)
    assert all(hashlib.sha256(data).hexdigest() == oid for oid, data in remote.objects.items())


@pytest.mark.parametrize(
    ("remote", "broken_rule"),
    [
        (Forgetful(), "doesn't have an object that was uploaded"),
        (Trusting(), "takes bytes whose SHA-256 isn't the name"),
        (Silent(), "counts 0 of 24 uploaded bytes"),
        (Sizeless(), "offers an object whose size is another one"),
        (Boastful(), "offers an object that was never uploaded"),
        (Restarting(), "doesn't resume a download at byte 1"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_a_broken_rule_is_named(remote: Remote, broken_rule: str) -> None:
    with pytest.raises(AssertionError, match=broken_rule):
        check_remote(remote)
