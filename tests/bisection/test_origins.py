from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from git_theta.bisection.bisection import Outcome
from git_theta.bisection.origins import origins
from git_theta.bisection.version_dag import VersionDag
from tests.helpers.version_dags import chain, dags, knowing


@given(dags(), st.data())
def test_all_origins_are_found(dag: VersionDag[int], data: st.DataObject) -> None:
    tip = max(dag.parents)
    broken = data.draw(st.sets(st.sampled_from(sorted(dag.parents)), max_size=4))
    bad = broken | dag.descendants(broken)
    first = {version for version in bad if not bad & {*dag.parents_of(version)}}
    tester = knowing({each: Outcome.BAD if each in bad else Outcome.GOOD for each in dag.parents})
    found = origins(dag, tip, tester)
    assert {each.bad for each in found} == (first & dag.history([tip]) if tip in bad else set())
    assert all(each.suspects == {each.bad} for each in found)


def test_two_parents_that_fail() -> None:
    dag = VersionDag({"one": (), "other": (), "third": (), "merge": ("one", "other", "third")})
    outcomes = {"one": Outcome.BAD, "other": Outcome.BAD, "third": Outcome.GOOD, "merge": Outcome.BAD}
    found = origins(dag, "merge", knowing(outcomes))  # type: ignore[type-var, arg-type]
    assert {each.bad for each in found} == {"one", "other"}


def test_a_long_chain_is_halved() -> None:
    tester = knowing({each: Outcome.BAD if each >= 13 else Outcome.GOOD for each in range(100)})
    assert [each.bad for each in origins(chain(100), 99, tester)] == [13]
    assert len(tester.outcomes) <= 9


def test_ancestors_that_cannot_be_tested() -> None:
    """Models 0 and 1 can't be tested, so 2, which fails, may have its failure from them."""
    outcomes = {0: Outcome.SKIPPED, 1: Outcome.SKIPPED, 2: Outcome.BAD, 3: Outcome.BAD}
    (found,) = origins(chain(4), 3, knowing(outcomes))
    assert (found.bad, found.suspects) == (2, {0, 1, 2})


def test_a_model_that_passes_has_no_origins() -> None:
    assert origins(chain(3), 2, knowing(dict.fromkeys(range(3), Outcome.GOOD))) == []
