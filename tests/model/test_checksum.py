from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.model.checksum import KINDS, WIDTHS, crc32, torch_serialization_id


def crc_of(data: bytes):  # type: ignore[no-untyped-def]
    return lambda offset, length: zlib.crc32(data[offset : offset + length])


def test_every_kind_has_a_width() -> None:
    assert set(KINDS) == set(WIDTHS)
    data = bytes(8)
    assert all(len(KINDS[kind](((0, 4),), crc_of(data))) == WIDTHS[kind] for kind in KINDS)


@given(st.binary(), st.data())
def test_crc32_is_that_of_the_range(data: bytes, draw: st.DataObject) -> None:
    start = draw.draw(st.integers(0, len(data)))
    length = draw.draw(st.integers(0, len(data) - start))
    found = crc32(((start, length),), crc_of(data))
    assert int.from_bytes(found, "little") == zlib.crc32(data[start : start + length])


@given(st.lists(st.integers(0, 0xFFFFFFFF), max_size=8))
def test_the_serialization_id_combines_the_fields(crcs: list[int]) -> None:
    data = b"".join(value.to_bytes(4, "little") for value in crcs)
    seed = 0
    for value in crcs:
        seed = (seed ^ (value + 0x9E3779B9 + (seed << 6) + (seed >> 2))) % 2**64
    ranges = tuple((4 * index, 4) for index in range(len(crcs)))
    assert torch_serialization_id(ranges, crc_of(data)) == str(seed).zfill(20).encode()


def test_the_serialization_id_of_a_real_file() -> None:
    crcs = (0x45487902, 0x83DCEFB7, 0xE971773F, 0x19E33D85, 0x1456E915, 0x2144DF1C, 0x55679ED1)
    data = b"".join(value.to_bytes(4, "little") for value in crcs)
    ranges = tuple((4 * index, 4) for index in range(len(crcs)))
    assert torch_serialization_id(ranges, crc_of(data)) == b"00080417550004302452"


def test_a_field_of_another_width_is_refused() -> None:
    with pytest.raises(ValueError, match="four bytes"):
        torch_serialization_id(((0, 5),), crc_of(bytes(5)))
