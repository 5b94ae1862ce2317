"""Values through history as a line of small bars."""

from __future__ import annotations

from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"

#: The mark of a version without a value.
_GAP = "·"


def sparkline(values: Sequence[float | None], width: int = 60) -> str:
    """A bar for each value, from the lowest to the highest that there is; a dot for a missing one.

    Args:
        values: Finite values, the oldest first.
        width: The number of the newest values that are shown.
    """
    shown = values[-width:]
    present = [value for value in shown if value is not None]
    if not present:
        return _GAP * len(shown)
    low, high = min(present), max(present)
    return "".join(_GAP if value is None else _bar(value, low, high) for value in shown)


def outcome_line(outcomes: Sequence[bool | None], width: int = 60) -> str:
    """A mark for each version that passed or failed a test without a metric; a dot for others.

    Args:
        outcomes: Whether each version passed, the oldest first.
        width: The number of the newest versions that are shown.
    """
    return "".join({True: "✓", False: "✗", None: _GAP}[each] for each in outcomes[-width:])


def _bar(value: float, low: float, high: float) -> str:
    if low == high:
        return _BARS[len(_BARS) // 2]
    # The halves of both keep huge values from an infinite difference.
    share = (value / 2 - low / 2) / (high / 2 - low / 2)
    return _BARS[min(len(_BARS) - 1, int(share * len(_BARS)))]
