"""Zip archives by PyTorch: tensors, names, checksums, and archives that lie."""

from __future__ import annotations

import contextlib
import struct
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta import testing
from git_theta.errors import FormatError
from git_theta.formats.base import Located
from git_theta.formats.pytorch.zipped import PyTorchZip
from git_theta.model.checksum import KINDS
from git_theta.model.tensor import TensorSpec
from tests.helpers.generators import broken
from tests.helpers.pickled import (
    archive,
    call,
    group,
    mapping,
    name,
    number,
    numbers,
    storage,
    tensor,
    text,
    values_of,
    whole,
)

SIX = np.arange(6, dtype="<f4").tobytes()


def zipped(tree: bytes, **storages: bytes) -> bytes:
    records = {"data.pkl": whole(tree)}
    records |= {f"data/{key.removeprefix('s')}": data for key, data in storages.items()}
    return archive(records)


def locate(data: bytes) -> Located:
    return PyTorchZip().locate(memoryview(data))


def names(tree: bytes) -> list[str]:
    return [found.name for found in locate(zipped(tree, s0=SIX)).tensors]


SIMPLE = zipped(mapping({"a.weight": tensor(storage("0", 6), (2, 3))}), s0=SIX)


def test_contract() -> None:
    testing.check_format(PyTorchZip(), [SIMPLE])


def test_a_state_dict_has_its_own_names() -> None:
    (found,) = locate(SIMPLE).tensors
    assert (found.name, found.spec, found.strides) == ("a.weight", TensorSpec("F32", (2, 3)), None)
    assert values_of(found, SIMPLE) == [[0, 1, 2], [3, 4, 5]]


def test_names_are_paths() -> None:
    leaf = tensor(storage("0", 6), (6,))
    assert names(leaf) == ["tensor"]
    assert names(storage("0", 6)) == ["tensor"]
    assert names(mapping({"model": mapping({"w": leaf}), "list": group(b"N", leaf)})) == ["model/w", "list/1"]
    assert names(b"}" + number(7) + leaf + b"s") == ["7"]
    assert names(b"}" + group(b"N") + leaf + b"s") == ["0"]
    assert names(b"}" + text("a") + leaf + b"s" + text("a") + leaf + b"s") == ["a", "a#2"]
    ordered = call("collections", "OrderedDict", b"]" + group(text("w"), leaf) + b"a")
    assert names(ordered) == ["w"]


def test_wrappers_share_the_name_of_what_they_wrap() -> None:
    leaf = tensor(storage("0", 6), (6,))
    parameter = call("torch._utils", "_rebuild_parameter", leaf, b"\x88", b"}")
    assert names(mapping({"w": parameter})) == ["w"]
    state = mapping({"scale": leaf})
    parameter = call("torch._utils", "_rebuild_parameter_with_state", leaf, b"\x88", b"}", state)
    assert names(mapping({"w": parameter})) == ["w", "w/scale"]
    function = name("torch._utils", "_rebuild_tensor_v2")
    args = group(storage("0", 6), number(0), numbers(6), numbers(1), b"\x89", b"}")
    subclass = call("torch._tensor", "_rebuild_from_type_v2", function, name("my", "T"), args, state)
    assert names(mapping({"w": subclass})) == ["w", "w/scale"]


def test_modules_read_like_a_state_dict() -> None:
    leaf = tensor(storage("0", 6), (6,))
    parts = {
        "training": b"\x88",
        "_parameters": mapping({"weight": leaf}),
        "_buffers": mapping({"mean": leaf}),
    }
    inner = name("torch.nn", "Linear") + b")\x81" + mapping(parts) + b"b"
    outer = name("my", "Net") + b")\x81" + mapping({"_modules": mapping({"head": inner})}) + b"b"
    assert names(outer) == ["head/weight", "head/mean"]


def test_shared_tensors_have_all_their_names_and_shared_containers_one() -> None:
    leaf = tensor(storage("0", 6), (6,))
    tied = mapping({"a": leaf + b"q\x01", "b": b"h\x01"})
    found = locate(zipped(tied, s0=SIX)).tensors
    assert [t.name for t in found] == ["a", "b"]
    assert len({(t.offset, t.strides) for t in found}) == 1
    assert names(mapping({"a": mapping({"w": leaf}) + b"q\x01", "b": b"h\x01"})) == ["a/w"]


def test_cycles_and_doubling_end() -> None:
    leaf = tensor(storage("0", 6), (6,))
    assert names(b"]q\x00(h\x00" + leaf + b"e") == ["1"]
    doubled = leaf + b"".join(b"q\x00h\x00\x86" for _ in range(200))
    assert len(names(doubled)) == 2


@pytest.mark.parametrize(
    ("shape", "strides", "offset", "expected"),
    [
        ((3, 2), (1, 3), 0, (4, 12)),
        ((2, 2), (3, 1), 1, (12, 4)),
        ((1, 6), (99, 1), 0, None),
        ((6, 1), (1, 0), 0, None),
        ((), (), 5, None),
        ((0, 3), (7, 7), 0, None),
        ((3,), (2,), 1, (8,)),
    ],
)
def test_views(
    shape: tuple[int, ...], strides: tuple[int, ...], offset: int, expected: tuple[int, ...] | None
) -> None:
    data = zipped(tensor(storage("0", 6), shape, strides, offset), s0=SIX)
    (found,) = locate(data).tensors
    assert found.strides == expected
    flat = np.arange(6, dtype="<f4")[offset:]
    steps = [4 * stride for stride in strides]
    assert values_of(found, data) == np.lib.stride_tricks.as_strided(flat, shape, steps).tolist()


@pytest.mark.parametrize(
    ("shape", "strides"), [((2, 3), (0, 1)), ((3, 3), (1, 1)), ((2, 2), (2, 2)), ((2,), (-1,))]
)
def test_views_that_show_an_element_twice_are_left_out(
    shape: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    assert locate(zipped(tensor(storage("0", 6), shape, strides, 1), s0=SIX)).tensors == ()


@pytest.mark.parametrize(
    "tree",
    [
        tensor(storage("0", 6), (7,)),
        tensor(storage("0", 6), (6,), (1,), 1),
        tensor(storage("0", 6), (6,), (1,), -1),
        tensor(storage("0", 6), (3,), (-3,), 2),
        tensor(storage("0", 6), (2, 3), (3,)),
        tensor(storage("0", 7), (6,)),
        tensor(storage("1", 6), (6,)),
        tensor(storage("0", 6, "StrangeStorage"), (6,)),
        tensor(storage("0", -6), (6,)),
        tensor(storage("0", 6), (1 << 40, 1 << 40)),
        tensor(storage("0", 6), (1,) * 65),
        group(text("storage"), text("FloatStorage")) + b"Q",
    ],
)
def test_impossible_files_are_refused(tree: bytes) -> None:
    with pytest.raises(FormatError):
        locate(zipped(tree, s0=SIX))


def test_windows_over_a_storage_are_left_to_the_view_of_all_of_it() -> None:
    size = 4000
    whole_storage = storage("0", size) + b"q\x05"
    views = [tensor(whole_storage, (size,))] + [
        tensor(b"h\x05", (size // 2 - i,), (2,), i % 2) for i in range(20)
    ]
    (found,) = locate(zipped(group(*views), s0=bytes(4 * size))).tensors
    assert found.spec.shape == (size,)


@pytest.mark.parametrize(
    ("kind", "dtype"), [("BFloat16Storage", "BF16"), ("QInt8Storage", "I8"), ("ComplexFloatStorage", "C64")]
)
def test_storage_types(kind: str, dtype: str) -> None:
    (found,) = locate(zipped(tensor(storage("0", 1, kind), (1,)), s0=bytes(8))).tensors
    assert found.spec.dtype == dtype


def test_dtypes_that_have_no_storage_type() -> None:
    def v3(dtype: str) -> bytes:
        args = (numbers(6), numbers(1), b"\x89", b"}", name("torch", dtype))
        return call(
            "torch._utils", "_rebuild_tensor_v3", storage("0", 24, "UntypedStorage"), number(0), *args
        )

    (found,) = locate(zipped(v3("float8_e4m3fn"), s0=SIX)).tensors
    assert found.spec == TensorSpec("F8_E4M3", (6,))
    (unknown,) = locate(zipped(mapping({"w": v3("float1")}), s0=SIX)).tensors
    assert (unknown.name, unknown.spec) == ("w/0", TensorSpec("U8", (24,)))


def test_big_endian_archives() -> None:
    data = archive(
        {"data.pkl": whole(tensor(storage("0", 6), (6,))), "byteorder": b"big", "data/0": SIX[::-1]}
    )
    (found,) = locate(data).tensors
    assert values_of(found, data) == [5, 4, 3, 2, 1, 0]


def test_constants_of_torchscript() -> None:
    leaf = tensor(storage("0", 6), (6,))
    attributes = mapping({"weight": leaf, "training": b"\x88"})
    script = name("__torch__.torch.nn", "Linear") + b")\x81" + attributes + b"b"
    records = {
        "constants/0": SIX,
        "data/0": SIX[::-1],
        "data.pkl": whole(script),
        "constants.pkl": whole(group(leaf)),
    }
    data = archive(records)
    weight, constant = locate(data).tensors
    assert (weight.name, constant.name) == ("weight", "constants/0")
    assert bytes(data[constant.offset : constant.offset + 24]) == SIX


def test_a_compressed_pickle_is_read_but_storages_must_be_plain() -> None:
    tree = whole(mapping({"a": b"N"}))
    assert locate(archive({"data.pkl": tree}, zipfile.ZIP_DEFLATED)).tensors == ()
    with pytest.raises(FormatError, match="compressed"):
        locate(
            archive({"data.pkl": whole(tensor(storage("0", 6), (6,))), "data/0": SIX}, zipfile.ZIP_DEFLATED)
        )


def test_a_pickle_that_expands_too_far_is_refused() -> None:
    data = bytearray(archive({"data.pkl": whole(b"N" * 100_000)}, zipfile.ZIP_DEFLATED))
    for at in (data.index(b"PK\x03\x04") + 22, data.index(b"PK\x01\x02") + 24):
        data[at : at + 4] = struct.pack("<I", 100)
    with pytest.raises(FormatError, match="size"):
        locate(bytes(data))


def test_other_zip_archives_are_not_recognised() -> None:
    assert not PyTorchZip().matches(memoryview(archive({"word/document.xml": b"<a/>"})))
    assert not PyTorchZip().matches(memoryview(b"PK\x03\x04"))
    assert not PyTorchZip().matches(memoryview(archive({"word/document.xml": b"<a/>"})[:-1]))


@pytest.mark.parametrize("size", [len(SIMPLE) // 2, len(SIMPLE) - 1])
def test_half_an_archive_is_recognised_and_refused(size: int) -> None:
    half = SIMPLE[:size]
    assert PyTorchZip().matches(memoryview(half))
    with pytest.raises(FormatError, match="no end record"):
        locate(half)


def test_checksums_are_right_and_in_order() -> None:
    located = locate(SIMPLE)
    assert [c.kind for c in located.checksums] == ["crc32", "crc32"]
    assert {c.offset for c in located.checksums} == {
        SIMPLE.rindex(b"PK\x01\x02") + 16,
        SIMPLE.rindex(b"PK\x03\x04") + 14,
    }
    for checksum in located.checksums:
        field = KINDS[checksum.kind](checksum.ranges, lambda at, size: zlib.crc32(SIMPLE[at : at + size]))
        assert SIMPLE[checksum.offset : checksum.offset + 4] == field


@given(broken(st.just(SIMPLE)))
def test_a_broken_file_is_read_or_refused(data: bytes) -> None:
    PyTorchZip().matches(memoryview(data))
    with contextlib.suppress(FormatError):
        locate(data)


def test_truncation_at_every_byte() -> None:
    for size in range(len(SIMPLE)):
        with pytest.raises(FormatError):
            locate(SIMPLE[:size])
