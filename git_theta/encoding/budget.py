"""The budget of values: what they take is compared with the limits before anything is decoded."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from git_theta import updates
from git_theta.encoding.choice import EncodingChoice
from git_theta.encoding.readable import as_readable
from git_theta.encoding.stored_payload import read_payload
from git_theta.encoding.stored_value import UnpackedSource
from git_theta.errors import CorruptError, ExcessError, PluginError, ThetaError
from git_theta.limits import WORK_PER_STORED_BYTE
from git_theta.model.manifest import Entry, ObjectRef, Source
from git_theta.store.base import Store
from git_theta.updates.bundle import MAX_BUNDLE
from git_theta.updates.demand import Demand, ReadPayload, default_demand

#: Work that comes with each update, however small its value is: Python's own.
_UPDATE_WORK = 40_000

#: More work, and more memory in bytes, than the longest chain of small values in bundles takes.
_LIGHT = 1 << 28

#: Memory for the chunk of a dense value: words, planes, and their frames.
_DENSE_MEMORY = 4 << 20


@dataclass(frozen=True, slots=True)
class _Weighed:
    """Facts that were found while values were weighed, for those that are weighed after them.

    Attributes:
        demands: By update, payload (`None`: any), number of inputs and size. Many parameters may share one.
        bundles: The bundles that count already: each is decoded once for all values in it.
        bundled: By source without places and by size, the weight of values in bundles that count already.
    """

    demands: dict[tuple[str, ObjectRef | None, int, int], Demand] = field(default_factory=dict)
    bundles: set[ObjectRef] = field(default_factory=set)
    bundled: dict[tuple[Hashable, int], Weight] = field(default_factory=dict)


class Weight(NamedTuple):
    """The work and memory that a value takes, with everything that it is made from.

    Attributes:
        work: Bytes decoded and elements computed; a unit takes about a nanosecond.
        memory: Bytes that are held at once.
    """

    work: int
    memory: int


def weigh(source: Source, nbytes: int, store: Store) -> Weight:
    """The weight of a value. Only headers of payloads are read.

    Args:
        source: How the value is made.
        nbytes: Size of the value in bytes.
        store: Where its objects are.

    Raises:
        CorruptError: A payload can't give a value of that size.
        MissingObjectError: An object isn't in the store.
        PluginError: An update of a package fails.
    """
    return _weigh(source, nbytes, store, _Weighed())


def check_weight(weight: Weight, oids: Iterable[str], store: Store, new: int = 0) -> None:
    """Check what values take together against the limits of their store.

    Args:
        weight: The sum of the values' work, and the largest memory of one.
        oids: Names of the objects that the values are made from.
        store: Where these are.
        new: Bytes of payloads that aren't in the store yet.

    Raises:
        ExcessError: It's more; the message says how much, and the hint which setting allows it.
    """
    limits = store.limits
    if weight.memory > limits.memory:
        raise ExcessError(
            f"decoding takes {weight.memory:,} bytes of memory, and the limit is {limits.memory:,}",
            _hint("theta.maxMemory", weight.memory),
        )
    if weight.work <= limits.work:
        return
    stored = new + sum(store.size(oid) or 0 for oid in set(oids))
    allowed = limits.work + WORK_PER_STORED_BYTE * stored
    if weight.work > allowed:
        raise ExcessError(
            f"decoding takes {weight.work:,} steps, and the limit for {stored:,} stored bytes is {allowed:,}",
            _hint("theta.maxWork", limits.work + weight.work - allowed),
        )


def check_value(source: Source, nbytes: int, store: Store) -> None:
    """Check what a value takes against the limits of its store.

    Raises:
        ExcessError: It's more.
        CorruptError, MissingObjectError, PluginError: As for `weigh`.
    """
    if not _is_light(source, nbytes, store):
        check_weight(weigh(source, nbytes, store), _oids(source), store)


def _is_light(source: Source, nbytes: int, store: Store) -> bool:
    """Whether a value is within the limits, whatever its payloads say: nearly every one is."""
    if not source.inputs and source.update == "dense":
        return nbytes <= store.limits.work
    return is_bundled(source, nbytes, store)


def is_bundled(source: Source, nbytes: int, store: Store) -> bool:
    """Whether a value and all that it's made from are in bundles, and so within the limits of the store."""
    return (
        nbytes <= MAX_BUNDLE
        and min(store.limits.work, store.limits.memory) >= _LIGHT
        and all(one.place is not None for one in source.sources())
    )


def check_values(entries: Iterable[Entry], store: Store) -> Weight:
    """Check what values take together; returns the sum of their work, and the largest memory of one.

    Values are read by alternative sources where the objects of their own ones are missing. Those that can't
    be decoded count nothing: decoding says why.

    Raises:
        ExcessError: It's more than the limits of their store.
    """
    listed = as_readable(entries, store)
    total = total_weight(listed, store)
    check_weight(total, (oid for entry in listed for oid in _oids(entry.source)), store)
    return total


def total_weight(entries: Iterable[Entry], store: Store, *, only_allowed: bool = False) -> Weight:
    """The sum of the work of values, and the largest memory of one, without those that can't be decoded.

    Args:
        entries: The parameters.
        store: Where their objects are.
        only_allowed: Whether to leave out those that exceed the limits by themselves.
    """
    weighed = _Weighed()
    work = memory = 0
    for entry in entries:
        try:
            weigh_one = _weigh if entry.source.place is None else _weigh_bundled
            weight = weigh_one(entry.source, entry.spec.nbytes, store, weighed)
            if only_allowed:
                check_weight(weight, _oids(entry.source), store)
        except ThetaError:
            continue
        work += weight.work
        memory = max(memory, weight.memory)
    return Weight(work, memory)


def input_sizes(source: Source, nbytes: int, store: Store) -> tuple[int, ...]:
    """Bytes of each input of a source, from the header of its payload.

    Args:
        source: How a value is made.
        nbytes: Size of the value in bytes.
        store: Where its objects are.

    Raises:
        CorruptError, MissingObjectError, PluginError: As for `weigh`.
    """
    return _demand(source, nbytes, _Payload(source.payload, store)).inputs


def can_be_extended(source: Source, nbytes: int, store: Store, memory: int = 0, new: int = 0) -> bool:
    """Whether one more update of a value of that size stays within the limits.

    Args:
        source: How the value is made.
        nbytes: Its size in bytes.
        store: Where its objects are.
        memory: Bytes that the update takes, if that's more than others take.
        new: Bytes of payloads that aren't in the store yet.
    """
    if nbytes <= MAX_BUNDLE and not memory and _is_light(source, nbytes, store):
        return True
    try:
        weight = weigh(source, nbytes, store)
        more = default_demand(1, nbytes)
        held = weight.memory + max(memory, more.memory)
        check_weight(Weight(weight.work + more.work, held), _oids(source), store, new)
    except ThetaError:
        return False
    return True


def is_affordable(update: str, payload: bytes, inputs: Sequence[Source], nbytes: int, store: Store) -> bool:
    """Whether the value that an update with a new payload makes of other values stays within the limits.

    Args:
        update: Name of the update.
        payload: Its payload, which needn't be in the store.
        inputs: Sources of the other values.
        nbytes: Size of the value in bytes.
        store: Where their objects are.
    """
    new = Source(update, None, tuple(inputs))
    try:
        weight = _with_inputs(_demand(new, nbytes, lambda: memoryview(payload)), new, store, _Weighed())
        check_weight(weight, (oid for source in inputs for oid in _oids(source)), store, len(payload))
    except ThetaError:
        return False
    return True


def can_be_derived(choice: EncodingChoice, nbytes: int, store: Store) -> bool:
    """Whether a choice whose payloads are small, and one more update of its value, stay within the limits."""
    try:
        weight = _weigh(choice, nbytes, store, _Weighed())
        more = default_demand(1, nbytes)
        oids = (oid for source in choice.sources() for oid in _oids(source))
        check_weight(Weight(weight.work + more.work, weight.memory + more.memory), oids, store)
    except ThetaError:
        return False
    return True


def affordable_threads(threads: int, memory: int, store: Store) -> int:
    """The number of threads that may work at once, of which each takes at most `memory` bytes."""
    return max(1, min(threads, store.limits.memory // max(1, memory)))


def _weigh(
    source: Source | UnpackedSource | EncodingChoice, nbytes: int, store: Store, weighed: _Weighed
) -> Weight:
    if isinstance(source, UnpackedSource):
        raise CorruptError("the value isn't stored yet")
    if isinstance(source, EncodingChoice):
        payload = memoryview(source.payload_bytes())
        return _with_inputs(_demand(source, nbytes, lambda: payload), source, store, weighed)
    weight = _weigh_stored(source, nbytes, store, weighed)
    if source.place is None or source.payload is None or source.payload in weighed.bundles:
        return weight
    weighed.bundles.add(source.payload)
    return Weight(weight.work + MAX_BUNDLE, weight.memory + MAX_BUNDLE)


def _weigh_bundled(source: Source, nbytes: int, store: Store, weighed: _Weighed) -> Weight:
    """The weight of a value in a bundle: from the second on, those of the same bundles weigh the same."""
    key = source.without_places, nbytes
    known = weighed.bundled.get(key)
    if known:
        return known
    weight = _weigh(source, nbytes, store, weighed)
    weighed.bundled[key] = _weigh(source, nbytes, store, weighed)
    return weight


def _weigh_stored(source: Source, nbytes: int, store: Store, weighed: _Weighed) -> Weight:
    """The weight of a value whose bundle is open, if it's in one."""
    count = len(source.inputs)
    if not count and source.update == "dense":
        # Nearly every source: an update's own demand costs more to ask for.
        return Weight(nbytes + _UPDATE_WORK, min(4 * nbytes, _DENSE_MEMORY))
    demands = weighed.demands
    demand = demands.get((source.update, None, count, nbytes))
    if demand is None:
        ref = source.payload
        demand = demands.get((source.update, ref, count, nbytes))
        if demand is None:
            stored = _Payload(ref, store)
            demand = _demand(source, nbytes, stored)
            # Most demands follow from the size alone: they're those of every payload.
            demands[source.update, ref if stored.is_read else None, count, nbytes] = demand
    return _with_inputs(demand, source, store, weighed)


class _Payload:
    """Reads a payload, and remembers that it did."""

    def __init__(self, ref: ObjectRef | None, store: Store) -> None:
        self._ref = ref
        self._store = store
        self.is_read = False

    def __call__(self) -> memoryview | None:
        self.is_read = True
        return read_payload(self._ref, self._store) if self._ref else None


def _with_inputs(demand: Demand, source: Source | EncodingChoice, store: Store, weighed: _Weighed) -> Weight:
    work, memories = demand.work + _UPDATE_WORK, [0]
    for part, size in zip(source.inputs, demand.inputs, strict=True):
        weight = _weigh(part, size, store, weighed)
        work += demand.passes * weight.work
        memories.append(weight.memory)
    return Weight(work, demand.memory + (max(memories) if demand.in_turn else sum(memories)))


def _demand(source: Source | EncodingChoice, nbytes: int, payload: ReadPayload) -> Demand:
    registry = updates.registry()
    count = len(source.inputs)
    try:
        tell = getattr(registry.get(source.update), "demand", None)
    except PluginError:
        # Decoding says so, and what to install.
        tell = None
    if tell is None:
        return default_demand(count, nbytes)
    with registry.guard(source.update):
        found: Demand = tell(payload, count, nbytes)
        if len(found.inputs) != count:
            raise CorruptError(f"an update of kind {source.update!r} doesn't take {count} inputs")
    return found


def _oids(source: Source) -> Iterator[str]:
    return (ref.oid for ref in source.payloads())


def _hint(setting: str, needed: int) -> str:
    return f"if you trust its author, allow it: git config {setting} {-(-needed >> 30)}g"
