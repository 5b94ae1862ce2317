"""Trees of text."""

from __future__ import annotations

from git_theta.lineage.graph import Derivation, Graph, ModelNode
from git_theta.lineage.views.tree import tree_lines


def graph(*edges: tuple[str, str]) -> Graph:
    names = dict.fromkeys(name for edge in edges for name in edge)
    derivations = tuple(Derivation(child, parent, "finetune", "recorded") for parent, child in edges)
    return Graph({name: ModelNode(name) for name in names}, derivations)


def drawn(found: Graph, *starts: str, upwards: bool = False) -> list[str]:
    return list(tree_lines(found, starts, lambda name, above: f"{name}<{above or ''}", upwards=upwards))


def test_children_below_their_parents() -> None:
    found = graph(("a", "b"), ("a", "c"), ("b", "d"))
    assert drawn(found, "a") == ["a<", "├── b<a", "│   └── d<b", "└── c<a"]
    assert drawn(found, "d", upwards=True) == ["d<", "└── b<d", "    └── a<b"]


def test_a_model_of_two_parents_is_whole_once() -> None:
    found = graph(("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("d", "e"))
    assert drawn(found, "a") == [
        "a<",
        "├── b<a",
        "│   └── d<b",
        "│       └── e<d",
        "└── c<a",
        "    └── d<c …",
    ]


def test_a_circle_ends() -> None:
    assert drawn(graph(("a", "b"), ("b", "a")), "a") == ["a<", "└── b<a", "    └── a<b …"]
