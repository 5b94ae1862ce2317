"""Choose: the cheapest way to store a changed value, given what it may come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

from git_theta import updates
from git_theta.codecs.frames import CHUNK
from git_theta.encoding.decode import decode_source, read_value
from git_theta.errors import CorruptError, MissingObjectError, UsageError
from git_theta.model.manifest import Entry, Source
from git_theta.model.tensor import TensorSpec
from git_theta.store.base import Store
from git_theta.updates.base import Automatic, Input, Payload, Pieces, Sample
from git_theta.updates.chunks import chunks
from git_theta.updates.dense import Dense
from git_theta.updates.rows import Rows, align

#: The updates that `auto` stands for.
AUTOMATIC = ("delta", "sparse", "low-rank", "rows")

#: An update is only taken if it's expected to need at most this share of the dense value: less isn't
#: worth what decoding a chain costs.
_WORTH = 0.95

#: What an update on a deep base is expected to cost counts so many times.
_DEEP = 2.0


def parse_update_names(text: str) -> tuple[str, ...]:
    """The updates that a setting allows: `auto`, `dense`, or names with commas between.

    Raises:
        UsageError: A name isn't known, or isn't of an update that is found by itself.
    """
    found: list[str] = []
    for name in filter(None, (word.strip() for word in text.split(","))):
        if name == "auto":
            found += AUTOMATIC
        elif name == Rows.name or hasattr(updates.registry().get(name), "estimate"):
            found.append(name)
        else:
            raise UsageError(f"git add never chooses {name!r}", "see: git theta add --help")
    return tuple(dict.fromkeys(name for name in found if name != Dense.name))


@dataclass(frozen=True, slots=True)
class Choice:
    """A way to store a value.

    Attributes:
        update: Its name.
        payload: Encodes the value; may raise `UnsuitableError`.
        inputs: What the update applies to: sources, or choices that must be stored first.
    """

    update: str
    payload: Callable[[], Payload]
    inputs: tuple[Source | Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class Base:
    """A value that another may be an update of.

    Attributes:
        spec: Its dtype and shape.
        source: How it's obtained.
        pieces: Gives its bytes, checked.
        deep: Whether it's at the end of a chain that should only become longer if that saves much.
    """

    spec: TensorSpec
    source: Source
    pieces: Callable[[], Pieces]
    deep: bool = False


def base_from(entry: Entry, source: Source, store: Store, deep: bool = False) -> Base:
    """The base that an entry is, or the beginning of its chain if `source` is that.

    Reading it fails with a CorruptError rather than give bytes that nobody could check: an update of
    damaged bytes would be lost once they're repaired.
    """
    if source == entry.source:
        return Base(entry.spec, source, partial(read_value, entry, store), deep)
    return Base(entry.spec, source, partial(_verified, source, entry.spec.nbytes, store), deep)


def dense_choice(value: memoryview, spec: TensorSpec) -> Choice:
    """The way that always works."""
    return Choice(Dense.name, partial(Dense().encode, value, spec))


def repeated_choice(value: memoryview, spec: TensorSpec, lost: Source, store: Store) -> Choice | None:
    """The choice that a source came from, if its update can be made again from the value alone."""
    if lost.update not in AUTOMATIC or lost.update == Rows.name or len(lost.inputs) != 1:
        return None
    below = lost.inputs[0]
    base = _input(partial(_verified, below, spec.nbytes, store))
    return Choice(lost.update, partial(_automatic(lost.update).encode, value, spec, base), (below,))


def choices(
    value: memoryview, spec: TensorSpec, bases: Sequence[Base], names: Sequence[str]
) -> Iterator[Choice]:
    """Ways to store a value, the most promising first; the last is dense.

    Args:
        value: Logical bytes.
        spec: Dtype and shape.
        bases: What it may be an update of.
        names: Of the updates that may be chosen.
    """
    found: list[tuple[float, Choice]] = []
    for base in bases:
        try:
            if base.spec == spec:
                on_base = _on(value, spec, base.pieces, base.source, names)
            elif "rows" in names:
                on_base = _on_rows(value, spec, base, names)
            else:
                continue
            found += [(estimate * (_DEEP if base.deep else 1), choice) for estimate, choice in on_base]
        except (CorruptError, MissingObjectError):
            continue
    yield from (choice for _, choice in sorted(found, key=lambda pair: pair[0]))
    yield dense_choice(value, spec)


def relative_delta_cost(value: memoryview, spec: TensorSpec, base: Base) -> float:
    """The expected cost of a value as a delta of a base, as a share of its dense cost; at most 1."""
    try:
        found = sample(value, spec, base.pieces())
    except (CorruptError, MissingObjectError):
        return 1.0
    if found is None:
        return 0.0
    estimate = _automatic("delta").estimate(found)
    return min(1.0, (1.0 if estimate is None else estimate) / Dense().share(found))


def sample(value: memoryview, spec: TensorSpec, base: Pieces) -> Sample | None:
    """The first chunk that differs; `None` if none does."""
    import numpy as np

    word = f"<u{spec.word_size}"
    at = 0
    for chunk in chunks(base, CHUNK, len(value)):
        before = np.frombuffer(chunk, word)
        after = np.frombuffer(value[at : at + len(chunk)], word)
        if not np.array_equal(before, after):
            whole = len(chunk) == len(value)
            return Sample(spec, after, before.copy(), at // spec.word_size, whole)
        at += len(chunk)
    return None


def _on(
    value: memoryview,
    spec: TensorSpec,
    base: Callable[[], Pieces],
    under: Source | Choice,
    names: Sequence[str],
) -> list[tuple[float, Choice]]:
    """Estimates and choices on a base of the same type."""
    piece = sample(value, spec, base())
    if piece is None:
        return []
    limit = _WORTH * Dense().share(piece)
    found = []
    for name in names:
        if name in ("dense", "rows"):
            continue
        update = _automatic(name)
        estimate = update.estimate(piece)
        if estimate is not None and estimate < limit:
            encode = partial(update.encode, value, spec, _input(base))
            found.append((estimate, Choice(name, encode, (under,))))
    return found


def _on_rows(
    value: memoryview, spec: TensorSpec, base: Base, names: Sequence[str]
) -> list[tuple[float, Choice]]:
    """Choices on a base with another number of rows."""
    runs = align(value, spec, base.pieces(), base.spec)
    if 2 * sum(count for _, _, count in runs) < spec.shape[0]:
        return []
    rows = Rows()
    payload = b"".join(map(bytes, rows.encode(value, spec, base.spec.nbytes, runs)))
    aligned = Choice(Rows.name, lambda: iter([payload]), (base.source,))

    def pieces() -> Pieces:
        return rows.decode(memoryview(payload), [_input(base.pieces)], spec.nbytes)

    if sample(value, spec, pieces()) is None:
        return [(len(payload) / spec.nbytes, aligned)]
    cost = len(payload) / spec.nbytes
    return [(cost + estimate, choice) for estimate, choice in _on(value, spec, pieces, aligned, names)]


def _automatic(name: str) -> Automatic:
    return cast("Automatic", updates.registry().get(name))


def _input(pieces: Callable[[], Pieces]) -> Input:
    return lambda _nbytes: pieces()


def _verified(source: Source, nbytes: int, store: Store) -> Pieces:
    for ref in source.payloads():
        store.verify(ref.oid)
    return decode_source(source, nbytes, store)
