"""The search for the first bad version, and the checks that its two ends are what they're said to be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Generic

from git_theta.bisection.bisection import Bisection, Outcome
from git_theta.bisection.version_dag import Version
from git_theta.errors import ThetaError


class WrongEndError(ThetaError):
    """An end of a bisection isn't what it's said to be: the bad version passes, or the good one fails."""


@dataclass(frozen=True)
class VersionTester(Generic[Version]):
    """Tests versions, each once.

    Attributes:
        run: Tests a version; the number is that of tests that are likely to be needed, with this one.
        outcomes: The outcomes so far.
    """

    run: Callable[[Version, int], Outcome]
    outcomes: dict[Version, Outcome] = field(default_factory=dict)

    def outcome(self, version: Version, steps_left: int = 1) -> Outcome:
        """The outcome of testing a version."""
        if version not in self.outcomes:
            self.outcomes[version] = self.run(version, steps_left)
        return self.outcomes[version]


def search(start: Bisection[Version], tester: VersionTester[Version]) -> Bisection[Version]:
    """The bisection at its end: `bad` is the first bad version, unless skipped ones are suspects, too."""
    bisection = start
    while (version := bisection.next) is not None:
        bisection = bisection.after(version, tester.outcome(version, bisection.steps_left))
    return bisection


def search_with_good_end(
    start: Bisection[Version],
    tester: VersionTester[Version],
    check_good: Callable[[], None],
    check_bad: Callable[[], None],
    *,
    bad_end_first: bool,
) -> Bisection[Version]:
    """Search between a good and a bad version, one of which is checked before.

    The other end is checked afterwards, if no version that was tested has the outcome that it should have. So
    128 versions with both ends need 8 tests.

    Args:
        start: The bisection.
        tester: Tests versions.
        check_good: Checks the good end.
        check_bad: Checks the bad end.
        bad_end_first: Whether the bad end is checked before the search; if not, the good end is.

    Raises:
        WrongEndError: `check_good` or `check_bad` says so.
    """
    (check_bad if bad_end_first else check_good)()
    found = search(replace(start, older_first=bad_end_first), tester)
    if bad_end_first and found.good == start.good:
        check_good()
    if not bad_end_first and found.bad == start.bad:
        check_bad()
    return found


def search_whole_history(start: Bisection[Version], tester: VersionTester[Version]) -> Bisection[Version]:
    """Search without a good version: every version may be the first bad one.

    Early versions may fail for reasons of their own, such as a training that had just begun. If the search
    ends there, it goes on with the latest versions: the last one, the second, the fourth, and so on.

    Returns:
        The bisection; `good` is empty if no version that was tested passes.
    """
    found = search(start, tester)
    if found.good:
        return found
    for version in _ever_older(start):
        if tester.outcome(version) is Outcome.GOOD:
            return search(_with_known(replace(start, good=frozenset({version})), tester), tester)
    return found


def _ever_older(start: Bisection[Version]) -> Iterator[Version]:
    """Versions at distances of 1, 2, 4 and so on from the bad one."""
    versions = [version for version in reversed(start.dag.order) if version in start.suspects]
    distance = 1
    while distance < len(versions):
        yield versions[distance]
        distance *= 2


def _with_known(start: Bisection[Version], tester: VersionTester[Version]) -> Bisection[Version]:
    """A bisection that begins at the oldest version that is known to be bad and descends from a good one."""
    bad = [each for each in start.suspects if tester.outcomes.get(each) is Outcome.BAD]
    narrowed = [start.after(each, Outcome.BAD) for each in bad if start.good <= start.dag.history([each])]
    skipped = frozenset(each for each, outcome in tester.outcomes.items() if outcome is Outcome.SKIPPED)
    best = min((start, *narrowed), key=lambda each: len(each.suspects))
    return replace(best, skipped=best.skipped | skipped)
