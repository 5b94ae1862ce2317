"""Graphs of versions for tests of bisection: versions are numbers, and parents have lower ones."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import strategies as st

from git_theta.bisection.bisection import Outcome
from git_theta.bisection.search import VersionTester
from git_theta.bisection.version_dag import VersionDag


def chain(count: int) -> VersionDag[int]:
    """Versions 0, 1, …, each with the one before it as its parent."""
    return VersionDag({number: (number - 1,) if number else () for number in range(count)})


@st.composite
def dags(draw: st.DrawFn) -> VersionDag[int]:
    """Graphs in which the last version descends from all others."""
    count = draw(st.integers(2, 40))
    parents: dict[int, tuple[int, ...]] = {0: ()}
    for number in range(1, count):
        chosen = draw(
            st.lists(st.integers(max(0, number - 5), number - 1), min_size=1, max_size=3, unique=True)
        )
        parents[number] = tuple(chosen)
    childless = set(parents) - {parent for above in parents.values() for parent in above}
    return VersionDag({**parents, count: tuple(sorted(childless))})


def knowing(outcomes: Mapping[int, Outcome]) -> VersionTester[int]:
    """A tester that knows the outcomes, and remembers what it was asked for in `outcomes`."""
    return VersionTester(lambda version, _: outcomes[version])


def broken_since(dag: VersionDag[int], first: int) -> dict[int, Outcome]:
    """The outcomes where one version broke all that came after it."""
    bad = dag.descendants([first]) | {first}
    return {version: Outcome.BAD if version in bad else Outcome.GOOD for version in dag.parents}
