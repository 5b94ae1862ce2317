"""The search for the coarsest level of each parameter at which a model still holds its tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

#: Parameter → its level; level 0 is the coarsest, the last one exact.
Plan = Mapping[str, int]

#: Parameters aren't coarsened together if that saves less than this share of a model's bytes.
_WORTH_A_RUN = 0.005


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The result of a search.

    Attributes:
        plan: The level of each parameter. The model holds its tests with these: it was measured, unless all
            are exact.
        uniform: The level that the search found for all parameters together.
        runs: Number of plans that were measured.
        is_cut: Whether the budget ended before the search did.
    """

    plan: Plan
    uniform: int
    runs: int
    is_cut: bool


class _OverBudgetError(Exception):
    """The search may not measure any more plans."""


def coarsest_plan(
    names: Sequence[str],
    size: Callable[[str, int], int],
    holds: Callable[[Plan], bool],
    levels: int,
    budget: int,
    start: int | None = None,
) -> SearchResult:
    """The coarsest level of each parameter at which a model holds its tests, as far as a budget allows.

    First one level for all is found by bisection. Then parameters get the next coarser level: in halves,
    those that save the most bytes first, and a half that fails is halved again. So only parameters that the
    tests depend on keep the finer level.

    Args:
        names: The parameters.
        size: Bytes of a parameter at a level.
        holds: Measures whether the model holds its tests with a plan. It does with the exact values.
        levels: The number of levels, of which the last one is exact.
        budget: The most plans that are measured.
        start: The level to try first, such as that of a similar model; `None` for the middle.
    """
    search = _Search(names, size, holds, levels - 1, budget)
    try:
        search.bisect(start)
        search.refine()
    except _OverBudgetError:
        return SearchResult(search.best, search.uniform, search.runs, True)
    return SearchResult(search.best, search.uniform, search.runs, False)


class _Search:
    """The state of a search: the best plan so far, and the plans that were measured.

    Args:
        names: The parameters.
        size: Bytes of a parameter at a level.
        holds: Measures a plan.
        exact: The last level.
        budget: The most plans that are measured.
    """

    def __init__(
        self,
        names: Sequence[str],
        size: Callable[[str, int], int],
        holds: Callable[[Plan], bool],
        exact: int,
        budget: int,
    ) -> None:
        self._names = names
        self._size = size
        self._holds = holds
        self._exact = exact
        self._budget = budget
        self._known: dict[tuple[int, ...], bool] = {}
        self.runs = 0
        self.uniform = exact
        self.best: Plan = dict.fromkeys(names, exact)

    def bisect(self, start: int | None) -> None:
        """Find the coarsest level that all parameters may have, if coarser ones are never better."""
        coarse, fine = -1, self._exact
        probe = start if start is not None and 0 <= start < fine else fine // 2
        while fine - coarse > 1:
            if self._is_better(self._plan(dict.fromkeys(self._names, probe))):
                self.uniform = fine = probe
            else:
                coarse = probe
            # The level of a similar model is mostly right: its neighbour shows that.
            near = fine - 1 if fine == start else start + 1 if start is not None and coarse == start else None
            probe = near if near is not None and coarse < near < fine else (coarse + fine) // 2

    def refine(self) -> None:
        """Give parameters coarser levels, one level after the other, while that holds."""
        level, names = self.uniform - 1, list(self._names)
        while level >= 0 and names:
            names = self._coarsen(self._most_saved_first(names, level), level)
            level -= 1

    def _coarsen(self, names: list[str], level: int) -> list[str]:
        """Give parameters a level in groups as large as possible; those that got it."""
        # All together are known to fail after the bisection, and mostly later.
        waiting = self._halves(names, level) if level == self.uniform - 1 else [names] * bool(names)
        done: list[str] = []
        while waiting:
            group = waiting.pop(0)
            if self._saved(group, level) < _WORTH_A_RUN * self._total():
                continue
            if self._is_better(self._plan({**self.best, **dict.fromkeys(group, level)})):
                done += group
            else:
                waiting += self._halves(group, level)
                waiting.sort(key=lambda each: -self._saved(each, level))
        return done

    def _is_better(self, plan: Plan) -> bool:
        """Whether the model holds with a plan of fewer bytes, which then is the best one.

        Raises:
            _OverBudgetError: The plan isn't known, and may not be measured.
        """
        if plan == self.best:
            return True
        key = tuple(plan[name] for name in self._names)
        if key not in self._known:
            if self.runs >= self._budget:
                raise _OverBudgetError
            self.runs += 1
            self._known[key] = self._holds(plan)
        if self._known[key]:
            self.best = plan
        return self._known[key]

    def _plan(self, levels: Plan) -> Plan:
        """A plan whose parameters are exact where that takes no more bytes."""
        exact = self._exact
        return {
            name: level if level == exact or self._size(name, level) < self._size(name, exact) else exact
            for name, level in levels.items()
        }

    def _halves(self, names: list[str], level: int) -> list[list[str]]:
        """Two parts of a group that save about as much; none of a single parameter.

        Args:
            names: The group, those that save the most first.
            level: The level that they'd get.
        """
        if len(names) < 2:
            return []
        half, saved, count = self._saved(names, level) / 2, 0.0, 0
        while count < len(names) - 1 and (count == 0 or saved < half):
            saved += self._saved(names[count : count + 1], level)
            count += 1
        return [names[:count], names[count:]]

    def _most_saved_first(self, names: list[str], level: int) -> list[str]:
        """The parameters that a level saves bytes of, those with the most first."""
        saving = [name for name in names if self._saved([name], level) > 0]
        return sorted(saving, key=lambda name: -self._saved([name], level))

    def _saved(self, names: list[str], level: int) -> int:
        return sum(self._size(name, self.best[name]) - self._size(name, level) for name in names)

    def _total(self) -> int:
        return sum(self._size(name, level) for name, level in self.best.items())
