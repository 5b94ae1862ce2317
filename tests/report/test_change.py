"""The change of one file: parameters, their stored sizes, and scalars."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from git_theta.errors import MissingObjectError
from git_theta.model.manifest import Entry, Manifest, ObjectRef, Source
from git_theta.model.tensor import TensorSpec
from git_theta.report.change import ChangeKind, CheckpointChange, file_change
from git_theta.report.side import Side
from tests.helpers.changes import compared
from tests.helpers.manifests import A, B, C, entry, manifest


def kinds(found: CheckpointChange) -> dict[tuple[str, ...], ChangeKind]:
    return {row.names: row.kind for row in found.rows}


def test_every_changed_parameter_has_a_row() -> None:
    wide, half = TensorSpec("F32", (3, 3)), TensorSpec("F16", (2, 3))
    old = manifest(entry("gone"), entry("m"), entry("n", C), entry("s"), entry("t"), entry("same"))
    new = manifest(
        entry("m", B),
        entry("new", B),
        entry("o", C),
        entry("s", B, spec=wide),
        entry("t", B, spec=half),
        entry("same"),
    )
    assert kinds(compared(old, new)) == {
        ("gone",): ChangeKind.REMOVED,
        ("m",): ChangeKind.MODIFIED,
        ("n", "o"): ChangeKind.RENAMED,
        ("new",): ChangeKind.ADDED,
        ("s",): ChangeKind.RESHAPED,
        ("t",): ChangeKind.RETYPED,
    }


def test_a_row_has_the_bytes_of_the_new_value() -> None:
    wide = TensorSpec("F32", (3, 3))
    (reshaped,) = compared(manifest(entry("a")), manifest(entry("a", B, spec=wide))).rows
    (removed,) = compared(manifest(entry("a")), manifest()).rows
    assert (reshaped.nbytes, removed.nbytes) == (36, 24)


def test_only_new_payloads_cost() -> None:
    delta = Source("delta", ObjectRef(B, 5, 7), (Source("dense", ObjectRef(A, 0, 10)),))
    found = compared(manifest(entry("a")), manifest(entry("a", B, delta)))
    (row,) = found.rows
    assert (row.update, row.stored, found.stored) == ("delta", 7, 7)


def test_an_object_of_many_parameters_is_looked_at_once() -> None:
    asked = list[str]()

    def size_of(oid: str) -> int:
        asked.append(oid)
        return 100

    whole = Source("dense", ObjectRef(B))
    tied = manifest(*(entry(f"t{index}", B, whole) for index in range(5)))
    found = file_change(Side("m"), Side("m", tied, stored=True), size_of, lambda _ref: None)
    assert [row.stored for row in found.rows] == [100] * 5
    assert sorted(asked) == sorted(set(asked))


def test_a_low_rank_update_has_its_rank() -> None:
    (row,) = compared(None, manifest(entry("a", B, Source("low-rank", ObjectRef(B))))).rows
    assert row.update == "low-rank 8"


def test_a_side_with_a_problem_is_not_compared() -> None:
    problem = Side("m.pt", problem="a symbolic link")
    found = file_change(Side("m.pt", manifest(entry("a"))), problem, lambda _oid: None, lambda _ref: None)
    assert found
    assert (found.rows, bool(found.diff), found.stored) == ((), False, None)


def test_no_change_is_false() -> None:
    made = manifest(entry("a"))
    assert not compared(made, made)
    moved = Side("b", made), Side("c", made)
    assert file_change(*moved, lambda _oid: None, lambda _ref: None)


class Reader:
    """A reader without values, which counts how often it's asked for the file."""

    def __init__(self, error: MissingObjectError | None = None) -> None:
        self.error = error
        self.asked = 0

    def value(self, entry: Entry) -> Iterator[memoryview]:
        raise AssertionError

    def skeleton(self) -> memoryview:
        self.asked += 1
        if self.error:
            raise self.error
        return memoryview(b"")


def between(old: Manifest, new: Manifest, reader: Reader) -> CheckpointChange:
    return file_change(Side("m", old, reader), Side("m", new, reader), lambda _oid: 1, lambda _ref: None)


def test_scalars_are_read_only_if_layouts_differ() -> None:
    reader = Reader()
    assert between(manifest(entry("a")), manifest(entry("a", B)), reader).scalars is None
    assert reader.asked == 0
    between(manifest(entry("a")), manifest(entry("a"), layout=B), reader)
    assert reader.asked > 0


@pytest.mark.parametrize("reason", ["the layout is missing"])
def test_scalars_that_cant_be_read_leave_a_reason(reason: str) -> None:
    found = between(manifest(), manifest(layout=B), Reader(MissingObjectError(reason)))
    assert (found.scalars, found.scalars_problem) == (None, reason)
