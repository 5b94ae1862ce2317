"""Files that h5py writes, whose values must be those that it reads; skipped where it isn't installed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from git_theta.formats.base import Tensor
from git_theta.formats.hdf5.plugin import Hdf5
from git_theta.formats.split import split
from git_theta.model.strided import gather, temporary_file
from git_theta.model.tensor import TensorSpec
from tests.helpers.hdf5_files import hdf5_bytes, kept, numbers

h5py = pytest.importorskip("h5py")

QUICK: dict[str, dict[str, Any]] = {
    "earliest": {},
    "latest": {"libver": "latest"},
    "user's bytes": {"userblock_size": 1024},
}
OTHERS: dict[str, dict[str, Any]] = {
    "1.8": {"libver": ("v108", "v108")},
    "1.10": {"libver": ("v110", "v110")},
    "ordered": {"track_order": True},
    "user's bytes, latest": {"userblock_size": 512, "libver": "latest"},
    "paged": {"fs_strategy": "page", "fs_persist": True},
}
EACH_VERSION = pytest.mark.parametrize(
    "options",
    [
        *(pytest.param(options, id=name) for name, options in QUICK.items()),
        *(pytest.param(options, id=name, marks=pytest.mark.slow) for name, options in OTHERS.items()),
    ],
)

DTYPES = (
    *("f2", "<f4", "<f8", ">f4", ">f8", "c8", "c16", ">c8"),
    *(">i4", "<i8", "u1", "i1", "u2", ">u2", "u4", "u8", "?"),
)


def located(data: bytes) -> dict[str, Tensor]:
    return {tensor.name: tensor for tensor in Hdf5().locate(memoryview(data)).tensors}


def value(data: bytes, tensor: Tensor) -> np.ndarray:
    place = (tensor.offset, tensor.strides, tensor.big_endian)
    held = bytes(gather(memoryview(data), tensor.spec, *place, temporary_file))
    return np.frombuffer(held, f"V{tensor.spec.item_size}").reshape(tensor.spec.shape)


def agrees(data: bytes, tensor: Tensor, array: np.ndarray) -> bool:
    plain = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<")))
    return tensor.spec.shape == array.shape and value(data, tensor).tobytes() == plain.tobytes()


def _slices(name: str) -> tuple[slice, ...]:
    """The slices that a chunk's name ends with; none for a whole dataset."""
    parts = filter(None, name.partition("[")[2].rstrip("]").split(","))
    return tuple(slice(*map(int, part.split(":"))) for part in parts)


def check(data: bytes) -> set[str]:
    """Compare each tensor with what h5py reads at its name; the names."""
    found = located(data)
    with h5py.File(io.BytesIO(data)) as file:
        for name, tensor in found.items():
            path, _, index = name.partition("[")
            array = np.asarray(file[path][()])
            if index:
                array = array[_slices(name)]
            assert agrees(data, tensor, array), name
    assert split(memoryview(data), [Hdf5()]).note == ""
    return set(found)


@EACH_VERSION
def test_dtypes(options: dict[str, Any]) -> None:
    def fill(file: Any) -> None:
        for number, dtype in enumerate(DTYPES):
            file[f"types/{number}"] = numbers(2, 3, dtype=dtype)
        file["scalar"], file["empty"] = np.float32(3), np.zeros((0, 3))
        file["array"] = np.zeros((2,), np.dtype(("<f4", (2, 2))))
        file.create_dataset("enum", data=[1, 2], dtype=h5py.enum_dtype({"A": 1, "B": 2}, "<i2"))
        file["named"] = np.dtype(">f8")
        file.create_dataset("uses", data=[1.0, 2.0], dtype=file["named"])
        file.create_dataset("uses too", data=[1.0], dtype=file["named"])

    names = check(hdf5_bytes(fill, **options))
    plain = {f"types/{number}" for number in range(len(DTYPES))}
    assert names == plain | {"scalar", "empty", "array", "enum", "uses", "uses too"}


@EACH_VERSION
def test_elements_that_are_no_numbers_are_bytes(options: dict[str, Any]) -> None:
    arrays = {
        "fixed": np.array([b"a", b"bcd"]),
        "struct": np.array([(1, 2), (3, 4), (5, 6)], [("a", "<f4"), ("b", ">i4")]),
        "bytes": np.frombuffer(b"abcdef", "V3"),
    }

    def fill(file: Any) -> None:
        for name, array in arrays.items():
            file[name] = array

    data = hdf5_bytes(fill, **options)
    found = located(data)
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].spec == TensorSpec("U8", (*array.shape, array.itemsize))
        assert value(data, found[name]).tobytes() == array.tobytes()


@EACH_VERSION
def test_elements_that_are_elsewhere(options: dict[str, Any]) -> None:
    def fill(file: Any) -> None:
        file["text"], file["null"] = "word", h5py.Empty("f4")
        file.create_dataset("never written", (2, 2), "f4")
        file.create_dataset("lists", (2,), h5py.vlen_dtype("f8"))[0] = np.zeros(2)
        file.create_dataset("struct", (2,), np.dtype([("a", h5py.string_dtype())]))[0] = ("a",)
        file["link"], file["outside"] = h5py.SoftLink("/text"), h5py.ExternalLink("other.h5", "/x")
        creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        creation.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple((2,))
        h5py.h5d.create(file.id, b"compact", h5py.h5t.NATIVE_FLOAT, space, creation)
        if options.get("libver") != ("v108", "v108"):
            virtual = h5py.VirtualLayout((2,), "f4")
            virtual[:] = h5py.VirtualSource("other.h5", "x", (2,))
            file.create_virtual_dataset("virtual", virtual)
        file["kept"] = np.float32(1)

    assert check(hdf5_bytes(fill, **options)) == {"kept"}


@EACH_VERSION
def test_chunks(options: dict[str, Any]) -> None:
    def fill(file: Any) -> None:
        a = numbers(10, 7)
        for name, chunk, most in (
            ("one", (10, 7), None),
            ("larger", (16, 8), (None, None)),
            ("grid", (4, 3), None),
            ("growing grid", (4, 3), (None, None)),
        ):
            file.create_dataset(name, data=a, chunks=chunk, maxshape=most)
        some = file.create_dataset("some", (100, 7), "f4", chunks=(10, 7))
        some[25] = 1
        far = file.create_dataset("far", (9000,), "f4", chunks=(1,))
        far[5000] = 1
        arrays = file.create_dataset("rows of arrays", (4, 2), np.dtype(("<f4", (2,))), chunks=(3, 2))
        arrays[...] = numbers(4, 2, 2)
        file.create_dataset("many", data=numbers(3000), chunks=(1,))

    names = check(hdf5_bytes(fill, **options))
    assert {"one", "larger", "some[20:30,0:7]", "far[5000:5001]"} <= names
    assert {"grid[8:10,6:7]", "growing grid[8:10,6:7]"} <= names
    assert not any(name.startswith("many") for name in names)


@EACH_VERSION
@pytest.mark.parametrize("most", [(None, 7), (25, None), (30, 30)])
@pytest.mark.parametrize("early", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_chunks_of_datasets_that_can_grow(
    options: dict[str, Any], most: tuple[int | None, int | None], early: bool
) -> None:
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY if early else h5py.h5d.ALLOC_TIME_DEFAULT)

    def fill(file: Any) -> None:
        a = numbers(10, 7)
        file.create_dataset("plain", data=a, chunks=(3, 2), maxshape=most, dcpl=creation.copy())
        packed = {"compression": "gzip", "dcpl": creation.copy()}
        file.create_dataset("packed", data=a, chunks=(3, 2), maxshape=most, **packed)
        file.create_dataset("rows", data=a, chunks=(2, 7), maxshape=most, dcpl=creation.copy())
        resized = file.create_dataset("resized", data=a, chunks=(3, 2), maxshape=most, dcpl=creation.copy())
        resized.resize(tuple(min(size + 2, end or 99) for size, end in zip(a.shape, most, strict=True)))
        resized.resize((8, 7))

    data = hdf5_bytes(fill, **options)
    found = located(data)
    with h5py.File(io.BytesIO(data)) as file:
        # Some chunks of early allocation are fill values beyond the dataset, of which there are none here.
        assert sum(key.startswith("plain[") for key in found) == 16
        for name in ("plain", "rows", "resized"):
            for key in (key for key in found if key.partition("[")[0] == name):
                array = np.asarray(file[name][()])
                assert agrees(data, found[key], array[_slices(key)]), key
        packed = {key: each for key, each in found.items() if key.startswith("packed[")}
        assert len(packed) == 16
        for key, each in packed.items():
            start = tuple(part.start for part in _slices(key))
            raw = file["packed"].id.read_direct_chunk(start)[1]
            assert value(data, each).tobytes() == raw


@EACH_VERSION
def test_rows_of_many_chunks_are_one_tensor(options: dict[str, Any]) -> None:
    def fill(file: Any) -> None:
        creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        creation.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        file.create_dataset("w", data=numbers(300, 1024), chunks=(1, 1024), dcpl=creation)

    data = hdf5_bytes(fill, **options)
    names = check(data)
    assert names == {"w"} or len(names) == 300


@pytest.mark.slow
def test_chunks_far_out_in_a_dataset_that_can_grow() -> None:
    def fill(file: Any) -> None:
        file.create_dataset("far", (400_000,), "i4", chunks=(1,), maxshape=(None,))
        file["far"][300_000:300_002] = 1, 2
        file["far"][3] = 3
        file.create_dataset("some", data=numbers(900), chunks=(1,), maxshape=(None,))
        file.create_dataset("large", data=numbers(60, 1024), chunks=(1, 1024), maxshape=(None, 1024))

    data = hdf5_bytes(fill, libver="latest")
    names = check(data)
    assert {name for name in names if name.startswith("far")} == {
        "far[3:4]",
        "far[300000:300001]",
        "far[300001:300002]",
    }
    assert len({name for name in names if name.startswith("large")}) in (1, 60)


@EACH_VERSION
def test_filtered_chunks_are_bytes(options: dict[str, Any]) -> None:
    def fill(file: Any) -> None:
        a = numbers(10, 7)
        file.create_dataset("gzip", data=a, chunks=(4, 3), compression="gzip", shuffle=True)
        file.create_dataset("growing", data=a, chunks=(4, 3), maxshape=(None, None), compression="gzip")
        file.create_dataset("checked", data=a, chunks=(5, 7), fletcher32=True)
        file.create_dataset("whole", data=a, chunks=(10, 7), compression="lzf")

    data = hdf5_bytes(fill, **options)
    found = located(data)
    with h5py.File(io.BytesIO(data)) as file:
        for name, count in (("gzip", 9), ("growing", 9), ("checked", 2), ("whole", 1)):
            assert file[name].id.get_num_chunks() == count
            mine = [each for key, each in found.items() if key.partition("[")[0] == name]
            sizes = {
                file[name].id.get_chunk_info(n).byte_offset: file[name].id.get_chunk_info(n).size
                for n in range(count)
            }
            assert {each.offset: each.spec.nbytes for each in mine} == sizes
            assert all(each.spec.dtype == "U8" for each in mine)


@EACH_VERSION
@pytest.mark.parametrize("count", [9, 300, pytest.param(6000, marks=pytest.mark.slow)])
def test_many_members(options: dict[str, Any], count: int) -> None:
    def fill(file: Any) -> None:
        for number in range(count):
            file[f"group/a layer with a long name {number}"] = np.int32(number)
        for number in range(20):
            file["group"].attrs[f"a{number}"] = f"v{number}"

    data = hdf5_bytes(fill, **options)
    assert len(check(data)) == count
    assert dict(Hdf5().scalars(memoryview(data))) == {f"group/@a{n}": repr(f"v{n}") for n in range(20)}


@EACH_VERSION
def test_links_in_a_circle(options: dict[str, Any]) -> None:
    def fill(file: Any) -> None:
        file["a/b/w"] = np.float32(1)
        file["a/b/up"] = file["/"]
        file["a/b/self"] = file["a/b"]
        file["tied"] = file["a/b/w"]

    assert check(hdf5_bytes(fill, **options)) == {"a/b/w", "tied"}


@EACH_VERSION
def test_attributes(options: dict[str, Any]) -> None:
    def fill(file: Any) -> None:
        file.attrs["i"], file.attrs["f"], file.attrs["b"] = 3, np.arange(3.0), True
        file.attrs["s"], file.attrs["l"], file.attrs["fixed"] = "größe", ["a", "bb"], np.bytes_(b"ab")
        file.attrs["e"], file.attrs["long"] = h5py.Empty("i4"), np.zeros(1000)
        file.attrs["matrix"] = numbers(2, 2, dtype=">i2")
        file.attrs["text"] = "x" * 5000

    texts = dict(Hdf5().scalars(memoryview(hdf5_bytes(fill, **options))))
    assert texts.pop("@long").startswith("1,000 numbers, CRC ")
    assert texts.pop("@text").startswith("text of 5,000 bytes, CRC ")
    assert texts == {
        "@i": "3",
        "@f": "[0.0, 1.0, 2.0]",
        "@b": "True",
        "@s": "'größe'",
        "@l": "['a', 'bb']",
        "@fixed": "'ab'",
        "@e": "empty",
        "@matrix": repr(numbers(2, 2).astype(int).ravel().tolist()),
    }


@pytest.mark.parametrize("sizes", [(4, 4), (4, 8), (8, 4)])
def test_short_addresses_and_lengths(sizes: tuple[int, int], tmp_path: Path) -> None:
    creation = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    creation.set_sizes(*sizes)
    path = tmp_path / "m.h5"
    handle = h5py.h5f.create(str(path).encode(), h5py.h5f.ACC_TRUNC, creation)
    with h5py.File(handle) as file:
        for number in range(30):
            file[f"group{number % 3}/{number}"] = numbers(number + 1)
        file.create_dataset("chunks", data=numbers(20, 10), chunks=(5, 4))
        file.attrs["text"], file.attrs["texts"] = "a", ["b", "longer than eight"]
    data = path.read_bytes()
    assert len(check(data)) == 30 + 12
    texts = dict(Hdf5().scalars(memoryview(data)))
    assert texts == {"@text": "'a'", "@texts": "['b', 'longer than eight']"}


@pytest.mark.parametrize("name", ["earliest.h5", "latest.h5", "dense.h5"])
def test_kept_files_can_be_read(name: str) -> None:
    data = kept(name)
    with h5py.File(io.BytesIO(data)) as file:
        for path, tensor in located(data).items():
            if path in file and tensor.spec.dtype != "U8":
                assert agrees(data, tensor, np.asarray(file[path][()]))


def test_floats_of_keras_without_a_type_in_hdf5() -> None:
    import ml_dtypes

    array = numbers(5).astype(ml_dtypes.bfloat16)

    def fill(file: Any) -> None:
        file.create_dataset("marked", data=array.view("V2"))
        file["marked"].attrs["dtype"] = "bfloat16"
        file.create_dataset("bytes", data=array.view("V2"))

    data = hdf5_bytes(fill)
    found = located(data)
    assert (found["marked"].spec, found["bytes"].spec) == (TensorSpec("BF16", (5,)), TensorSpec("U8", (5, 2)))
    assert value(data, found["marked"]).tobytes() == array.tobytes()
