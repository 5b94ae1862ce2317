"""Merges of NumPy's archives: arrays and other members that sides added, changed and removed."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from git_theta.formats.base import ComposeError
from tests.helpers.composing import merged

A, B, C = np.arange(3, dtype="f4"), np.ones((2, 2), ">f8"), np.asfortranarray(np.arange(6.0).reshape(2, 3))


def saved(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def with_members(data: bytes, **members: bytes) -> bytes:
    file = io.BytesIO(data)
    with zipfile.ZipFile(file, "a") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def test_both_sides_add_arrays_and_the_bytes_are_those_of_numpy() -> None:
    data, made = merged(saved(a=A), saved(a=A, b=B), saved(a=A + 1, c=C))
    assert made.conflicts == ()
    assert data == saved(a=A + 1, b=B, c=C)


def test_an_array_that_a_side_removed() -> None:
    base = saved(a=A, b=B, t=np.array(["x"]))
    values = {"a": None, "c": None}
    data, _ = merged(base, saved(a=A, b=B, c=C, t=np.array(["x"])), saved(a=A), values=_values(values))
    assert sorted(np.load(io.BytesIO(data)).files) == ["a", "c"]


def _values(names: dict[str, None]) -> dict[str, tuple[object, bytes]]:
    from tests.helpers.composing import opened

    known = opened(saved(a=A, c=C)).values
    return {name: known[name] for name in names}


def test_another_shape_gets_another_header() -> None:
    data, _ = merged(saved(a=A, c=C), saved(a=A, c=C, b=B), saved(a=np.zeros((4, 5), "f4"), c=C))
    assert data == saved(a=np.zeros((4, 5), "f4"), c=C, b=B)


def test_other_members_are_merged() -> None:
    base = with_members(saved(a=A), note=b"1", kept=b"k")
    ours = with_members(saved(a=A, b=B), note=b"1", kept=b"k")
    theirs = with_members(saved(a=A), note=b"2", more=b"m")
    data, made = merged(base, ours, theirs)
    assert made.conflicts == ()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in ("note", "more")} == {"note": b"2", "more": b"m"}
        assert "kept" not in archive.namelist()


def test_conflicts_are_named_and_can_be_decided() -> None:
    files = [with_members(saved(a=A), note=text) for text in (b"1", b"2", b"3")]
    data, made = merged(*files)
    assert made.conflicts == ("note",)
    data, made = merged(*files, prefer={"note": 1}.get)
    assert made.conflicts == ()
    assert zipfile.ZipFile(io.BytesIO(data)).read("note") == b"3"


def test_a_text_in_the_place_of_an_array() -> None:
    with pytest.raises(ComposeError, match=r"x\.npy is an array"):
        merged(saved(a=A), saved(a=A, x=A), saved(a=A, x=np.array(["text"])))


def test_names_that_are_not_marked_as_utf_8() -> None:
    odd = saved(a=A, ä=B).replace(b"\x2d\x00\x00\x08", b"\x2d\x00\x00\x00")
    with pytest.raises(ComposeError, match="UTF-8"):
        merged(saved(a=A), odd, saved(a=A, b=B))
