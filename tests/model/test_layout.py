from __future__ import annotations

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import CorruptError
from git_theta.model.layout import Checksum, Layout, Literal, Placement, extent, parse_layout

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
