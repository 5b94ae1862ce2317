"""The lineage graph: what is above and below a model, and how models are related."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import UsageError
from git_theta.lineage.graph import Derivation, Graph, LineageError, ModelNode, VersionNode


def graph(parents: Mapping[str, str]) -> Graph:
    """A graph of models of one letter: child → its parents."""
    names = dict.fromkeys(name for child, above in parents.items() for name in (*above, child))
    edges = tuple(
        Derivation(child, name, "finetune", "recorded") for child in parents for name in parents[child]
    )
    return Graph({name: ModelNode(name) for name in names}, edges)


#: a is above b and c, both of which made d; e is alone; f is from d.
DIAMOND = graph({"b": "a", "c": "a", "d": "bc", "f": "d", "e": ""})


def test_neighbours() -> None:
    assert DIAMOND.parents("d") == ["b", "c"]
    assert DIAMOND.children("a") == ["b", "c"]
    assert DIAMOND.ancestors("f") == ["d", "b", "c", "a"]
    assert DIAMOND.descendants("a") == ["b", "c", "d", "f"]
    assert (DIAMOND.parents("e"), DIAMOND.descendants("e")) == ([], [])
    assert DIAMOND.roots() == ["a", "e"]
    assert [DIAMOND.relations_of(name) for name in ("d", "a", "nobody")] == [{"finetune"}, set(), set()]


def test_parents_come_first() -> None:
    assert DIAMOND.topological() == ["a", "e", "b", "c", "d", "f"]


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.sets(st.sampled_from("abcdefgh")), max_size=8))
def test_every_model_comes_after_all_its_parents(drawn: dict[str, set[str]]) -> None:
    # Only parents with smaller names, so that there's no circle.
    found = graph({child: "".join(sorted(p for p in above if p < child)) for child, above in drawn.items()})
    order = found.topological()
    assert sorted(order) == sorted(found.models)
    for edge in found.derivations:
        assert order.index(edge.parent) < order.index(edge.child)


def test_a_circle_is_named() -> None:
    circle = graph({"a": "c", "b": "a", "c": "b", "d": "c"})
    with pytest.raises(LineageError, match="in a circle"):
        circle.topological()
    (found,) = circle.cycles()
    assert found[0] == found[-1]
    assert set(found) == {"a", "b", "c"}
    assert set(circle.ancestors("d")) == {"a", "b", "c"}
    assert DIAMOND.cycles() == []


def test_nearest_common_ancestors() -> None:
    assert DIAMOND.common("b", "c") == ["a"]
    assert DIAMOND.common("d", "c") == ["c"]
    assert DIAMOND.common("a", "e") == []
    two = graph({"x": "ab", "y": "ab", "a": "r", "b": "r"})
    assert two.common("x", "y") == ["a", "b"]


def test_paths() -> None:
    assert [(edge.child, edge.parent) for edge in DIAMOND.path("f", "a")] == [
        ("f", "d"),
        ("d", "b"),
        ("b", "a"),
    ]
    assert [(edge.child, edge.parent) for edge in DIAMOND.path("b", "c")] == [("b", "a"), ("c", "a")]
    assert DIAMOND.path("b", "b") == ()
    assert DIAMOND.path("b", "e") == ()


def test_a_part_of_the_graph() -> None:
    part = DIAMOND.restricted(["a", "b", "d"])
    assert set(part.models) == {"a", "b", "d"}
    assert [(edge.child, edge.parent) for edge in part.derivations] == [("b", "a"), ("d", "b")]


def test_versions_are_read_when_asked_for() -> None:
    version = VersionNode("1" * 40, "", "a")
    models = {"a": ModelNode("a"), "hf:x": ModelNode("hf:x", is_external=True)}
    found = Graph(models, (), lambda path: (version,) if path == "a" else ())
    assert found.versions("a") == (version,)
    assert found.versions("hf:x") == ()


def test_a_model_that_isnt_there() -> None:
    with pytest.raises(UsageError, match="no model 'sst'") as caught:
        Graph({"sst2": ModelNode("sst2")}, ()).parents("sst")
    assert "did you mean 'sst2'" in caught.value.hint


def test_networkx() -> None:
    networkx = pytest.importorskip("networkx")
    found = DIAMOND.networkx()
    assert networkx.ancestors(found, "f") == {"a", "b", "c", "d"}
    assert found["a"]["b"][0]["relation"] == "finetune"
    networkx.generate_graphml(found)
