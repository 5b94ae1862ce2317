from __future__ import annotations

import re
from collections.abc import Mapping

from git_theta.model.manifest import Entry
from git_theta.report.change import file_change
from git_theta.report.lines import plain
from git_theta.report.side import Side
from git_theta.report.structure_change import structure_change
from git_theta.report.structure_lines import structure_lines
from tests.helpers.manifests import manifest
from tests.helpers.module_names import bert, entries, renamed, tuned


def lines(
    old: Mapping[str, Entry] | None, new: Mapping[str, Entry] | None, limit: int | None = None
) -> list[str]:
    sides = (Side("m.pt", manifest(*each.values()) if each is not None else None) for each in (old, new))
    change = file_change(*sides, lambda _oid: None, lambda _ref: None)
    return plain(structure_lines(structure_change(change), limit))


def test_equal_models() -> None:
    assert lines(bert(), bert()) == ["m.pt: 29 modules: the same; divergence 0 in structure, 0 with values"]
    assert lines({}, {}) == ["m.pt: no modules"]


def test_a_new_model() -> None:
    first, second = lines(None, bert(1))
    assert first == "m.pt: 13 modules: 13 added; divergence 1 in structure, 1 with values"
    assert second == "    + *  13 modules: 8 linear, 3 norm, 2 embedding"


def test_all_kinds_of_changes() -> None:
    old = {**bert(3), **entries({"old.weight": (5, 5, 5)})}
    new = tuned({**bert(4, classes=3), **entries({"extra.weight": (7,)})}, "pooler", "layer.0.attention.self")
    new = renamed(new, "layer.1.output", "layer.1.last")
    assert [re.sub("  +", "  ", line.strip()) for line in lines(old, new)[1:]] == [
        "+ bert.encoder.layer.3.*  8 modules: 6 linear, 2 norm",
        "+ extra  norm 7",
        "- old  conv 5x5x5",
        "> bert.encoder.layer.1.output.* -> bert.encoder.layer.1.last.*  2 modules: 1 linear, 1 norm",
        "~ classifier  linear 2x8 -> 3x8",
        "~ bert.encoder.layer.0.attention.self.*  3 modules: 3 linear",
        "~ bert.pooler.dense  linear 8x8",
    ]


def test_layers_share_a_line() -> None:
    found = lines(bert(3), tuned(bert(3), "intermediate"))
    assert found[1] == "    ~ bert.encoder.layer.{0-2}.intermediate.dense  linear 32x8  x3"


def test_moved_modules_with_other_values() -> None:
    new = tuned(renamed(bert(1), "pooler", "pool"), "pool")
    assert lines(bert(1), new)[1] == "    > bert.pooler.dense -> bert.pool.dense  linear 8x8, other values"
    new = tuned(renamed(bert(1), "bert.", "model."), "pooler")
    expected = "    > bert.* -> model.*  12 modules: 7 linear, 3 norm, 2 embedding, other values in 1"
    assert lines(bert(1), new)[1] == expected


def test_modules_with_other_parameters() -> None:
    old = entries(
        {"a.weight": (4, 4), "b.weight": (2, 2), "b.bias": (2,), "c.weight": (4, 4), "c.bias": (4,)}
    )
    new = entries(
        {"a.weight": (4, 4), "a.bias": (4,), "b.weight": (2, 2), "c.weight": (4, 4), "c.bias": (1,)}
    )
    assert lines(old, new)[1:] == [
        "    ~ a  linear 4x4, + bias",
        "    ~ b  linear 2x2, - bias",
        "    ~ c  linear 4x4, ~ bias",
    ]


def test_many_lines_are_cut() -> None:
    old = entries({f"{letter}.weight": (4, at + 1) for at, letter in enumerate("abcdefgh")})
    new = entries({f"{letter}.weight": (at + 2, 4) for at, letter in enumerate("abcdefgh")})
    found = lines(old, new, limit=2)
    assert len(found) == 4
    assert found[-1].startswith("    … and ")


def test_hostile_names() -> None:
    (line,) = lines({}, entries({"\x1b[31mred\n.weight": (2, 2)}))[1:]
    assert "\x1b" not in line
    assert "\n" not in line


def test_a_side_with_a_problem() -> None:
    sides = Side("m.pt", manifest()), Side("m.pt", problem="an empty file")
    change = file_change(*sides, lambda _oid: None, lambda _ref: None)
    found = plain(structure_lines(structure_change(change)))
    assert found == ["m.pt: the new version is an empty file"]
