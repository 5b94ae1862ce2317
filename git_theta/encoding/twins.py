"""Twins: parameters of one file of which one is nearly the other, such as weights and their average."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from threading import Lock
from typing import TYPE_CHECKING

from git_theta.encoding.budget import can_be_extended
from git_theta.encoding.candidates import BaseCandidate, NewParameter
from git_theta.encoding.lines import as_numbers
from git_theta.encoding.readable import readable
from git_theta.encoding.stored_value import StoredValue, UnpackedSource, value_changed
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry, ObjectRef, Source
from git_theta.settings import DEPTH_FACTOR
from git_theta.store.base import Store
from git_theta.updates.base import Base
from git_theta.updates.rounding import COMPUTABLE

if TYPE_CHECKING:
    from git_theta.encoding.lines import Numbers
    from git_theta.encoding.related import ValueOf

#: Bytes of the smallest parameters that are compared.
_SMALLEST = 16 << 10

#: Stretches of a value that are compared, and elements of each.
_STRETCHES, _STRETCH = 4, 32

#: Two values are twins if the square of their distance is at most this share of the sum of their squares.
_RELATED = 0.35

#: Elements by which most strangers are told: the cosine of twins is more than this.
_FEW, _ALIKE = 32, 0.6

#: Values that are compared with all others of their size at once.
_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Original:
    """A value of the same file that another may be an update of.

    Attributes:
        stored: The value, stored already.
        value: Its logical bytes.
    """

    stored: StoredValue
    value: memoryview

    @property
    def base(self) -> Base:
        """The value as a base, from memory."""
        return Base(self.stored.spec, lambda _nbytes: iter((self.value,)))

    def candidates(self, depth: int, store: Store) -> Iterator[BaseCandidate]:
        """The value as a base, unless its chain is too long, or its twin would take more than limits allow.

        Args:
            depth: Number of updates that a chain should have at most.
            store: Where objects are.
        """
        source, spec = self.stored.source, self.stored.spec
        if isinstance(source, Source):
            # An earlier version's own objects may be gone.
            found = readable(Entry(self.stored.name, spec, self.stored.digest, source), store)
            source = found.source if found else source
        planned, new = _planned(source)
        if planned is None or depth < 2 or planned.depth >= DEPTH_FACTOR * depth:
            return
        if can_be_extended(planned, spec.nbytes, store, new=new):
            yield BaseCandidate(self.base, source, planned.depth >= depth)

    def check_unchanged(self) -> None:
        """Check that the bytes still have the digest that they were stored with.

        Raises:
            ValueChangedError: They haven't: an update of them wouldn't give its value.
        """
        if digest(self.value) != self.stored.digest:
            raise value_changed(self.stored.name)


def _planned(source: Source | UnpackedSource) -> tuple[Source | None, int]:
    """A source without its own payload, and the payload's size; `None` if there's more that isn't stored."""
    if isinstance(source, Source):
        return source, 0
    size = source.payload.size if isinstance(source.payload, ObjectRef) else source.payload.payload.size
    inputs = tuple(part for part in source.inputs if isinstance(part, Source))
    return (Source(source.update, None, inputs) if inputs == source.inputs else None), size or 0


class Twins:
    """The twins of one file, looked for once a value that isn't stored asks for its own.

    Any number of threads may ask.

    Args:
        find: Gives the parameter that each twin is nearly equal to, by name.
    """

    def __init__(self, find: Callable[[], Mapping[str, str]]) -> None:
        self._find = find
        self._lock = Lock()
        self._found: Mapping[str, str] | None = None

    def original_of(self, name: str) -> str | None:
        """The parameter that another one is nearly equal to; `None` for one that isn't a twin."""
        with self._lock:
            if self._found is None:
                self._found = self._find()
            return self._found.get(name)


def find_twins(
    parameters: Iterable[NewParameter], value_of: ValueOf, before: Container[str] = ()
) -> dict[str, str]:
    """The parameter that each one is nearly equal to, by name; none is both.

    Of two, that of the wider dtype is the other's original, as it can't be computed from that; else one that
    was there before, or the first by name.

    Args:
        parameters: Parameters of one file.
        value_of: Gives their values.
        before: Names of those that an earlier version of the file has.
    """
    groups: dict[int, list[NewParameter]] = defaultdict(list)
    for item in parameters:
        if item.spec.nbytes >= _SMALLEST and item.spec.dtype in COMPUTABLE:
            groups[item.spec.count].append(item)
    found: dict[str, str] = {}
    for items in groups.values():
        if len(items) > 1:
            items.sort(key=lambda item: (-item.spec.item_size, item.name not in before, item.name))
            found.update(_twins_among(items, value_of))
    return found


def _twins_among(items: Sequence[NewParameter], value_of: ValueOf) -> dict[str, str]:
    """The twins of parameters with equally many elements, the likeliest originals first."""
    import numpy as np

    samples = _samples(items, value_of)
    few = np.ascontiguousarray(samples[:, :: samples.shape[1] // _FEW])
    few /= np.maximum(np.sqrt(np.einsum("ij,ij->i", few, few)), np.finfo("<f4").tiny)[:, None]
    found: dict[str, str] = {}
    for start in range(0, len(items), _BLOCK):
        end = min(start + _BLOCK, len(items))
        near = few[start:end] @ few[:end].T > _ALIKE
        for row, other in np.argwhere(near):
            if other >= start + row:
                continue
            one = items[start + int(row)].name
            if one in found or items[other].name in found:
                continue
            if _are_twins(samples[start + row], samples[other]):
                found[one] = items[other].name
    return found


def _are_twins(one: Numbers, other: Numbers) -> bool:
    total = float(one @ one) + float(other @ other)
    return total > 0 and float(((one - other) ** 2).sum()) <= _RELATED * total


def _samples(items: Sequence[NewParameter], value_of: ValueOf) -> Numbers:
    """Some elements of each value, less their mean, as float32; shape (values, elements).

    The weights of norms are all close to one: only how elements differ from each other tells.
    """
    import numpy as np

    count = items[0].spec.count
    places = [part * (count // _STRETCHES) for part in range(_STRETCHES)]
    found = np.empty((len(items), _STRETCHES * _STRETCH), "<f4")
    for dtype, group in groupby(enumerate(items), key=lambda pair: pair[1].spec.dtype):
        pairs = list(group)
        values = [np.frombuffer(value_of(item.name), f"<u{item.spec.item_size}") for _, item in pairs]
        words = np.concatenate([value[at : at + _STRETCH] for value in values for at in places])
        found[[at for at, _ in pairs]] = as_numbers(words, dtype).reshape(len(pairs), -1)
    found -= found.mean(axis=1, keepdims=True)
    return found
