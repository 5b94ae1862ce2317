from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from git_theta.bisection.bisection import Bisection, Outcome
from git_theta.bisection.version_dag import VersionDag
from tests.helpers.version_dags import chain, dags


def test_a_bad_version_leaves_its_history_and_a_good_one_the_rest() -> None:
    start = Bisection(chain(9), 8, frozenset({0}))
    assert start.suspects == set(range(1, 9))
    assert (start.next, start.steps_left) == (4, 3)
    assert start.after(4, Outcome.BAD).suspects == {1, 2, 3, 4}
    assert start.after(4, Outcome.GOOD).suspects == {5, 6, 7, 8}


def test_without_a_good_version_all_are_suspects() -> None:
    assert Bisection(chain(4), 3).suspects == {0, 1, 2, 3}


def test_the_end() -> None:
    end = Bisection(chain(3), 1, frozenset({0}))
    assert (end.suspects, end.next, end.steps_left) == ({1}, None, 0)


def test_skipped_versions_stay_suspects() -> None:
    state = Bisection(chain(4), 3, frozenset({0}))
    for version in (1, 2):
        state = state.after(version, Outcome.SKIPPED)
    assert state.next is None
    assert state.suspects == {1, 2, 3}


def test_the_version_after_a_skipped_one_is_some_way_off() -> None:
    state = Bisection(chain(101), 100, frozenset({0}))
    assert state.next == 50
    chosen = []
    for _ in range(5):
        assert state.next is not None
        chosen.append(state.next)
        state = state.after(state.next, Outcome.SKIPPED)
    assert len(set(chosen)) == 5
    assert sum(abs(version - 50) > 5 for version in chosen[1:]) >= 3


@given(dags(), st.data())
def test_all_suspects_are_asked_for_if_none_can_be_tested(dag: VersionDag[int], data: st.DataObject) -> None:
    tip = max(dag.parents)
    good = data.draw(st.sampled_from(sorted(dag.parents)[:-1]))
    state = Bisection(dag, tip, frozenset({good}))
    asked = set()
    while (version := state.next) is not None:
        asked.add(version)
        state = state.after(version, Outcome.SKIPPED)
    assert asked == state.suspects - {tip}
