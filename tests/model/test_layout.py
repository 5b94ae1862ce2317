from __future__ import annotations

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import CorruptError
from git_theta.model import layout as layout_module
from git_theta.model.layout import (
    Checksum,
    Layout,
    Literal,
    Placement,
    check_readable,
    extent,
    parse_layout,
)

LAYOUT = Layout(
    100,
    (Placement("a", 8), Placement("\ud800", 20, (4, 8), True)),
    (Literal(0, b"12345678"),),
    (Checksum("crc32", 90, ((8, 12),)),),
)


def test_parse_is_the_inverse_of_to_bytes() -> None:
    assert parse_layout(LAYOUT.to_bytes()) == LAYOUT


@given(st.binary())
def test_any_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(CorruptError):
        parse_layout(data)


@pytest.mark.parametrize(
    "fields",
    [
        [2, 100, [], [], []],
        [1, -1, [], [], []],
        [1, "1", [], [], []],
        [1, 10, [[b"a", -1, None, False]], [], []],
        [1, 10, [], [[8, b"123"]], []],
        [1, 10, [], [], [["crc32", 0, [[8, 3]]]]],
    ],
)
def test_impossible_layouts_are_refused(fields: list[object]) -> None:
    with pytest.raises(CorruptError):
        parse_layout(msgpack.packb(fields))


def test_extent() -> None:
    assert extent(8, (2, 3), (12, 4), 4) == (8, 32)
    assert extent(8, (2, 3), (4, 8), 4) == (8, 32)
    assert extent(8, (3,), (-4,), 4) == (0, 12)
    assert extent(8, (0, 3), (12, 4), 4) == (8, 8)
    assert extent(8, (), (), 4) == (8, 12)


@pytest.mark.parametrize(
    "fields",
    [
        [1, 4, [[3_000_000_000, 0, None, False]], [], []],
        [1, 4, [], [[0, 1 << 45]], []],
        [1, 4, [[b"a", 0, None, 0]], [], []],
        [1, 4, [[b"a", True, None, False]], [], []],
        [1, 4, [["a", 0, None, False]], [], []],
        [1, 4, [[b"a", 0, [True], False]], [], []],
        [1, 4, [[b"a", 0, [4.0], False]], [], []],
        [1, 4, [[b"a", 0, [[4]], False]], [], []],
        [1, 4, [[b"a", 0, [1] * 65, False]], [], []],
        [1, 4, [[b"a", 0, [1 << 62], False]], [], []],
        [1, 4, [[b"a", 0, {}, False]], [], []],
        [1, 4, [[b"a", 0, None, False, 0]], [], []],
        [1, 4, [], [[0, [0]]], []],
        [1, 4, [], [], [[b"crc32", 0, [[0, 4]]]]],
        [1, 4, [], [], [["c" * 100, 0, [[0, 4]]]]],
        [1, 4, [], [], [["crc32", 0, [[0, 4]]] * 5]],
        [1, 1 << 60, [], [], []],
        [1, 4, {}, [], []],
        [[1] * 64, 4, [], [], []],
    ],
)
def test_fields_of_another_type_or_size_are_refused(fields: list[object]) -> None:
    with pytest.raises(CorruptError):
        parse_layout(msgpack.packb(fields))


def test_checksums_may_cover_the_file_four_times_and_no_more() -> None:
    checksum = Checksum("crc32", 0, ((0, 100),))
    assert parse_layout(Layout(100, (), (), (checksum,) * 4).to_bytes()).checksums == (checksum,) * 4
    with pytest.raises(CorruptError, match="over 4 times"):
        parse_layout(Layout(100, (), (), (checksum,) * 5).to_bytes())


def test_an_array_of_too_many_pieces_is_refused_before_it_is_read() -> None:
    head = msgpack.packb([1, 4])[1:]
    with pytest.raises(CorruptError, match="pieces"):
        parse_layout(b"\x95" + head + b"\xdd\x7f\xff\xff\xff")


def test_bytes_after_the_layout_are_refused() -> None:
    with pytest.raises(CorruptError, match="follow"):
        parse_layout(LAYOUT.to_bytes() + b"\xc0")


def test_what_parse_reads_is_checked_before_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    check_readable(LAYOUT)
    monkeypatch.setattr(layout_module, "MAX_PIECES", 4)
    with pytest.raises(ValueError, match="5 pieces"):
        check_readable(LAYOUT)
    monkeypatch.setattr(layout_module, "MAX_PIECES", 5)
    assert parse_layout(LAYOUT.to_bytes()) == LAYOUT
    monkeypatch.setattr(layout_module, "MAX_LAYOUT_BYTES", len(LAYOUT.to_bytes()) - 1)
    with pytest.raises(ValueError, match="bytes"):
        check_readable(LAYOUT)
