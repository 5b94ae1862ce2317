"""The check that a given update isn't in a parameter already: a retry would apply it twice without a word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from git_theta.errors import ThetaError
from git_theta.model.manifest import Entry, Source
from git_theta.sideload.draft import new_value
from git_theta.sideload.given_update import GivenUpdate
from git_theta.store.local import LocalStore
from git_theta.updates.base import UnsuitableError
from git_theta.updates.dense import Dense
from git_theta.updates.rounding import ARITHMETIC, widen

#: Distance from the updated value, relative to the update, up to which a value counts as updated: that of a
#: merge by another program, in another precision.
_NEAR = 0.02

#: So many updates that a value stands on are looked at.
_MOST_LEVELS = 8


def can_be_applied_twice(steps: tuple[GivenUpdate, ...]) -> bool:
    """Whether applying an update again changes the value again: not if it just gives the value."""
    return len(steps) == 1 and not isinstance(steps[0].update, Dense)


def is_applied(entry: Entry, step: GivenUpdate, earlier: Iterable[Entry], store: LocalStore) -> bool:
    """Whether a parameter's value is that of an earlier one with an update.

    Args:
        entry: The parameter as it is.
        step: The update; its check has passed.
        earlier: The parameter in earlier versions of the file, as far as the store has their objects.
        store: Has the parameter's objects.
    """
    import numpy as np

    if entry.spec.dtype not in ARITHMETIC:
        return False

    def numbers(value: bytes | memoryview) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return widen(np.frombuffer(value, f"<u{entry.spec.word_size}"), entry.spec.dtype)

    now = None
    for before, source in _before(entry, earlier):
        try:
            base, updated = new_value(before, source, step, store)
        except (UnsuitableError, ThetaError):
            continue
        after = numbers(updated)
        if now is None:
            now = numbers(new_value(entry, entry.source, None, store)[0])
        size = float(np.linalg.norm(after - numbers(base)))
        if size and float(np.linalg.norm(after - now)) <= _NEAR * size:
            return True
    return False


def _before(entry: Entry, earlier: Iterable[Entry]) -> Iterator[tuple[Entry, Source]]:
    """The sources of the values before each update that a value stands on, and of earlier versions."""
    source: Source = entry.source
    for _ in range(_MOST_LEVELS):
        if len(source.inputs) != 1:
            break
        source = source.inputs[0]
        yield entry, source
    others = (each for each in earlier if each.spec == entry.spec and each.digest != entry.digest)
    yield from ((each, each.source) for each in others)
