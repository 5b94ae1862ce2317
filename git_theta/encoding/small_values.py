"""Small values: thousands of them, looked up and encoded together, and stored in bundles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from git_theta.encoding.bundles import (
    EncodedBundle,
    SmallBase,
    UnbundledValue,
    dense_bundle,
    encode_bundles,
    steps_bundle,
    was_trained,
)
from git_theta.encoding.small_bases import base_of_source, small_bases
from git_theta.encoding.stored_value import SmallPayload, StoredValue, UnpackedSource, value_changed
from git_theta.encoding.value_writer import ValueWriter
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry, ObjectRef, Source
from git_theta.model.tensor import TensorSpec
from git_theta.runtime.slabs import slabs
from git_theta.updates import AUTO
from git_theta.updates.delta import Delta
from git_theta.updates.dense import Dense
from git_theta.updates.rank_estimate import may_have_low_rank
from git_theta.updates.steps import Steps

#: Values of at most this many bytes are small: the header of a payload of their own, and the time to choose
#: among all updates, are worth noticing.
SMALL_VALUE = 4 << 10

#: Values of less than this many bytes are small, too, if they were only trained further: then there's nothing
#: to choose. Values that are compared with others of their own file are larger.
_TRAINED_VALUE = 16 << 10

#: The size, in bytes, up to which a value is dense. The manifest names its base in more bytes than are saved.
_ALWAYS_DENSE = 64

#: Bytes of values that are encoded at once.
_SLAB = 4 << 20


@dataclass(frozen=True, slots=True)
class SmallValue:
    """A value that is stored with other small ones.

    Attributes:
        name: The parameter's name.
        spec: Dtype and shape.
        read: Gives the logical bytes: C-contiguous, little-endian.
        bases: Parameters that the value may be an update of.
        relatives: Parameters that it may be made of, arranged otherwise.
        store_alone: Stores the value by itself, given its digest; `None` for the writer to do so.
    """

    name: str
    spec: TensorSpec
    read: Callable[[], memoryview]
    bases: Sequence[Entry] = ()
    relatives: Sequence[Entry] = ()
    store_alone: Callable[[str], StoredValue] | None = None


def are_bundled(updates: Sequence[str]) -> bool:
    """Whether small values are stored in bundles: others than the usual updates are tried for each value."""
    return set(updates) <= set(AUTO)


def may_be_small(spec: TensorSpec, bases: Iterable[Entry]) -> bool:
    """Whether a value may be stored with other small ones.

    Args:
        spec: Dtype and shape.
        bases: Parameters that the value may be an update of.
    """
    if spec.nbytes <= SMALL_VALUE:
        return True
    if spec.nbytes >= _TRAINED_VALUE or may_have_low_rank(spec):
        return False
    return any(entry.spec == spec for entry in bases)


def write_small(writer: ValueWriter, values: Sequence[SmallValue]) -> Iterator[StoredValue]:
    """Store small values, unless the store has them; in the given order.

    Args:
        writer: Knows the stored values, and stores those that don't go into a bundle.
        values: The values, best sorted by size.

    Raises:
        ThetaError: The store can't be written.
        ValueChangedError: The bytes of a value changed meanwhile.
    """
    keys = [digest(value.read()) for value in values]
    found: dict[str, Source | UnpackedSource] = {**writer.all_stored(keys)}
    new = {key: value for key, value in zip(keys, values, strict=True) if key not in found}
    found.update(_written(writer, new))
    for key, value in zip(keys, values, strict=True):
        yield StoredValue(value.name, value.spec, key, found[key])


def _written(
    writer: ValueWriter, new: Mapping[str, SmallValue]
) -> Iterator[tuple[str, Source | UnpackedSource]]:
    """The sources of values that the store lacks, by digest."""
    restored = dict(_restored(writer, new))
    yield from restored.items()
    together: dict[str, list[str]] = defaultdict(list)
    for key, value in new.items():
        if key not in restored:
            together[value.spec.as_bytes.dtype if _is_bundled(writer, key, value) else key].append(key)
    for keys in together.values():
        if len(keys) == 1:
            (key,) = keys
            yield key, _alone(writer, key, new[key])
            continue
        for slab in slabs(keys, lambda key: new[key].spec.nbytes, _SLAB):
            usual: list[UnbundledValue] = []
            for one in _with_bases(writer, [(key, new[key]) for key in slab]):
                if one.spec.nbytes <= SMALL_VALUE or was_trained(one):
                    usual.append(one)
                else:
                    yield one.key, _alone(writer, one.key, new[one.key])
            for bundle in encode_bundles(usual) if usual else ():
                yield from _sources(writer, bundle)


def _is_bundled(writer: ValueWriter, key: str, value: SmallValue) -> bool:
    """Whether a new value goes into a bundle.

    Others are lost values that had payloads of their own, and those that may come from values of other types.
    """
    lost = writer.sources.get(key)
    if lost and lost.place is None:
        return False
    if any(entry.spec == value.spec for entry in value.bases):
        return True
    return not (value.bases or value.relatives)


def _alone(writer: ValueWriter, key: str, value: SmallValue) -> Source | UnpackedSource:
    if value.store_alone:
        return value.store_alone(key).source
    data = value.read()
    stored = writer.write(value.name, value.spec, data, value.bases, value.relatives)
    stored.check_unchanged(data)
    if stored.digest != key:
        raise value_changed(value.name)
    return stored.source


def _sources(
    writer: ValueWriter, bundle: EncodedBundle, lost: ObjectRef | None = None
) -> Iterator[tuple[str, UnpackedSource]]:
    """The sources of the values of a bundle, which is put into the buffer for packs."""
    payload = SmallPayload(writer.batch.buffer.put(bundle.payload), lost)
    place = 0
    for value, inputs in zip(bundle.values, bundle.inputs, strict=True):
        yield value.key, UnpackedSource(bundle.update, payload, inputs, place)
        place += value.spec.nbytes


def _new_value(key: str, value: SmallValue, bases: tuple[SmallBase, ...] = ()) -> UnbundledValue:
    data = bytes(value.read())
    if digest(data) != key:
        raise value_changed(value.name)
    return UnbundledValue(key, value.spec.as_bytes, data, bases)


def _with_bases(writer: ValueWriter, values: Sequence[tuple[str, SmallValue]]) -> list[UnbundledValue]:
    """The bytes of values, each with its digest, and of those that they may be steps from."""
    bases = small_bases(writer, [_comparable(writer, value) for _, value in values])
    return [_new_value(key, value, own) for (key, value), own in zip(values, bases, strict=True)]


def _comparable(writer: ValueWriter, value: SmallValue) -> list[Entry]:
    """The parameters whose values a new one may be steps from."""
    if value.spec.nbytes <= _ALWAYS_DENSE or Delta.name not in writer.updates:
        return []
    return [entry for entry in value.bases if entry.spec == value.spec]


def _restored(writer: ValueWriter, new: Mapping[str, SmallValue]) -> Iterator[tuple[str, UnpackedSource]]:
    """The sources of values whose bundle is lost and can be made again: all of its values are at hand."""
    lost: dict[tuple[str, ObjectRef], list[tuple[int, str]]] = defaultdict(list)
    for key in new:
        source = writer.sources.get(key)
        if source and source.payload and source.place is not None:
            lost[source.update, source.payload].append((source.place, key))
    for (update, ref), places in lost.items():
        keys = [key for _, key in sorted(places)]
        ends = accumulate((new[key].spec.nbytes for key in keys), initial=0)
        if all(place == end for (place, _), end in zip(sorted(places), ends, strict=False)):
            bundle = _again(writer, update, [(key, new[key]) for key in keys])
            if bundle:
                yield from _sources(writer, bundle, ref)


def _again(
    writer: ValueWriter, update: str, values: Sequence[tuple[str, SmallValue]]
) -> EncodedBundle | None:
    """A lost bundle; `None` if it's of another update, or a base is lost, too."""
    if update == Dense.name:
        return dense_bundle([_new_value(key, value) for key, value in values])
    if update != Steps.name:
        return None
    based = []
    for key, value in values:
        (source,) = writer.sources[key].inputs
        base = base_of_source(writer, source, value.spec) if writer.has(source) else None
        if base is None:
            return None
        based.append(_new_value(key, value, (base,)))
    return steps_bundle(based)
