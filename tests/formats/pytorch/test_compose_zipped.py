"""Merges of PyTorch's zip archives, without PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

from git_theta.formats.base import ComposeError
from git_theta.formats.pickle.nodes import Bytes
from git_theta.formats.pytorch import compose_zipped
from git_theta.formats.pytorch.scalars import zipped_scalars
from git_theta.formats.pytorch.slots import Slots
from git_theta.formats.pytorch.version_tree import VersionTree
from git_theta.formats.pytorch.zip_records import read_records
from git_theta.formats.pytorch.zipped import PyTorchZip
from git_theta.formats.zip_reader import read_member
from tests.helpers.composing import merged
from tests.helpers.pickled import archive, mapping, number, storage, tensor, values_of, whole


def checkpoint(epoch: int = 1, records: dict[str, bytes] | None = None, **tensors: float) -> bytes:
    """An archive with an epoch and tensors of two equal elements each."""
    tree = {name: tensor(storage(str(index), 2), (2,)) for index, name in enumerate(tensors)}
    storages = {
        f"data/{index}": np.full(2, value, "<f4").tobytes() for index, value in enumerate(tensors.values())
    }
    pickle = whole(mapping({**tree, "epoch": number(epoch)}))
    return archive({"data.pkl": pickle, "byteorder": b"little", **(records or {}), **storages})


def contents(data: bytes) -> tuple[dict[str, object], dict[str, str]]:
    located = PyTorchZip().locate(memoryview(data))
    tensors = {found.name: values_of(found, data)[0] for found in located.tensors}
    return tensors, dict(zipped_scalars(memoryview(data)))


def test_tensors_and_scalars_of_both_sides() -> None:
    data, made = merged(checkpoint(a=1, b=2), checkpoint(a=1, b=3), checkpoint(2, a=1, b=2, c=4))
    assert contents(data) == ({"a": 1, "b": 3, "c": 4}, {"epoch": "2"})
    assert made.conflicts == ()


def test_removed_tensors_stay_away() -> None:
    data, _ = merged(checkpoint(a=1, b=2), checkpoint(a=1), checkpoint(a=5, b=2))
    assert contents(data)[0] == {"a": 5}


def test_scalars_in_conflict_are_named_and_can_be_decided() -> None:
    files = [checkpoint(epoch, a=1) for epoch in (1, 2, 3)]
    data, made = merged(*files)
    assert (made.conflicts, contents(data)[1]) == (("epoch",), {"epoch": "2"})
    data, made = merged(*files, prefer={"epoch": 1}.get)
    assert (made.conflicts, contents(data)[1]) == ((), {"epoch": "3"})


def test_other_records_are_merged_as_a_whole() -> None:
    extra = [{"extra/note": text} for text in (b"old", b"old", b"new")]
    data, made = merged(*(checkpoint(records=records, a=1) for records in extra))
    records = read_records(memoryview(data))[2]
    assert read_member(memoryview(data), records["extra/note"], 99) == b"new"
    assert made.conflicts == ()


def test_storages_are_aligned() -> None:
    data, _ = merged(checkpoint(a=1), checkpoint(a=1, b=2), checkpoint(a=1, c=3))
    records = read_records(memoryview(data))[2]
    assert {records[f"data/{index}"].offset % 64 for index in range(3)} == {0}


def test_byte_orders_must_be_the_same() -> None:
    little = checkpoint(a=1)
    tree = whole(mapping({"a": tensor(storage("0", 2), (2,))}))
    big = archive({"data.pkl": tree, "byteorder": b"big", "data/0": bytes(8)})
    with pytest.raises(ComposeError, match="byte orders"):
        merged(little, little, big)


def test_programs_cant_be_merged() -> None:
    program = checkpoint(records={"code/model.py": b"def forward(): pass"}, a=1)
    with pytest.raises(ComposeError, match="TorchScript"):
        merged(program, program, program)


def test_a_byte_string_that_is_there_twice_is_copied_once() -> None:
    found = Bytes(0, 6)
    one, other = Slots(
        [VersionTree([found], b"pickle", memoryview(b""), {}, [], False, {}, {}, {}, {})]
    ).take(0, [found, found])
    assert one == b"pickle"
    assert one is other


def test_records_beside_the_tensors_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose_zipped, "_MAX_RECORDS", 10)
    file = archive({"data.pkl": whole(mapping({"epoch": number(1)})), "notes": b"x" * 11})
    with pytest.raises(ComposeError, match="the records beside the tensors"):
        merged(file, file, file)
