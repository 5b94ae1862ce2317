"""Many values at once: those in bundles are decoded together, thousands in the time of a few."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from git_theta import updates
from git_theta.encoding.budget import is_bundled
from git_theta.encoding.decode import bundling_of, open_bundle, read_value
from git_theta.errors import ThetaError
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry, ObjectRef, Source
from git_theta.runtime.slabs import slabs
from git_theta.store.base import Store
from git_theta.updates.base import Pieces

#: Bytes of values that are decoded at once.
_SLAB = 1 << 20


def read_values(entries: Iterable[Entry], store: Store) -> Iterator[Pieces]:
    """The logical bytes of each entry's value, in order; each to be read before the next is asked for.

    Errors are those of `read_value`, when a value's pieces are asked for.
    """
    for slab in slabs(entries, lambda entry: entry.spec.nbytes, _SLAB):
        together = decode_bundled([(entry.source, entry.spec.nbytes) for entry in slab], store)
        for entry, value in zip(slab, together, strict=True):
            if value is not None and digest(value) == entry.digest:
                yield iter((value,))
            else:
                # By itself, a value has alternative sources, and errors name it.
                yield read_value(entry, store)


def decode_bundled(values: Sequence[tuple[Source, int]], store: Store) -> list[memoryview | None]:
    """The bytes of each value that's in a bundle, not checked against digests; `None` for others.

    There are none if one of them can't be decoded.

    Args:
        values: Source and size in bytes of each value.
        store: Where the objects are.
    """
    found: list[memoryview | None] = [None] * len(values)
    bundled = [index for index, (source, nbytes) in enumerate(values) if is_bundled(source, nbytes, store)]
    with suppress(ThetaError):
        for index, value in zip(bundled, _decoded([values[index] for index in bundled], store), strict=True):
            found[index] = value
    return found


def _decoded(values: Sequence[tuple[Source, int]], store: Store) -> list[memoryview]:
    """The bytes of values in bundles, with all that they're made from."""
    alike: dict[tuple[str, ObjectRef | None, int], list[int]] = defaultdict(list)
    for index, (source, nbytes) in enumerate(values):
        alike[source.update, source.payload, nbytes].append(index)
    found = [memoryview(b"")] * len(values)
    registry = updates.registry()
    for (name, ref, nbytes), indices in alike.items():
        assert ref  # noqa: S101
        update, sources = registry.get(name), [values[index][0] for index in indices]
        with registry.guard(name):
            for source in sources:
                bundling = bundling_of(source, update)
        bases = _decoded([(base, nbytes) for source in sources for base in source.inputs], store)
        with registry.guard(name):
            places = [source.place or 0 for source in sources]
            decoded = bundling.decode_bundled(open_bundle(bundling, ref, store), places, bases, nbytes)
        for index, value in zip(indices, decoded, strict=True):
            found[index] = value
    return found
