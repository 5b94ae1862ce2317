from __future__ import annotations

from hypothesis import given

from git_theta.bisection.midpoints import midpoints, weights
from git_theta.bisection.version_dag import VersionDag
from tests.helpers.version_dags import chain, dags


@given(dags())
def test_the_weight_is_the_number_of_suspects_in_the_history(dag: VersionDag[int]) -> None:
    suspects = dag.history([max(dag.parents)]) - dag.history([1])
    found = weights(dag, suspects)
    assert found == {version: len(dag.history([version]) & suspects) for version in suspects}


def test_the_middle_of_a_chain_comes_first() -> None:
    dag = chain(6)
    assert midpoints(dag, range(1, 6), older_first=True) == [(2, 2), (3, 2), (1, 1), (4, 1), (5, 0)]
    assert midpoints(dag, range(1, 6), older_first=False) == [(3, 2), (2, 2), (4, 1), (1, 1), (5, 0)]


def test_both_sides_of_a_merge_count() -> None:
    #    1 - 2
    #  /       \
    # 0         5: three suspects are left after the merge's first parent, whatever its outcome is
    #  \       /
    #    3 - 4
    dag = VersionDag({0: (), 1: (0,), 2: (1,), 3: (0,), 4: (3,), 5: (2, 4)})
    assert dict(midpoints(dag, range(6), older_first=True)) == {0: 1, 1: 2, 2: 3, 3: 2, 4: 3, 5: 0}
