from __future__ import annotations

from graphlib import CycleError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.bisection.version_dag import VersionDag
from tests.helpers.version_dags import dags

#: d has the parents b and c, both of which have a.
DIAMOND = VersionDag({"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c"), "e": ()})


def test_history_and_descendants() -> None:
    assert DIAMOND.history("b") == {"a", "b"}
    assert DIAMOND.history("d") == {"a", "b", "c", "d"}
    assert DIAMOND.history("") == frozenset()
    assert DIAMOND.descendants("a") == {"b", "c", "d"}
    assert DIAMOND.descendants("ab") == {"b", "c", "d"}
    assert DIAMOND.descendants("e") == frozenset()


def test_parents_beyond_the_graph_do_not_count() -> None:
    part = DIAMOND.restricted("bd")
    assert part.parents == {"b": (), "d": ("b",)}
    assert VersionDag({"b": ("a",)}).order == ("b",)


def test_a_circle() -> None:
    with pytest.raises(CycleError):
        assert VersionDag({"a": ("b",), "b": ("a",)}).order


@given(dags(), st.data())
def test_order_and_closures(dag: VersionDag[int], data: st.DataObject) -> None:
    place = {version: number for number, version in enumerate(dag.order)}
    assert all(place[parent] < place[version] for version in dag.parents for parent in dag.parents[version])
    version = data.draw(st.sampled_from(sorted(dag.parents)))
    assert {each for each in dag.parents if version in dag.history([each])} == {
        version,
        *dag.descendants([version]),
    }
