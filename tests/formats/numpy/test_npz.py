"""Archives of `numpy.savez`: arrays, other members, and archives that lie."""

from __future__ import annotations

import io
import zipfile

import ml_dtypes
import numpy as np

from git_theta import formats, testing
from git_theta.formats.numpy.npz import Npz
from git_theta.formats.split import OPAQUE, split
from tests.helpers.composing import opened
from tests.helpers.pickled import values_of

ARRAYS = {
    "w": np.arange(6, dtype="f4").reshape(2, 3),
    "transposed": np.arange(6, dtype="f4").reshape(2, 3).T,
    "folder/big": np.arange(3, dtype=">i8"),
    "ä": np.array(2.5),
    "none": np.zeros((0, 3)),
}


def saved(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def test_contract() -> None:
    testing.check_format(Npz(), [saved(a=ARRAYS["w"], b=ARRAYS["transposed"])])


def test_values_and_names_are_those_that_numpy_reads() -> None:
    data = saved(**ARRAYS)
    read = np.load(io.BytesIO(data))
    found = {tensor.name: values_of(tensor, data) for tensor in Npz().locate(memoryview(data)).tensors}
    assert found == {name: read[name].tolist() for name in read.files}


def test_headers_and_checksums_are_all_that_is_left() -> None:
    data = saved(w=np.zeros(100_000, "f4"))
    layout = split(memoryview(data), [Npz()]).layout
    assert len(layout.checksums) == 2
    assert sum(len(literal.data) for literal in layout.literals) < 1000


def test_bfloat16() -> None:
    data = saved(w=np.arange(3).astype(ml_dtypes.bfloat16))
    (tensor,) = Npz().locate(memoryview(data)).tensors
    assert tensor.spec.dtype == "BF16"
    assert values_of(tensor, data) == [0, 1, 2]


def test_other_members_stay_in_the_layout() -> None:
    objects = io.BytesIO()
    np.save(objects, np.array([None]), allow_pickle=True)
    members = {"a.npy": npy(ARRAYS["w"]), "o.npy": objects.getvalue(), "m": b"1"}
    members |= {"t.npy": npy(np.array(["x"])), ".npy": npy(ARRAYS["w"])}
    assert list(opened(zipped(members)).values) == ["a"]


def test_a_wrong_checksum_comes_back() -> None:
    data = bytearray(saved(a=ARRAYS["w"]))
    data[14] ^= 1
    layout = split(memoryview(bytes(data)), [Npz()]).layout
    assert [checksum.offset == 14 for checksum in layout.checksums] == [False]


def test_compressed_archives_are_opaque() -> None:
    file = io.BytesIO()
    np.savez_compressed(file, **ARRAYS)
    found = split(memoryview(file.getvalue()), formats.registry())
    assert (found.format, found.note) == (OPAQUE, "")


def test_archives_without_arrays_are_opaque() -> None:
    found = split(memoryview(zipped({"a.txt": b"1"})), formats.registry())
    assert (found.format, found.note) == (OPAQUE, "")
    found = split(memoryview(zipped({"a.npy": b"1"})), formats.registry())
    assert found.format == OPAQUE
    assert "none of its members" in found.note


def test_an_archive_that_is_cut_off_is_opaque_and_says_why() -> None:
    found = split(memoryview(saved(**ARRAYS)[:-30]), formats.registry())
    assert found.format == OPAQUE
    assert "npz" in found.note
