"""Archives that are written as NumPy writes them."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from git_theta.formats.base import ComposeError
from git_theta.formats.numpy.npz_writer import NewMember, write_npz
from git_theta.formats.zip_reader import zip_members


def test_the_bytes_are_those_of_numpy() -> None:
    arrays = {"a": np.arange(3), "größe": np.zeros((2, 0))}
    file = io.BytesIO()
    np.savez(file, **arrays)
    contents = {}
    for name, array in arrays.items():
        member = io.BytesIO()
        np.save(member, array)
        contents[f"{name}.npy"] = member.getvalue()
    made = write_npz([NewMember(name, data, len(data)) for name, data in contents.items()])
    assert bytes(made) == file.getvalue()


def test_sizes_and_positions_beyond_32_bits() -> None:
    sizes = {"a": (1 << 31) + 5, "b": 1 << 33, "c": 7}
    data = write_npz([NewMember(name, b"head", size) for name, size in sizes.items()])
    found = zip_members(data)
    assert {member.name: member.size for member in found} == sizes
    assert all(data[member.offset : member.offset + 4] == b"head" for member in found)


def test_many_members() -> None:
    data = write_npz([NewMember(str(number), b"", 0) for number in range(70_000)])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert len(archive.namelist()) == 70_000


def test_a_name_that_is_too_long() -> None:
    with pytest.raises(ComposeError, match="too long"):
        write_npz([NewMember("x" * 70_000, b"", 0)])
