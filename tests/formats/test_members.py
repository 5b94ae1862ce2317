"""Files in files."""

from __future__ import annotations

import io
from itertools import pairwise

import numpy as np

from git_theta.formats.members import InnerFile, locate_members, member_scalars
from git_theta.formats.numpy.npy import Npy
from git_theta.formats.pytorch.zipped import PyTorchZip
from tests.helpers.pickled import archive, mapping, number, storage, tensor, text, values_of, whole

FORMATS = [Npy(), PyTorchZip()]


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def torch(tree: bytes) -> bytes:
    return archive({"data.pkl": whole(tree), "data/0": np.arange(4, dtype="<f4").tobytes()})


def joined(*parts: bytes) -> tuple[bytes, list[InnerFile]]:
    """Files one after the other, named by their numbers."""
    ends = [sum(map(len, parts[:count])) for count in range(len(parts) + 1)]
    places = pairwise(ends)
    return b"".join(parts), [InnerFile(f"f{index}", *place) for index, place in enumerate(places)]


def test_names_places_and_checksums() -> None:
    state = mapping({"w": tensor(storage("0", 4), (2, 2)), "epoch": number(3)})
    data, members = joined(b"junk", npy(np.arange(3)), torch(state), npy(np.arange(2))[:-1], torch(number(7)))
    found = locate_members(memoryview(data), members, FORMATS)
    assert {each.name: values_of(each, data) for each in found.tensors} == {
        "f1": [0, 1, 2],
        "f2/w": [[0, 1], [2, 3]],
    }
    assert len(found.checksums) == 2
    assert all(members[2].start < each.offset < members[2].end for each in found.checksums)
    assert dict(member_scalars(memoryview(data), members, FORMATS)) == {"f2/epoch": "3", "f4": "7"}


def test_inner_files_of_one_name() -> None:
    data = npy(np.arange(3))
    members = [InnerFile("a", 0, len(data)), InnerFile("a", 0, len(data))]
    assert [each.name for each in locate_members(memoryview(data), members, FORMATS).tensors] == ["a", "a#2"]


def test_damaged_inner_files_have_no_values() -> None:
    data, members = joined(archive({"data.pkl": whole(text("x"))[:-1]}))
    assert list(member_scalars(memoryview(data), members, FORMATS)) == []
