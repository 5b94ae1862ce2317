from __future__ import annotations

from git_theta.merging.possible_conflicts import SideChanges
from git_theta.report.possible_conflicts import possible_conflict_lines
from tests.helpers.manifests import SPEC

NAMES = [f"l{layer}.weight" for layer in range(10)]


def lines(*changed: list[str], names: list[str] = NAMES) -> list[str]:
    changes = SideChanges(dict.fromkeys(names, SPEC), tuple(map(frozenset, changed)))
    return list(possible_conflict_lines(changes))


def test_modules_are_named() -> None:
    (line,) = lines(NAMES[1:2], NAMES[2:3])
    assert line.startswith("possible conflict: sides changed modules that feed each other: l1 -> l2; ")
    assert line.endswith("run the tests: git theta test run")


def test_one_line_for_many() -> None:
    (line,) = lines(NAMES[::2], NAMES[1::2])
    assert "l0 -> l1, l1 -> l2 and 7 more; " in line
    (line,) = lines(NAMES, NAMES)
    assert line.startswith("possible conflict: both sides changed every parameter; ")
    (line,) = lines(NAMES, NAMES, NAMES)
    assert line.startswith("possible conflict: all 3 sides changed every parameter; ")


def test_nothing_to_say() -> None:
    assert lines(NAMES[1:2], NAMES[5:6]) == []
    assert lines(NAMES, []) == []
    assert lines() == []


def test_hostile_names() -> None:
    (line,) = lines(["a\x1b.weight"], ["b\n.weight"], names=["a\x1b.weight", "b\n.weight"])
    assert "\x1b" not in line
    assert "\n" not in line
