"""The origins of a failure: all bad versions whose ancestors are good, where several can be."""

from __future__ import annotations

from git_theta.bisection.bisection import Bisection, Outcome
from git_theta.bisection.search import VersionTester, search
from git_theta.bisection.version_dag import Version, VersionDag


def origins(
    dag: VersionDag[Version], tip: Version, tester: VersionTester[Version]
) -> list[Bisection[Version]]:
    """The bisections that lead from a bad version to each of its origins; none if the version is good.

    Descendants of an origin are bad because of it. Every other ancestor that may be bad is looked at.

    Args:
        dag: The versions.
        tip: The version to begin at.
        tester: Tests versions.
    """
    found: list[Bisection[Version]] = []
    good: frozenset[Version] = frozenset()
    skipped: frozenset[Version] = frozenset()
    while True:
        origin_versions = [each.bad for each in found]
        explained = dag.descendants(origin_versions) | {*origin_versions}
        rest = dag.history([tip]) - dag.history(good) - explained - skipped
        # One without children in the rest, so that a good outcome says most.
        latest = next((version for version in reversed(dag.order) if version in rest), None)
        if latest is None:
            return found
        outcome = tester.outcome(latest)
        if outcome is Outcome.GOOD:
            good |= {latest}
        elif outcome is Outcome.SKIPPED:
            skipped |= {latest}
        else:
            inner = dag.restricted(dag.history([latest]) & (rest | skipped))
            bisection = search(Bisection(inner, latest, skipped=skipped & inner.parents.keys()), tester)
            found.append(bisection)
            good |= bisection.good
            skipped |= bisection.skipped
