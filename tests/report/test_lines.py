"""Changes as lines of text."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from git_theta.model.manifest import Manifest, ObjectRef, Source
from git_theta.report.as_json import change_json
from git_theta.report.change import CheckpointChange, file_change
from git_theta.report.lines import lines, plain
from git_theta.report.scalars import ScalarChange
from git_theta.report.side import Side
from tests.helpers.changes import compared
from tests.helpers.generators import manifests
from tests.helpers.manifests import A, B, C, entry, manifest


def shown(found: CheckpointChange, limit: int | None = 60) -> list[str]:
    return plain(lines(found, limit))


def test_kinds_of_changes() -> None:
    old = manifest(entry("a", A), entry("b", A), entry("c", C), entry("same", A))
    delta = Source("delta", ObjectRef(B, 5, 7), (Source("dense", ObjectRef(A, 0, 10)),))
    new = manifest(
        entry("a", B, delta), entry("d", C), entry("e", B, Source("low-rank", ObjectRef(C))), entry("same")
    )
    assert shown(compared(old, new)) == [
        "m.pt: 1 of 4 parameters changed, 1 renamed, 1 added, 1 removed; 107 B stored for 1 KB",
        "    ~ a       F32 2x3  delta  7 B of 24 B",
        "    - b       F32 2x3",
        "    > c -> d  F32 2x3",
        "    + e       F32 2x3  low-rank 8  100 B of 24 B",
    ]


def test_new_and_deleted() -> None:
    made = manifest(*(entry(f"layer.{i}") for i in range(3)))
    assert shown(compared(None, made)) == [
        "m.pt: new, 3 parameters, 19 B stored for 1 KB",
        "    + layer.{0-2}  F32 2x3  x3  dense  30 B of 72 B",
    ]
    assert shown(compared(made, None)) == ["m.pt: deleted, 3 parameters", "    - layer.{0-2}  F32 2x3  x3"]


def test_a_version_that_isnt_stored_has_no_cost() -> None:
    found = compared(manifest(entry("a")), manifest(entry("a", B)), stored=False)
    assert shown(found) == ["m.pt: 1 of 1 parameter changed; 1 KB", "    ~ a  F32 2x3  24 B"]
    assert change_json(found)["stored"] is None


def test_going_back_costs_nothing() -> None:
    old = entry("a", B, Source("delta", ObjectRef(B), (Source("dense", ObjectRef(A, 0, 10)),)))
    found = compared(manifest(old), manifest(entry("a", A)))
    assert shown(found)[1] == "    ~ a  F32 2x3  0 B of 24 B"


def test_lines_beyond_the_limit_are_counted() -> None:
    names = [f"{letter}.{i}" for letter in "abcdef" for i in range(2)]
    found = compared(None, manifest(*map(entry, names)))
    assert shown(found, 3)[-1] == "    … and 6 more parameters"
    # A line that says that one line is left out is no gain.
    assert len(shown(found, 5)) == 7
    assert len(shown(found, None)) == 7


def test_a_long_name_is_kept_apart_from_its_type() -> None:
    found = compared(None, manifest(entry("a" * 100), entry("b")))
    assert shown(found)[1:] == [
        f"    + {'a' * 100}  F32 2x3  dense  10 B of 24 B",
        "    + b  F32 2x3  dense  10 B of 24 B",
    ]


def test_the_rest_of_the_file() -> None:
    found = compared(manifest(), manifest(layout=B))
    assert shown(found)[1:] == ["    the rest of the file changed"]
    assert "the order" in shown(replace(found, scalars=()))[1]
    values = (ScalarChange("epoch", "3", "4"), ScalarChange("x\x1b", None, "1"), ScalarChange("y", "2", None))
    assert shown(replace(found, scalars=values))[1:] == ["    ~ epoch: 3 -> 4", "    + x%1B: 1", "    - y: 2"]
    many = tuple(ScalarChange(str(i), "1", "2") for i in range(30))
    assert shown(replace(found, scalars=many))[-1] == "    … and 10 more values that aren't tensors"


def test_problems() -> None:
    sides = Side("m.pt", manifest(entry("a")), stored=True), Side("m.pt", problem="a symbolic link")
    assert shown(file_change(*sides, lambda _oid: None, lambda _ref: None)) == [
        "m.pt: the new version is a symbolic link"
    ]


def test_missing_objects_are_counted() -> None:
    new = manifest(entry("a", source=Source("dense", ObjectRef(B))))
    found = file_change(
        Side("m"), Side("m", new, stored=True), lambda oid: None if oid == B else 9, lambda _ref: None
    )
    assert "9 B stored for 1 KB, without 1 object not here" in shown(found)[0]


@given(manifests(), manifests())
def test_every_line_is_one_line(old: Manifest, new: Manifest) -> None:
    for line in shown(compared(old, new), None):
        assert len(line.splitlines()) == 1
        assert "\x1b" not in line
