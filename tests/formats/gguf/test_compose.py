"""Merges of GGUF files: metadata, and tensors that are added or removed."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from git_theta.formats.base import ComposeError
from git_theta.formats.gguf.plugin import Gguf
from git_theta.model.tensor import TensorSpec
from tests.helpers.composing import merged
from tests.helpers.gguf_files import GgufTensor, gguf_bytes


def tensor(dtype: str, *shape: int, seed: int = 0) -> GgufTensor:
    return dtype, shape, Random(f"{dtype}{shape}{seed}").randbytes(TensorSpec(dtype, shape).nbytes)


BASE = {"a": tensor("F32", 5), "b": tensor("Q4_0", 2, 32), "c": tensor("F16", 3)}
METADATA = {"general.architecture": "llama", "n": 1, "old": "x", "tokens": ["a", "b"]}


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("alignment", [None, 64])
def test_tensors_and_metadata_of_both_sides(big_endian: bool, alignment: int | None) -> None:
    ours = {**BASE, "d": tensor("Q6_K", 1, 256)}
    theirs = {"a": BASE["a"], "new": tensor("I8", 7), "b": tensor("Q4_0", 2, 32, seed=1), "c": BASE["c"]}
    more, less = METADATA | {"more": 0.5}, {**METADATA, "n": 2}
    del less["old"]
    sides = ((BASE, METADATA), (ours, more), (theirs, less))
    data, made = merged(*(gguf_bytes(one, other, 3, big_endian, alignment) for one, other in sides))
    wanted = {"a": BASE["a"], "new": theirs["new"], "b": theirs["b"], "c": BASE["c"], "d": ours["d"]}
    expected = {"general.architecture": "llama", "n": 2, "tokens": ["a", "b"]}
    if alignment:
        expected["general.alignment"] = alignment
    assert made.conflicts == ()
    assert dict(Gguf().scalars(memoryview(data))) == dict(
        Gguf().scalars(memoryview(gguf_bytes({}, {**expected, "more": 0.5}, 3, big_endian)))
    )
    found = {each.name: each for each in Gguf().locate(memoryview(data)).tensors}
    assert list(found) == list(wanted)
    for name, (_, _, value) in wanted.items():
        assert data[found[name].offset :][: len(value)] == value


def test_a_merge_that_changes_nothing_gives_the_same_file() -> None:
    data = gguf_bytes(BASE, METADATA)
    assert merged(data, data, data)[0] == data


def test_metadata_in_conflict() -> None:
    files = [gguf_bytes(BASE, METADATA | {"n": n}) for n in (1, 2, 3)]
    data, made = merged(*files)
    assert made.conflicts == ("n",)
    assert data == files[1]
    assert merged(*files, prefer=lambda name: 1 if name == "n" else None)[0] == files[2]


def test_sides_of_another_byte_order() -> None:
    little, big = (gguf_bytes(BASE, METADATA, big_endian=order) for order in (False, True))
    with pytest.raises(ComposeError, match="big-endian"):
        merged(little, little, big)


def test_a_dtype_that_the_format_lacks() -> None:
    data = gguf_bytes({"a": tensor("F32", 5)})
    with pytest.raises(ComposeError, match="no type for parameter 'a' of F8_E4M3"):
        merged(data, data, data, values={"a": (TensorSpec("F8_E4M3", (5,)), bytes(5))})


def test_the_library_reads_the_result(tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf")
    ours, theirs = {**BASE, "d": tensor("Q8_0", 2, 32)}, {"a": BASE["a"], "c": BASE["c"]}
    data, _ = merged(*(gguf_bytes(each, METADATA) for each in (BASE, ours, theirs)))
    (tmp_path / "m.gguf").write_bytes(data)
    reader = gguf.GGUFReader(tmp_path / "m.gguf")
    assert {each.name: each.data.tobytes() for each in reader.tensors} == {
        "a": BASE["a"][2],
        "c": BASE["c"][2],
        "d": ours["d"][2],
    }
