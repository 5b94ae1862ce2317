"""Merges of safetensors files: metadata, and the places of tensors."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from git_theta.formats.base import ComposeError
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.composing import merged, opened

safetensors = pytest.importorskip("safetensors.numpy")


def numbers(*shape: int, dtype: str = "f4") -> np.ndarray:
    return np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)


def header(data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return found


def test_both_sides_add_tensors_and_one_changes_metadata() -> None:
    base = {"a": numbers(2), "c": numbers(3)}
    ours, theirs = base | {"b": numbers(1, 2)}, base | {"d": numbers(4, dtype="i8"), "a": numbers(2) + 1}
    files = (
        safetensors.save(base, {"epoch": "1", "format": "pt", "old": "x"}),
        safetensors.save(ours, {"epoch": "1", "format": "pt", "ours": "1", "old": "x"}),
        safetensors.save(theirs, {"epoch": "2", "format": "pt"}),
    )
    data, made = merged(*files)
    assert made.conflicts == ()
    found = safetensors.load(data)
    assert {name: value.tolist() for name, value in found.items()} == {
        "a": [1, 2],
        "b": [[0, 1]],
        "c": [0, 1, 2],
        "d": [0, 1, 2, 3],
    }
    assert header(data)["__metadata__"] == {"epoch": "2", "format": "pt", "ours": "1"}


def test_the_order_of_the_library_is_kept() -> None:
    base = {"z": numbers(3), "y": numbers(1, dtype="f8")}
    ours, theirs = base | {"m": numbers(2, dtype="f2")}, base | {"b": numbers(2), "n": numbers(2, dtype="u1")}
    data, _ = merged(*map(safetensors.save, (base, ours, theirs)))
    assert data == safetensors.save(ours | theirs)


def test_another_order_of_tensors_is_kept() -> None:
    base = {"z": numbers(3), "a": numbers(1)}
    ours = {"z": numbers(3), "x": numbers(2), "a": numbers(1)}
    theirs = {"z": numbers(3), "b": numbers(2), "a": numbers(1), "end": numbers(1)}
    data, _ = merged(*map(safetensors_bytes, (base, ours, theirs)))
    assert list(header(data)) == ["z", "x", "b", "a", "end"]
    assert len(safetensors.load(data)) == 5


def test_conflicts_are_named_and_can_be_decided() -> None:
    files = [safetensors_bytes({"a": numbers(2)}, {"k": value, "n": "1"}) for value in "abc"]
    data, made = merged(*files)
    assert made.conflicts == ("__metadata__/k",)
    assert header(data)["__metadata__"]["k"] == "b"
    data, made = merged(*files, prefer={"__metadata__/k": 1}.get)
    assert made.conflicts == ()
    assert header(data)["__metadata__"]["k"] == "c"


def test_without_a_base() -> None:
    data, made = merged(
        None, safetensors_bytes({"a": numbers(2)}, {"k": "1"}), safetensors_bytes({"b": numbers(3)})
    )
    assert made.conflicts == ()
    assert header(data)["__metadata__"] == {"k": "1"}
    assert sorted(safetensors.load(data)) == ["a", "b"]


def test_a_large_header_is_a_stretch() -> None:
    base = {"a": numbers(2)}, {"text": "x" * (1 << 20)}
    ours = base[0] | {"b": numbers(1)}
    files = (
        safetensors_bytes(*base),
        safetensors_bytes(ours, base[1]),
        safetensors_bytes(base[0], {"n": "2"}),
    )
    assert not merged(*files)[1].stretches
    files = (
        safetensors_bytes(*base),
        safetensors_bytes(ours, base[1]),
        safetensors_bytes(base[0], base[1] | {"n": "2"}),
    )
    data, made = merged(*files)
    assert list(made.stretches) == [".bytes/0"]
    assert header(data)["__metadata__"]["n"] == "2"


def test_a_dtype_that_no_side_has() -> None:
    file = safetensors_bytes({"a": numbers(2)})
    values = {"a": numbers(2, dtype="f2")}
    data, _ = merged(file, file, file, values=opened(safetensors_bytes(values)).values)
    assert safetensors.load(data)["a"].dtype == "f2"


def test_a_parameter_that_no_side_has() -> None:
    file = safetensors_bytes({"a": numbers(2)})
    with pytest.raises(ComposeError, match="no side has"):
        merged(file, file, file, values=opened(safetensors_bytes({"b": numbers(2)})).values)
