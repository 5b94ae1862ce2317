"""The base forest: which of many values are stored whole, and the base of each other one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

#: Gives the estimated bytes of a delta: of the value at the first place from the one at the second.
DeltaBytes = Callable[[int, int], float]

#: The number of values that are tried as the first root; for more values, those nearest to the others.
_TRIED_ROOTS = 16


def plan_forest(dense: Sequence[float], delta: DeltaBytes, depth: int) -> tuple[int | None, ...]:
    """The base of each value by its place; `None` for one that's stored whole.

    Trees grow from a root by the cheapest delta or whole value at each step, as in Prim's algorithm, in
    chains of at most `depth` values. Without that limit the forest is minimal where a delta costs the same in
    both directions; with it, several roots are tried, and the cheapest forest wins. Bases form no circle.

    Args:
        dense: Estimated bytes of each value stored whole.
        delta: Estimates the bytes of deltas.
        depth: Number of updates in a chain at most, the dense value included.
    """
    count = len(dense)
    # A row for each value: the bytes of its delta from each other.
    costs = [
        [delta(value, base) if value != base else 0.0 for base in range(count)] for value in range(count)
    ]
    as_base = [sum(row[base] for row in costs) + dense[base] for base in range(count)]
    roots = sorted(range(count), key=lambda place: (as_base[place], place))[:_TRIED_ROOTS]
    forests = [_grown(root, dense, costs, depth) for root in roots]
    return min(forests, key=lambda pair: pair[0])[1] if forests else ()


def _grown(
    root: int, dense: Sequence[float], costs: Sequence[Sequence[float]], depth: int
) -> tuple[float, tuple[int | None, ...]]:
    """The bytes of the forest that grows from a root, and the base of each value."""
    bases: dict[int, int | None] = {}
    depths: dict[int, int] = {}
    # The cheapest way to store each value that has no place yet.
    best: dict[int, tuple[float, int | None]] = {place: (cost, None) for place, cost in enumerate(dense)}
    total, new = 0.0, root
    while True:
        cost, base = best.pop(new)
        bases[new], depths[new] = base, 1 if base is None else depths[base] + 1
        total += cost
        if not best:
            return total, tuple(bases[place] for place in range(len(dense)))
        if depths[new] < depth:
            for place, (least, _) in best.items():
                if costs[place][new] < least:
                    best[place] = costs[place][new], new
        new = min(best, key=lambda place: (best[place][0], place))
