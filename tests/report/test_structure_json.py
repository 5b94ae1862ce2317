from __future__ import annotations

from git_theta.report.change import file_change
from git_theta.report.side import Side
from git_theta.report.structure_change import structure_change
from git_theta.report.structure_json import structure_json
from tests.helpers.manifests import manifest
from tests.helpers.module_names import entries


def test_the_structural_change_of_a_model() -> None:
    old = entries({"0.weight": (2, 2), "1.weight": (3, 2)})
    new = {**old, **entries({"1.weight": (3, 2)}, "other"), **entries({"head.weight": (4, 2)})}
    sides = (Side("m.pt", manifest(*each.values())) for each in (old, new))
    found = structure_json(structure_change(file_change(*sides, lambda _oid: None, lambda _ref: None)))
    one = {"name": "1", "type": "linear", "parameters": {"weight": [3, 2]}}
    assert found == {
        "path": "m.pt",
        "old": {"path": "m.pt", "modules": 2, "edges": 3, "problem": None},
        "new": {"path": "m.pt", "modules": 3, "edges": 4, "problem": None},
        "divergence": {"structural": 3 / 7, "contextual": 5 / 7},
        "unchanged": 1,
        "modules": [
            {
                "change": "added",
                "old": None,
                "new": {"name": "head", "type": "linear", "parameters": {"weight": [4, 2]}},
                "same_values": False,
            },
            {"change": "changed", "old": one, "new": one, "same_values": False},
        ],
        "edges": {
            "removed": [["1", "output"]],
            "added": [["1", "head"], ["head", "output"]],
            "contextual": {"removed": 2, "added": 3},
        },
    }


def test_sides_that_are_absent_or_have_a_problem() -> None:
    sides = Side("m.pt"), Side("m.pt", problem="an empty file")
    found = structure_json(structure_change(file_change(*sides, lambda _oid: None, lambda _ref: None)))
    assert found["old"] is None
    assert found["new"] == {"path": "m.pt", "modules": None, "edges": None, "problem": "an empty file"}
    assert found["divergence"] is None
