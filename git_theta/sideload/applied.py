"""The check that given updates aren't in a parameter already: a retry would apply them twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from git_theta.errors import ThetaError
from git_theta.model.manifest import Entry, Source
from git_theta.sideload.draft import new_value
from git_theta.sideload.given_update import GivenUpdate
from git_theta.sideload.token_rows import TokenRows
from git_theta.store.local import LocalStore
from git_theta.updates.base import UnsuitableError
from git_theta.updates.dense import Dense
from git_theta.updates.rounding import ARITHMETIC, widen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers: TypeAlias = NDArray[np.float64]

#: Distance from the updated value, relative to the update, up to which a value counts as updated: that of a
#: merge by another program, in another precision.
_NEAR = 0.02

#: Share of an update that a value must still have: after it, training may have changed the value further.
_LEFT = 0.5

#: So many updates that a value stands on are looked at.
_MOST_LEVELS = 8


def can_be_applied_twice(steps: Sequence[GivenUpdate]) -> bool:
    """Whether applying updates again changes the value again: not if they just give values."""
    return not isinstance(steps[0].update, Dense | TokenRows)


def is_applied(
    entry: Entry, steps: Sequence[GivenUpdate], earlier: Sequence[Entry], store: LocalStore
) -> bool:
    """Whether a parameter has updates already: it's an earlier value with these, or came from such a value.

    Args:
        entry: The parameter as it is.
        steps: The updates, one after another; their checks have passed.
        earlier: The parameter in earlier versions of the file whose objects are here, the newest first.
        store: Has the parameter's objects.
    """
    if entry.spec.dtype not in ARITHMETIC:
        return False
    now: Numbers | None = None
    for before, source, after in _changes(entry, earlier):
        try:
            values = new_value(before, source, steps, store)
        except (UnsuitableError, ThetaError):
            continue
        base, updated = (_numbers(value, entry) for value in values)
        if now is None:
            now = _numbers(new_value(entry, entry.source, (), store)[0], entry)
        if _is_near(now, base, updated):
            return True
        if after is not None and _has_left(now, base, updated):
            try:
                then = _numbers(new_value(after, after.source, (), store)[0], entry)
            except ThetaError:
                continue
            if _is_near(then, base, updated):
                return True
    return False


def _changes(entry: Entry, earlier: Sequence[Entry]) -> Iterator[tuple[Entry, Source, Entry | None]]:
    """Values that a parameter had: an entry, a source of the value, and the version that came after it.

    These are the values before each update that the current one stands on, and those of earlier versions.
    """
    source: Source = entry.source
    for _ in range(_MOST_LEVELS):
        if len(source.inputs) != 1:
            break
        source = source.inputs[0]
        yield entry, source, None
    following: Entry | None = None
    for each in earlier:
        if each.spec == entry.spec and each.digest != entry.digest:
            yield each, each.source, following
            following = each


def _numbers(value: memoryview, entry: Entry) -> Numbers:
    import numpy as np

    return widen(np.frombuffer(value, f"<u{entry.spec.word_size}"), entry.spec.dtype)


def _is_near(value: Numbers, base: Numbers, updated: Numbers) -> bool:
    """Whether a value is the updated one, but for rounding."""
    import numpy as np

    size = float(np.linalg.norm(updated - base))
    return bool(size) and float(np.linalg.norm(updated - value)) <= _NEAR * size


def _has_left(value: Numbers, base: Numbers, updated: Numbers) -> bool:
    """Whether a value has most of an update, besides other changes."""
    change = updated - base
    size = float(change @ change)
    return bool(size) and float((value - base) @ change) >= _LEFT * size
