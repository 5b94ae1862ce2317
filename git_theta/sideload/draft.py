"""Drafts: side-loaded updates carried out, before any manifest refers to the result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

from git_theta import updates
from git_theta.codecs.frames import CHUNK
from git_theta.encoding.budget import is_affordable
from git_theta.encoding.candidates import candidate_from, usable_bases
from git_theta.encoding.choice import EncodingChoice
from git_theta.encoding.readable import readable
from git_theta.encoding.selection import choices, dense_choice
from git_theta.errors import UsageError
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry, ObjectRef, Source
from git_theta.model.strided import joined
from git_theta.model.tensor import TensorSpec
from git_theta.runtime.threads import run_all
from git_theta.settings import DEFAULT_DEPTH, MAX_CHAIN_DEPTH
from git_theta.sideload.given_update import GivenUpdate
from git_theta.store.batch import Batch
from git_theta.store.local import LocalStore
from git_theta.store.pack_buffer import BufferedPayload
from git_theta.store.packs import PACK_BELOW, pack
from git_theta.updates.base import Automatic, Base, Payload, Pieces, UnsuitableError, Update
from git_theta.updates.rounding import ARITHMETIC, widen
from git_theta.updates.side_loaded import GivesValue, Lossy, StoredAsGiven


@dataclass(frozen=True, slots=True)
class Draft:
    """A new value of a parameter.

    Attributes:
        entry: The parameter with its new digest; the source isn't valid yet if there's a payload.
        update: Name of the update.
        payload: The bytes to store; `None` if the value is the old one.
        inputs: Sources of the values that the update applies to.
    """

    entry: Entry
    update: str = ""
    payload: bytes | None = None
    inputs: tuple[Source, ...] = ()

    def stored(self, ref: ObjectRef) -> Entry:
        """The parameter, once the payload is stored at `ref`."""
        return replace(self.entry, source=Source(self.update, ref, self.inputs))


@dataclass(frozen=True, slots=True)
class _Unpacked:
    """A draft whose payload has no place in a pack yet.

    Attributes:
        draft: The draft without its payload.
        payload: The payload.
    """

    draft: Draft
    payload: BufferedPayload


def check_steps(steps: Sequence[GivenUpdate], name: str, spec: TensorSpec) -> None:
    """Check that side-loaded updates fit their parameter.

    Raises:
        UsageError: A shape or dtype doesn't fit, or a number isn't finite.
    """
    for step in steps:
        step.update.check(step.given, name, spec)


def apply(
    entry: Entry, steps: Sequence[GivenUpdate], store: LocalStore, value: memoryview | None = None
) -> Draft:
    """A parameter's new value after side-loaded updates.

    Args:
        entry: The parameter as it is.
        steps: The updates, one after another; `check_steps` has passed them.
        store: Has the parameter's objects, and gets those of intermediate steps.
        value: The exact value that the last step must give; `None` for whatever it gives.

    Raises:
        UnsuitableError: The last step can't give that value.
        UsageError: A result isn't finite.
        ThetaError: The parameter can't be read.
    """
    *first, last = steps
    # The new value stands on objects that are here.
    entry = readable(entry, store) or entry
    for step in first:
        between = _apply(entry, step, store, None)
        if between.payload is not None:
            entry = between.stored(ObjectRef(store.put([between.payload]), size=len(between.payload)))
    return _apply(entry, last, store, value)


def new_value(
    entry: Entry, source: Source, steps: Sequence[GivenUpdate], store: LocalStore
) -> tuple[memoryview, memoryview]:
    """A value that a parameter has or stands on, and the same after updates; nothing is stored.

    Args:
        entry: The parameter.
        source: Its source, or the source of a value of the same dtype and shape.
        steps: The updates, one after another, whose checks have passed; none for the value as it is.
        store: Has the parameter's objects.

    Raises:
        UnsuitableError: An update can't be applied.
        ThetaError: The parameter can't be read.
    """
    spec = entry.spec
    first = before = _in_memory(candidate_from(store, entry, source).base.chunks(CHUNK), spec, store)
    for step in steps:
        before = _in_memory(_pieces_after(step, spec, before), spec, store)
    return first, before


def _pieces_after(step: GivenUpdate, spec: TensorSpec, value: memoryview) -> Pieces:
    """The bytes of a value after an update."""
    update, base = step.update, Base(spec, lambda _nbytes: iter((value,)))
    if isinstance(update, StoredAsGiven):
        try:
            payload = b"".join(map(bytes, update.encode_given(step.given, spec, base, None)))
            return update.decode(memoryview(payload), [base.read], spec.nbytes)
        except UnsuitableError:
            pass
    if not isinstance(update, GivesValue):
        raise UnsuitableError
    return update.given_value(step.given, spec, base)


def apply_lossy(entry: Entry, update: Lossy, value: memoryview, epsilon: float, store: LocalStore) -> Draft:
    """A value near another one, as a lossy update of the parameter as it is.

    Args:
        entry: The parameter as it is.
        update: The lossy update.
        value: Logical bytes of the value to come near to.
        epsilon: The error bound.
        store: Has the parameter's objects.

    Raises:
        UnsuitableError: The value can't be expressed so.
        ThetaError: The parameter can't be read.
    """
    entry = readable(entry, store) or entry
    if entry.source.depth >= MAX_CHAIN_DEPTH:
        raise UnsuitableError
    payload = update.encode_near(value, entry.spec, _base(entry, store), epsilon)
    return _decoded(entry, entry, update, payload, store, finite=False)


def apply_payload(
    entry: Entry, start: Entry | None, update: Lossy, payload: bytes, store: LocalStore
) -> Draft:
    """A parameter with the value that a lossy payload stands for.

    Args:
        entry: The parameter; its digest and its source don't matter.
        start: The stored value of the same dtype and shape that the payload applies to; `None` for none.
        update: The lossy update.
        payload: Its payload.
        store: Has the objects of `start`.

    Raises:
        ThetaError: The value can't be read.
    """
    return _decoded(entry, start, update, iter((payload,)), store, finite=False)


def store_all(
    make: Callable[[str], Draft | None],
    names: Iterable[str],
    store: LocalStore,
    threads: int,
) -> dict[str, Entry]:
    """The entries of drafts that are made and stored on several threads; small payloads share packs.

    Args:
        make: Gives the draft for a parameter's name; `None` to leave the parameter out.
        names: Names of the parameters.
        store: Gets the objects.
        threads: Number of drafts to make at once.
    """
    with Batch(store) as batch:

        def one(name: str) -> Entry | _Unpacked | None:
            found = make(name)
            if found is None or found.payload is None:
                return found.entry if found else None
            if len(found.payload) >= PACK_BELOW:
                return found.stored(batch.put([found.payload]))
            return _Unpacked(replace(found, payload=None), batch.buffer.put(found.payload))

        names = sorted(names)
        with ThreadPoolExecutor(threads) as pool:
            made = dict(zip(names, run_all(pool, one, names), strict=True))
        entries = {name: entry for name, entry in made.items() if isinstance(entry, Entry)}
        waiting = {name: item for name, item in made.items() if isinstance(item, _Unpacked)}
        packed = pack((item.payload for item in waiting.values()), batch)
        entries.update((name, item.draft.stored(packed[item.payload])) for name, item in waiting.items())
    return entries


def _apply(entry: Entry, step: GivenUpdate, store: LocalStore, value: memoryview | None) -> Draft:
    base = _base(entry, store)
    if isinstance(step.update, StoredAsGiven):
        try:
            payload = step.update.encode_given(step.given, entry.spec, base, value)
            return _decoded(entry, entry, step.update, payload, store, finite=value is None)
        except UnsuitableError:
            pass
    if value is not None or not isinstance(step.update, GivesValue):
        raise UnsuitableError
    new = _in_memory(step.update.given_value(step.given, entry.spec, base), entry.spec, store)
    _check_finite(new, entry, base)
    return _cheapest(entry, step.update, new, store)


def _base(entry: Entry, store: LocalStore) -> Base:
    return candidate_from(store, entry, entry.source).base


def _in_memory(pieces: Pieces, spec: TensorSpec, store: LocalStore) -> memoryview:
    return joined(pieces, spec.nbytes, store.temporary_file)


def _decoded(
    entry: Entry, start: Entry | None, update: Update, payload: Payload, store: LocalStore, *, finite: bool
) -> Draft:
    """The draft for a payload, whose value is by definition what decoding gives.

    Args:
        entry: The parameter.
        start: The stored value that the payload applies to; `None` for none.
        update: The payload's update.
        payload: The payload.
        store: Has temporary files.
        finite: Whether to refuse infinities and NaNs that `start` doesn't have.
    """
    data, nbytes = b"".join(map(bytes, payload)), entry.spec.nbytes
    bases = [_base(start, store)] if start else []
    inputs = (start.source,) if start else ()
    pieces = update.decode(memoryview(data), [base.read for base in bases], nbytes)
    value = _in_memory(pieces, entry.spec, store)
    key = digest(value)
    if start and key == start.digest:
        return Draft(replace(entry, digest=key, source=start.source))
    if finite and bases:
        _check_finite(value, entry, bases[0])
    after = replace(entry, digest=key)
    is_too_deep = start is not None and start.source.depth >= MAX_CHAIN_DEPTH
    if is_too_deep or not is_affordable(update.name, data, inputs, nbytes, store):
        whole = dense_choice(value, entry.spec)
        return Draft(after, whole.update, b"".join(map(bytes, whole.payload())))
    return Draft(after, update.name, data, inputs)


def _cheapest(entry: Entry, given_as: Update, value: memoryview, store: LocalStore) -> Draft:
    """The draft for a known value.

    Args:
        entry: The parameter as it is.
        given_as: The update that the value was given as; taken if `git add` could choose it, too, and it's
            suitable. Otherwise the value is stored in the cheapest way.
        value: Logical bytes of the new value.
        store: Has the parameter's objects.
    """
    after = replace(entry, digest=digest(value))
    if after.digest == entry.digest:
        return Draft(entry)
    spec = entry.spec
    sources = usable_bases(entry.source, spec.nbytes, DEFAULT_DEPTH, store.size)
    candidates = [candidate_from(store, entry, source, at_limit) for source, at_limit in sources]
    options = choices(value, spec, candidates, updates.AUTO)
    if isinstance(given_as, Automatic):
        encode = partial(given_as.encode, value, spec)
        first = [
            EncodingChoice(given_as.name, partial(encode, candidate.base), (candidate.source,))
            for candidate in candidates[:1]
        ]
        options = chain(first, options)
    for choice in options:
        try:
            data = b"".join(map(bytes, choice.payload()))
        except UnsuitableError:
            continue
        inputs = tuple(part for part in choice.inputs if isinstance(part, Source))
        if inputs and not is_affordable(choice.update, data, inputs, spec.nbytes, store):
            continue
        return Draft(after, choice.update, data, inputs)
    raise AssertionError("dense is always possible")


def _check_finite(value: memoryview, entry: Entry, base: Base) -> None:
    """Refuse a result that has more infinities and NaNs than the base.

    Raises:
        UsageError: The result has more.
    """
    found = _count_non_finite((value,), entry.spec)
    if found and found > _count_non_finite(base.chunks(CHUNK), entry.spec):
        raise UsageError(
            f"the update makes elements of parameter {entry.name!r} infinite in dtype {entry.spec.dtype}"
        )


def _count_non_finite(pieces: Iterable[memoryview], spec: TensorSpec) -> int:
    """Number of elements that are NaN or infinite; 0 for dtypes that updates don't compute in."""
    import numpy as np

    if spec.dtype not in ARITHMETIC:
        return 0
    parts = (piece[start : start + CHUNK] for piece in pieces for start in range(0, len(piece), CHUNK))
    words = (np.frombuffer(part, f"<u{spec.word_size}") for part in parts)
    return sum(int((~np.isfinite(widen(part, spec.dtype))).sum()) for part in words)
