"""The records of PyTorch's archives."""

from __future__ import annotations

import pytest

from git_theta.errors import FormatError
from git_theta.formats.pytorch.zip_records import is_big_endian, read_records
from tests.helpers.pickled import archive, whole


def test_records_are_named_without_their_folder() -> None:
    members, folder, records = read_records(memoryview(archive({"data.pkl": whole(b"N"), "data/0": b"1234"})))
    assert list(records) == ["data.pkl", "data/0"]
    assert [member.name for member in members] == [f"{folder}/{name}" for name in records]


def test_an_archive_without_a_pickle_isnt_pytorchs() -> None:
    with pytest.raises(FormatError, match=r"no data\.pkl"):
        read_records(memoryview(archive({"data/0": b"1234"})))


@pytest.mark.parametrize(
    ("record", "big"), [({}, False), ({"byteorder": b"little"}, False), ({"byteorder": b"big"}, True)]
)
def test_byte_order(record: dict[str, bytes], big: bool) -> None:
    data = memoryview(archive({"data.pkl": whole(b"N"), **record}))
    assert is_big_endian(data, read_records(data)[2]) == big
