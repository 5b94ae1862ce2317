from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import FormatError
from git_theta.git.remote.lfs_ref import pointer
from git_theta.store.lfs.pointer import Pointer, parse_pointer

OID = hashlib.sha256(b"hello").hexdigest()


@given(st.binary(max_size=40).map(lambda data: hashlib.sha256(data).hexdigest()), st.integers(0, 1 << 60))
def test_pointers_are_read(oid: str, size: int) -> None:
    assert parse_pointer(pointer(oid, size)) == Pointer(oid, size)


@pytest.mark.parametrize(
    "data",
    [b"", b"version 1", pointer(OID, 5)[:-3], pointer(OID, 5) + b"x" * 1024, b"a" + pointer(OID, 5)],
)
def test_other_blobs_are_no_pointers(data: bytes) -> None:
    found = parse_pointer(data)
    assert found is None or data.endswith(b"size")


def test_pointers_of_old_versions_are_read() -> None:
    old = pointer(OID, 5).replace(b"git-lfs.github.com/spec/v1", b"hawser.github.com/spec/v1")
    assert parse_pointer(old) == Pointer(OID, 5)


def test_pointers_with_extensions_are_refused() -> None:
    first, _, rest = pointer(OID, 5).partition(b"\n")
    with pytest.raises(FormatError, match="extensions"):
        parse_pointer(first + b"\next-0-foo sha256:" + OID.encode() + b"\n" + rest)
