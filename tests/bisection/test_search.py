from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.bisection.bisection import Bisection, Outcome
from git_theta.bisection.search import (
    VersionTester,
    WrongEndError,
    search,
    search_whole_history,
    search_with_good_end,
)
from git_theta.bisection.version_dag import VersionDag
from tests.helpers.version_dags import broken_since, chain, dags, knowing


def with_ends(count: int, outcomes: dict[int, Outcome], *, bad_end_first: bool) -> tuple[int, int]:
    """The first bad one of versions 0, 1, …, of which the last one is bad; and the number of tests."""
    tester = knowing(outcomes)

    def check(version: int, wanted: Outcome) -> None:
        if tester.outcome(version) is not wanted:
            raise WrongEndError(f"{version} isn't {wanted.value}")

    found = search_with_good_end(
        Bisection(chain(count), count - 1, frozenset({0})),
        tester,
        lambda: check(0, Outcome.GOOD),
        lambda: check(count - 1, Outcome.BAD),
        bad_end_first=bad_end_first,
    )
    return found.bad, len(tester.outcomes)


@pytest.mark.parametrize("bad_end_first", [True, False])
def test_128_versions_need_at_most_8_tests_with_those_of_the_ends(bad_end_first: bool) -> None:
    for first in range(1, 128):
        found, tests = with_ends(128, broken_since(chain(128), first), bad_end_first=bad_end_first)
        assert found == first
        assert tests <= 8


def test_128_versions_without_a_good_one_need_at_most_8_tests_too() -> None:
    dag = chain(128)
    for first in range(1, 128):
        tester = knowing(broken_since(dag, first))
        tester.outcome(127)
        assert search_whole_history(Bisection(dag, 127), tester).bad == first
        assert len(tester.outcomes) <= 8


@pytest.mark.parametrize("bad_end_first", [True, False])
def test_ends_that_are_not_what_they_are_said_to_be(bad_end_first: bool) -> None:
    good, bad = dict.fromkeys(range(9), Outcome.GOOD), dict.fromkeys(range(9), Outcome.BAD)
    with pytest.raises(WrongEndError, match="8 isn't bad"):
        with_ends(9, good, bad_end_first=bad_end_first)
    with pytest.raises(WrongEndError, match="0 isn't good"):
        with_ends(9, bad, bad_end_first=bad_end_first)


@given(dags(), st.data())
def test_the_version_that_broke_it_is_found(dag: VersionDag[int], data: st.DataObject) -> None:
    tip = max(dag.parents)
    first = data.draw(st.sampled_from(sorted(dag.parents)))
    tester = knowing(broken_since(dag, first))
    found = search(Bisection(dag, tip), tester)
    assert (found.bad, found.suspects) == (first, {first})
    assert tip not in tester.outcomes


@given(dags(), st.data())
def test_versions_that_cannot_be_tested(dag: VersionDag[int], data: st.DataObject) -> None:
    """The version that broke it is a suspect to the end; nothing that is ruled out is."""
    tip = max(dag.parents)
    first = data.draw(st.sampled_from(sorted(dag.parents)))
    skipped = data.draw(st.sets(st.sampled_from(sorted(dag.parents)), max_size=10))
    truth = broken_since(dag, first)
    found = search(Bisection(dag, tip), knowing({**truth, **dict.fromkeys(skipped - {tip}, Outcome.SKIPPED)}))
    assert first in found.suspects
    assert found.suspects - {found.bad} <= skipped
    assert all(truth[version] is Outcome.GOOD for version in found.good)


def test_the_number_of_tests_to_come_is_told() -> None:
    told = []

    def run(version: int, steps_left: int) -> Outcome:
        told.append(steps_left)
        return Outcome.BAD if version >= 700 else Outcome.GOOD

    assert search(Bisection(chain(1000), 999), VersionTester(run)).bad == 700
    assert told[0] == math.ceil(math.log2(1000))
    assert told == sorted(told, reverse=True)


def test_early_versions_that_fail_for_other_reasons() -> None:
    """A model gets good at version 60, and is broken by version 90."""
    dag = chain(101)
    outcomes = {version: Outcome.GOOD if 60 <= version < 90 else Outcome.BAD for version in range(101)}
    tester = knowing(outcomes)
    assert search_whole_history(Bisection(dag, 100), tester).bad == 90
    assert len(tester.outcomes) <= 2 * math.log2(101) + 4


def test_no_version_passes() -> None:
    tester = knowing(dict.fromkeys(range(64), Outcome.BAD))
    assert search_whole_history(Bisection(chain(64), 63), tester).good == frozenset()
