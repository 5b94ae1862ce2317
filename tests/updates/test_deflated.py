from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.codecs.deflate.reference import is_zlib
from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec
from git_theta.updates import deflated as module
from git_theta.updates.deflated import Deflated
from git_theta.updates.inflated import Inflated
from git_theta.updates.packed_members import PackedMember, members_payload
from tests.helpers.weights import input_of, joined, trained

PLAIN = trained(TensorSpec("F32", (5000,)))


def stream(data: bytes, level: int) -> bytes:
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush()


SIX, NINE = stream(PLAIN, 6), stream(PLAIN[:3000], 9)
FILE = b"head" + SIX + b"between" + NINE + b"tail"
EXPANDED = b"head" + PLAIN + b"between" + PLAIN[:3000] + b"tail"
MEMBERS = [PackedMember(4, len(SIX), len(PLAIN), 6), PackedMember(7, len(NINE), 3000, 9)]


def of_bytes(data: bytes) -> TensorSpec:
    return TensorSpec("U8", (len(data),))


def deflate(members: list[PackedMember], plain: bytes = EXPANDED, nbytes: int = len(FILE)) -> bytes:
    payload = memoryview(members_payload(Deflated.name, TensorSpec("U8", (nbytes,)), len(plain), members))
    assert Deflated().demand(lambda: payload, 1, nbytes).inputs == (len(plain),)
    return joined(Deflated().decode(payload, [input_of(plain, step=999)], nbytes))


def inflate(members: list[PackedMember], data: bytes = FILE, nbytes: int = len(EXPANDED)) -> bytes:
    payload = memoryview(members_payload(Inflated.name, TensorSpec("U8", (nbytes,)), len(data), members))
    assert Inflated().demand(lambda: payload, 1, nbytes).inputs == (len(data),)
    return joined(Inflated().decode(payload, [input_of(data, step=999)], nbytes))


def test_members_are_expanded() -> None:
    assert inflate(MEMBERS) == EXPANDED


@pytest.mark.skipif(not is_zlib(6), reason="Python's zlib is another library")
def test_members_are_compressed_again() -> None:
    assert deflate(MEMBERS) == FILE


def test_without_zlib_members_are_compressed_to_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "is_zlib", lambda _level: False)
    monkeypatch.setattr(module, "raw_compressor", None)
    assert deflate(MEMBERS) == FILE


def test_a_stream_of_another_size_is_refused() -> None:
    for off in (-1, 1):
        members = [MEMBERS[0]._replace(packed=len(SIX) + off), MEMBERS[1]]
        with pytest.raises(CorruptError):
            deflate(members, nbytes=len(FILE) + off)
        members = [MEMBERS[0]._replace(plain=len(PLAIN) + off), MEMBERS[1]]
        with pytest.raises(CorruptError):
            inflate(members, nbytes=len(EXPANDED) + off)


def test_a_damaged_stream_is_refused() -> None:
    for data in (FILE[:4] + b"\xff" * 50 + FILE[54:], FILE[:4] + bytes(len(SIX)) + FILE[4 + len(SIX) :]):
        with pytest.raises(CorruptError):
            inflate(MEMBERS, data)


def test_a_stream_with_bytes_behind_it_is_refused() -> None:
    data = FILE[: 4 + len(SIX)] + b"more" + FILE[4 + len(SIX) :]
    with pytest.raises(CorruptError):
        inflate([MEMBERS[0]._replace(packed=len(SIX) + 4), MEMBERS[1]], data)


def test_a_bomb_is_refused_before_it_is_expanded() -> None:
    bomb = stream(bytes(50 << 20), 9)
    member = PackedMember(0, len(bomb), 1000, 9)
    with pytest.raises(CorruptError, match="more bytes"):
        inflate([member], bomb, 1000)


@given(st.binary(max_size=200))
def test_junk_is_refused(junk: bytes) -> None:
    for update in (Deflated(), Inflated()):
        with pytest.raises(CorruptError):
            list(update.decode(memoryview(junk), [input_of(bytes(8))], 8))
