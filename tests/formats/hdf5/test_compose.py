"""Merges of HDF5 files: a side's file is the result if it has all changes besides values."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from git_theta.formats.base import ComposeError
from tests.helpers.composing import merged
from tests.helpers.hdf5_files import hdf5_bytes, numbers

h5py = pytest.importorskip("h5py")


def model(
    kernel: float = 1,
    bias: float = 1,
    attributes: dict[str, Any] | None = None,
    more: dict[str, Any] | None = None,
    **options: Any,
) -> bytes:
    def fill(file: Any) -> None:
        file["a/kernel"], file["a/bias"] = numbers(4, 3) * kernel, numbers(3) * bias
        for name, value in (attributes or {}).items():
            file.attrs[name] = value
        for name, value in (more or {}).items():
            file[name] = value

    return hdf5_bytes(fill, **options)


def read(data: bytes) -> Any:
    return h5py.File(io.BytesIO(data))


@pytest.mark.parametrize("options", [{}, {"libver": "latest"}], ids=["earliest", "latest"])
def test_an_attribute_that_one_side_changed(options: dict[str, Any]) -> None:
    base = model(attributes={"epoch": 1, "text": "a"}, **options)
    ours, theirs = (
        model(kernel=2, attributes={"epoch": 1, "text": "a"}, **options),
        model(bias=3, attributes={"epoch": 2, "text": "longer", "new": [1.0]}, **options),
    )
    for sides in ((ours, theirs), (theirs, ours)):
        data, found = merged(base, *sides)
        assert not found.conflicts
        with read(data) as file:
            assert (file.attrs["epoch"], file.attrs["text"]) == (2, "longer")
            assert np.array_equal(file["a/kernel"], numbers(4, 3) * 2)
            assert np.array_equal(file["a/bias"], numbers(3) * 3)


def test_times_of_objects_play_no_part() -> None:
    options = {"libver": "latest", "track_order": True}
    base, ours, theirs = model(**options), model(bias=2, **options), model(kernel=2, **options)
    # Headers of groups have four times after their flags, of which the sixth bit says so.
    at = next(at for at in range(len(theirs)) if theirs[at : at + 5] == b"OHDR\x02" and theirs[at + 5] & 32)
    theirs = theirs[: at + 6] + bytes(byte ^ 1 for byte in theirs[at + 6 : at + 22]) + theirs[at + 22 :]
    data, found = merged(base, ours, theirs)
    assert found.conflicts == ()
    with read(data) as file:
        assert np.array_equal(file["a/kernel"], numbers(4, 3) * 2)
        assert np.array_equal(file["a/bias"], numbers(3) * 2)


def test_attributes_that_both_sides_changed() -> None:
    base, ours, theirs = (model(attributes={"x": n, "config": f'{{"units": {n}}}'}) for n in (1, 2, 3))
    _, found = merged(base, ours, theirs)
    assert set(found.conflicts) == {"@x", "@config"}
    data, found = merged(base, ours, theirs, prefer=lambda _name: 1)
    with read(data) as file:
        assert (file.attrs["x"], found.conflicts) == (3, ())


def test_changes_that_no_side_has_together() -> None:
    base = model(attributes={"x": 1, "y": 1})
    with pytest.raises(ComposeError, match=r"can't be joined.*'@y'"):
        merged(base, model(attributes={"x": 2, "y": 1}), model(attributes={"x": 1, "y": 2}))
    with pytest.raises(ComposeError, match="no side has all"):
        merged(base, model(more={"b": numbers(2)}), model(more={"c": numbers(2)}))


def test_a_dataset_that_one_side_added() -> None:
    base = model(attributes={"x": 1})
    ours, theirs = model(kernel=2, attributes={"x": 1}), model(attributes={"x": 1}, more={"b": numbers(2)})
    data, _ = merged(base, ours, theirs)
    with read(data) as file:
        assert np.array_equal(file["a/kernel"], numbers(4, 3) * 2)
        assert np.array_equal(file["b"], numbers(2))


@pytest.mark.parametrize(
    "content",
    [
        "some text",
        h5py.SoftLink("/a/kernel"),
        h5py.ExternalLink("other.h5", "/a"),
        np.dtype("f8"),
        np.array(["a", "bb"], object),
    ],
    ids=["text", "link", "outside", "type", "texts"],
)
def test_objects_without_tensors_are_compared(content: Any) -> None:
    base = model(more={"x": "other text"}, attributes={"n": 1})
    ours, theirs = (
        model(more={"x": content}, attributes={"n": 1}),
        model(more={"x": "other text"}, attributes={"n": 2}),
    )
    with pytest.raises(ComposeError, match=r"can't be joined.*'(@n|x)'"):
        merged(base, ours, theirs)


def test_datasets_whose_content_is_not_read_are_compared_by_all_bytes() -> None:
    def grown(value: float, attribute: int) -> bytes:
        def fill(file: Any) -> None:
            file["w"] = numbers(2)
            file.create_dataset("g", data=numbers(40) * value, chunks=(2,), maxshape=(None,))
            file.attrs["n"] = attribute

        return hdf5_bytes(fill, libver="latest")

    with pytest.raises(ComposeError, match="can't be joined"):
        merged(grown(1, 1), grown(2, 1), grown(1, 2))
