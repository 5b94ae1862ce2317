"""Durations as users write them: `10 days`, `2w`, `36h`."""

from __future__ import annotations

import re

from git_theta.errors import UsageError

DAY = 86_400
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": DAY, "w": 7 * DAY, "y": 365 * DAY}
_DURATION = re.compile(
    r"(\d{1,6})\s*(?:(s)(?:ec|econds?)?|(m)(?:in|inutes?)?|(h)(?:ours?)?|(d)(?:ays?)?|(w)(?:eeks?)?|(y)(?:ears?)?)?"
)


def parse_duration(text: str) -> float:
    """The seconds of a duration; a number without a unit is in days.

    Raises:
        UsageError: The text isn't a duration.
    """
    match = _DURATION.fullmatch(text.strip().lower())
    if not match:
        raise UsageError(f"{text!r} isn't a duration", "write it like this: 10 days, 2w, 36h, 0")
    unit = next(filter(None, match.groups()[1:]), "d")
    return int(match[1]) * _SECONDS[unit]
