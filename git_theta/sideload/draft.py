"""Drafts: what side-loaded updates make of parameters, tried out before anything refers to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain

from git_theta import updates
from git_theta.codecs.frames import CHUNK
from git_theta.encoding.candidates import usable_bases
from git_theta.encoding.selection import AUTOMATIC, Base, Choice, base_from, choices, dense_choice
from git_theta.errors import UsageError
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry, ObjectRef, Source
from git_theta.model.strided import scratch
from git_theta.model.tensor import TensorSpec
from git_theta.runtime.threads import run_all
from git_theta.settings import DEPTH, MOST_DEPTH
from git_theta.sideload.given import Array, DenseGiven, Given, Ia3Given, LowRankGiven, SparseGiven
from git_theta.store.batch import Batch
from git_theta.store.local import LocalStore
from git_theta.store.pack_buffer import BufferedPayload
from git_theta.store.packs import PACK_BELOW, pack
from git_theta.updates.base import Input, Payload, UnsuitableError
from git_theta.updates.factors import matrix_shape
from git_theta.updates.ia3 import Ia3, broadcasts
from git_theta.updates.low_rank import LowRank
from git_theta.updates.quantized import Quantized
from git_theta.updates.rounding import ARITHMETIC, round_to, widen
from git_theta.updates.sparse import Sparse


@dataclass(frozen=True, slots=True)
class Draft:
    """A new value of a parameter.

    Attributes:
        entry: The parameter with its new digest; the source isn't valid yet if there's a payload.
        update: Name of the update.
        payload: What is to be stored; `None` if nothing is.
        inputs: What the update applies to.
    """

    entry: Entry
    update: str = ""
    payload: bytes | None = None
    inputs: tuple[Source, ...] = ()

    def stored(self, ref: ObjectRef) -> Entry:
        """The parameter, once the payload has its place."""
        return replace(self.entry, source=Source(self.update, ref, self.inputs))


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A draft whose payload will share a pack.

    Attributes:
        draft: Without the payload.
        payload: The payload.
    """

    draft: Draft
    payload: BufferedPayload


def apply(entry: Entry, given: Sequence[Given], store: LocalStore, value: memoryview | None = None) -> Draft:
    """What the given does to a parameter.

    Args:
        entry: The parameter, as it is.
        given: What is done to it, one after another; `check` has passed it.
        store: Has the parameter's objects. Of several steps, the first ones are put there.
        value: What must come out, exactly; `None` for whatever does.

    Raises:
        UsageError: A result isn't finite.
        ThetaError: The parameter can't be read.
    """
    *first, last = given
    for step in first:
        between = _apply(entry, step, store, None)
        if between.payload is not None:
            entry = between.stored(ObjectRef(store.put([between.payload]), size=len(between.payload)))
    return _apply(entry, last, store, value)


def quantize(entry: Entry, value: memoryview, step: float, store: LocalStore) -> Draft:
    """A value near another one, as whole steps from the parameter as it is.

    Raises:
        UnsuitableError: The value can't be expressed so.
        ThetaError: The parameter can't be read.
    """
    if entry.source.depth >= MOST_DEPTH:
        raise UnsuitableError
    base = _reader(entry, store)
    payload = Quantized().encode_with(value, entry.spec, base, step)
    return _tried(entry, Quantized.name, payload, base, store, finite=False)


def store_all(
    make: Callable[[str], Draft | None],
    names: Iterable[str],
    store: LocalStore,
    threads: int,
) -> dict[str, Entry]:
    """Make drafts on many threads and store them; small payloads share packs.

    Args:
        make: Gives the draft for a name, or `None` for nothing to store.
        names: The parameters.
        store: Where the objects go.
        threads: How many to make at once.
    """
    with Batch(store) as batch:

        def one(name: str) -> Entry | _Waiting | None:
            found = make(name)
            if found is None or found.payload is None:
                return found.entry if found else None
            if len(found.payload) >= PACK_BELOW:
                return found.stored(batch.put([found.payload]))
            return _Waiting(replace(found, payload=None), batch.buffer.put(found.payload))

        names = sorted(names)
        with ThreadPoolExecutor(threads) as pool:
            made = dict(zip(names, run_all(pool, one, names), strict=True))
        entries = {name: entry for name, entry in made.items() if isinstance(entry, Entry)}
        waiting = {name: item for name, item in made.items() if isinstance(item, _Waiting)}
        packed = pack((item.payload for item in waiting.values()), batch)
        entries.update((name, item.draft.stored(packed[item.payload])) for name, item in waiting.items())
    return entries


def check(step: Given, name: str, spec: TensorSpec) -> None:
    """Check that what is given fits its parameter.

    Raises:
        UsageError: A shape or dtype doesn't fit, or a number isn't finite.
    """
    computes = not isinstance(step, DenseGiven) or step.value.spec.dtype != spec.dtype
    if computes and spec.dtype not in ARITHMETIC:
        raise UsageError(f"parameter {name!r} has dtype {spec.dtype}, in which git-theta doesn't compute")
    match step:
        case LowRankGiven(left, right, _):
            rows, columns = matrix_shape(spec.shape)
            rank = left.spec.shape[-1] if left.spec.shape else 0
            _fits(left, (rows, rank), name, spec)
            _fits(right, (rank, columns), name, spec)
            left.numbers(), right.numbers()
        case Ia3Given(vector):
            if not broadcasts(vector.spec.shape, spec.shape):
                _refuse(vector, name, spec)
            vector.numbers()
        case DenseGiven(value):
            _fits(value, spec.shape, name, spec)
            if value.spec.dtype in ARITHMETIC:
                value.numbers()
            elif computes:
                raise UsageError(f"{value.name!r} in the update data has dtype {value.spec.dtype}")


def _fits(array: Array, shape: tuple[int, ...], name: str, spec: TensorSpec) -> None:
    if array.spec.shape != shape:
        _refuse(array, name, spec)


def _refuse(array: Array, name: str, spec: TensorSpec) -> None:
    raise UsageError(
        f"{array.name!r} in the update data has shape {list(array.spec.shape)}, "
        f"which doesn't fit parameter {name!r} of shape {list(spec.shape)}"
    )


def _apply(entry: Entry, step: Given, store: LocalStore, value: memoryview | None) -> Draft:
    base = _reader(entry, store)
    spec = entry.spec
    if isinstance(step, LowRankGiven) and step.left.spec.shape[1] > min(matrix_shape(spec.shape)):
        step = _multiplied(step)
    match step:
        case LowRankGiven(left, right, scale):
            payload = LowRank().encode_with(value, spec, base, left.data, right.data, left.spec.dtype, scale)
            return _tried(entry, LowRank.name, payload, base, store, finite=value is None)
        case Ia3Given(vector):
            payload = Ia3().encode_with(value, spec, base, vector.data, vector.spec)
            return _tried(entry, Ia3.name, payload, base, store, finite=value is None)
        case SparseGiven():
            added = _added(step, spec, base, store)
            _check_finite(added, entry, base)
            return _chosen(entry, added, store, sparse=True)
        case DenseGiven(new):
            return _chosen(entry, new.as_dtype(spec.dtype).data, store, sparse=False)


def _reader(entry: Entry, store: LocalStore) -> Input:
    pieces = base_from(entry, entry.source, store).pieces
    return lambda _nbytes: pieces()


def _tried(
    entry: Entry, update: str, payload: Payload, base: Input, store: LocalStore, *, finite: bool
) -> Draft:
    """The draft for a payload: the value is by definition what decoding gives."""
    data = b"".join(map(bytes, payload))
    value = scratch(entry.spec.nbytes, store.temporary_file)
    at = 0
    for piece in updates.registry().get(update).decode(memoryview(data), [base], len(value)):
        value[at : at + len(piece)] = piece
        at += len(piece)
    key = digest(value)
    if key == entry.digest:
        return Draft(entry)
    if finite:
        _check_finite(value, entry, base)
    after = replace(entry, digest=key)
    if entry.source.depth >= MOST_DEPTH:
        whole = dense_choice(value, entry.spec)
        return Draft(after, whole.update, b"".join(map(bytes, whole.payload())))
    return Draft(after, update, data, (entry.source,))


def _chosen(entry: Entry, value: memoryview, store: LocalStore, sparse: bool) -> Draft:
    """The draft for a value that is known, stored in the cheapest way."""
    after = replace(entry, digest=digest(value))
    if after.digest == entry.digest:
        return Draft(entry)
    spec = entry.spec
    sources = usable_bases(entry.source, spec.nbytes, DEPTH, store.size)
    bases = [base_from(entry, source, store, deep) for source, deep in sources]
    ways = choices(value, spec, bases, [name for name in AUTOMATIC if name != "rows"])
    if sparse:
        ways = chain((_sparse(value, spec, base) for base in bases[:1]), ways)
    for way in ways:
        try:
            data = b"".join(map(bytes, way.payload()))
        except UnsuitableError:
            continue
        inputs = tuple(part for part in way.inputs if isinstance(part, Source))
        return Draft(after, way.update, data, inputs)
    raise AssertionError("dense is always possible")


def _sparse(value: memoryview, spec: TensorSpec, base: Base) -> Choice:
    def encode() -> Payload:
        return Sparse().encode(value, spec, lambda _nbytes: base.pieces())

    return Choice(Sparse.name, encode, (base.source,))


def _added(step: SparseGiven, spec: TensorSpec, base: Input, store: LocalStore) -> memoryview:
    """The base with numbers added at some places, in float64, rounded once."""
    import numpy as np

    value = scratch(spec.nbytes, store.temporary_file)
    at = 0
    for piece in base(spec.nbytes):
        value[at : at + len(piece)] = piece
        at += len(piece)
    words = np.frombuffer(value, f"<u{spec.word_size}")
    places, which = np.unique(step.places, return_inverse=True)
    sums = np.zeros(len(places))
    np.add.at(sums, which, step.numbers)
    moved = sums != 0
    places, sums = places[moved], sums[moved]
    words[places] = round_to(widen(words[places], spec.dtype) + sums, spec.dtype)
    return value


def _multiplied(step: LowRankGiven) -> SparseGiven:
    """Factors of more than full rank, multiplied: they'd be no saving."""
    import numpy as np

    left, right = step.left.numbers(), step.right.numbers()
    total = np.zeros((len(left), right.shape[1]))
    for k in range(len(right)):
        total += left[:, k, None] * right[k]
    return SparseGiven(np.arange(total.size), total.reshape(-1) * step.scale)


def _check_finite(value: memoryview, entry: Entry, base: Input) -> None:
    """Refuse a result that has more infinities and NaNs than there were."""
    found = _odd(value, entry.spec)
    if found and found > _odd(memoryview(b"".join(map(bytes, base(len(value))))), entry.spec):
        raise UsageError(
            f"the update makes elements of parameter {entry.name!r} infinite in dtype {entry.spec.dtype}"
        )


def _odd(value: memoryview, spec: TensorSpec) -> int:
    import numpy as np

    chunks = (value[at : at + CHUNK] for at in range(0, len(value), CHUNK))
    words = (np.frombuffer(chunk, f"<u{spec.word_size}") for chunk in chunks)
    return sum(int((~np.isfinite(widen(part, spec.dtype))).sum()) for part in words)
