"""Possible conflicts of a merge in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from git_theta.merging.possible_conflicts import SideChanges
from git_theta.report.text import printable

#: Pairs of modules that a line names.
_SHOWN: Final = 2

_ADVICE: Final = "run the tests: git theta test run"


def possible_conflict_lines(changes: SideChanges) -> Iterator[str]:
    """One line if different sides changed modules that feed each other; it names the first ones."""
    if changes.everywhere:
        # No pair says more, and the graph needn't be built.
        sides = "both sides" if len(changes.changed) == 2 else f"all {len(changes.changed)} sides"
        yield f"possible conflict: {sides} changed every parameter; {_ADVICE}"
        return
    found = changes.possible_conflicts()
    if found:
        pairs = ", ".join(f"{printable(each.source)} -> {printable(each.target)}" for each in found[:_SHOWN])
        more = f" and {len(found) - _SHOWN:,} more" if len(found) > _SHOWN else ""
        yield f"possible conflict: sides changed modules that feed each other: {pairs}{more}; {_ADVICE}"
