from __future__ import annotations

import os
from collections.abc import Iterator
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import GitError
from git_theta.git.plumbing.pktline import MAX_DATA, PacketReader, PacketWriter


def reader(data: bytes) -> Iterator[PacketReader]:
    """A reader of these bytes; they may be more than a pipe holds."""
    out, into = os.pipe()

    def feed() -> None:
        with os.fdopen(into, "wb") as file:
            file.write(data)

    thread = Thread(target=feed)
    thread.start()
    yield PacketReader(out)
    while os.read(out, 1 << 20):
        pass
    thread.join()
    os.close(out)


def written(*content: bytes) -> bytes:
    out, into = os.pipe()
    found = bytearray()

    def collect() -> None:
        while piece := os.read(out, 1 << 20):
            found.extend(piece)

    thread = Thread(target=collect)
    thread.start()
    writer = PacketWriter(into)
    for data in content:
        writer.data(data)
        writer.flush()
    os.close(into)
    thread.join()
    os.close(out)
    return bytes(found)


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_reading_gives_what_was_written(contents: list[bytes]) -> None:
    for source in reader(written(*contents)):
        assert [b"".join(map(bytes, source.content())) for _ in contents] == contents
        assert source.packet() is None


def test_long_content_is_cut_into_packets() -> None:
    data = os.urandom(5 * MAX_DATA + 7)
    for source in reader(written(data)):
        pieces = [bytes(piece) for piece in source.content()]
        assert b"".join(pieces) == data
        assert max(map(len, pieces)) == MAX_DATA


def test_lines() -> None:
    for source in reader(b"0008a=b\n0009c=\xc3\xa9\n0000"):
        assert source.lines() == ["a=b", "c=é"]
        assert source.lines() is None


@pytest.mark.parametrize("data", [b"00", b"zzzz", b"0003", b"0009abc", b"-001x"])
def test_what_is_no_protocol_is_refused(data: bytes) -> None:
    for source in reader(data):
        with pytest.raises(GitError):
            list(source.content())


def test_content_that_breaks_off_is_refused() -> None:
    for source in reader(b"0005x"):
        with pytest.raises(GitError, match="in the middle of a"):
            list(source.content())


@given(st.lists(st.binary(max_size=3000), min_size=1, max_size=4), st.data())
def test_skipping_is_reading_without_looking(contents: list[bytes], data: st.DataObject) -> None:
    for source in reader(written(*contents)):
        for whole in contents:
            content = source.content()
            if data.draw(st.booleans()):
                assert content.discard() == len(whole)
                assert content.discard() == 0
            else:
                assert b"".join(map(bytes, content)) == whole
            assert list(content) == []


def test_content_longer_than_the_buffer_is_skipped() -> None:
    for source in reader(written(bytes(3 << 20), b"next")):
        assert source.content().discard() == 3 << 20
        assert b"".join(map(bytes, source.content())) == b"next"


@pytest.mark.parametrize("cut", [1, 4, 5, 3000])
def test_skipping_content_that_breaks_off_is_refused(cut: int) -> None:
    for source in reader(written(bytes(5000))[:-cut]):
        with pytest.raises(GitError):
            source.content().discard()
