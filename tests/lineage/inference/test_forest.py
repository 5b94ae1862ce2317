"""Trees of families, and their directions."""

from __future__ import annotations

from git_theta.lineage.inference.forest import oriented, spanning_tree

#: Places on a line; distances are those between them.
PLACES = [0.0, 1.0, 3.0, 6.0]


def test_the_tree_of_least_weight() -> None:
    edges = spanning_tree(range(4), lambda one, other: abs(PLACES[one] - PLACES[other]))
    assert {frozenset(edge) for edge in edges} == {frozenset(pair) for pair in ((0, 1), (1, 2), (2, 3))}
    assert spanning_tree([], lambda _one, _other: 0) == []


LINE = [(0, 1), (1, 2), (2, 3)]


def test_a_known_origin_directs_all() -> None:
    assert oriented(LINE, {}, 1) == {0: (1, True), 2: (1, True), 3: (2, True)}


def test_one_cue_directs_what_lies_behind() -> None:
    found = oriented(LINE, {(0, 1): 0, (1, 2): 1, (2, 3): 0}, None)
    assert found[2] == (1, True)
    assert found[3] == (2, True)
    assert not next(known for _, known in [found.get(0, found.get(1, (0, False)))])


def test_without_cues_nothing_is_known() -> None:
    found = oriented(LINE, {}, None)
    assert len(found) == 3
    assert not any(known for _, known in found.values())


def test_no_model_is_connected_by_a_later_one() -> None:
    # The last one is between the others, as a child of their mean is.
    places = {0: 0.0, 1: 2.0, 2: -2.0, 3: 0.9}

    def weight(one: int, other: int) -> float:
        return abs(places[one] - places[other])

    members = list(places)
    assert set(spanning_tree(members, weight)) == {(0, 3), (3, 1), (0, 2)}
    assert set(spanning_tree(members, weight, {0: 0, 1: 1, 2: 1, 3: 2})) == {(0, 1), (0, 2), (0, 3)}
    assert spanning_tree(members, weight, {0: 0, 1: 1, 2: 1, 3: None}) == spanning_tree(members, weight)
