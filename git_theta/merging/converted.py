"""Values of versions in another dtype or with other rows, which a merge works with but doesn't store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from blake3 import blake3

from git_theta.merging.dtypes import convert
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Pieces

#: Reads the value of a version's parameter.
ReadEntry = Callable[[Entry], Pieces]


@dataclass(frozen=True, slots=True)
class ConvertedValue:
    """A value that's made of values of versions.

    Attributes:
        spec: Dtype and shape.
        digest: Digest of its bytes.
        origins: The values that it's made of, the nearest one first.
        read: Gives its bytes from the beginning, each time.
    """

    spec: TensorSpec
    digest: str
    origins: tuple[Entry, ...]
    read: Callable[[], Pieces]


@dataclass(frozen=True, slots=True)
class ConvertedValues:
    """The values that versions have in a merge and not in their files.

    Attributes:
        by_digest: Digest → value.
    """

    by_digest: Mapping[str, ConvertedValue] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.by_digest)

    def has(self, entry: Entry) -> bool:
        """Whether an entry's value is one of these."""
        return entry.digest in self.by_digest

    def origins(self, entries: Iterable[Entry]) -> list[Entry]:
        """The values of versions that some values are, or are made of."""
        if not self.by_digest:
            return list(entries)
        found: list[Entry] = []
        for entry in entries:
            found += self.by_digest[entry.digest].origins if self.has(entry) else (entry,)
        return found

    def reader(self, entry: Entry, read: ReadEntry) -> Callable[[], Pieces]:
        """Gives the bytes of an entry's value: one of these, or as `read` does."""
        return self.by_digest[entry.digest].read if self.has(entry) else partial(read, entry)


def of_version(entry: Entry, read: ReadEntry) -> ConvertedValue:
    """The value of a version as it is."""
    return ConvertedValue(entry.spec, entry.digest, (entry,), partial(read, entry))


def made_of(spec: TensorSpec, origins: Sequence[Entry], read: Callable[[], Pieces]) -> ConvertedValue:
    """A value that's made of others; it's read once, for its digest."""
    hasher = blake3()
    for piece in read():
        hasher.update(piece)
    return ConvertedValue(spec, hasher.hexdigest(), tuple(origins), read)


def cast(value: ConvertedValue, dtype: str) -> ConvertedValue:
    """A value in another float dtype, rounded to nearest; the value itself if it has that dtype."""
    if value.spec.dtype == dtype:
        return value

    def read() -> Pieces:
        return convert(lambda _nbytes: value.read(), value.spec, dtype)

    return made_of(TensorSpec(dtype, value.spec.shape), value.origins, read)


def entry_of(name: str, value: ConvertedValue) -> Entry:
    """The entry of a value. Its source is that of the nearest origin: `ConvertedValues` gives the value."""
    return Entry(name, value.spec, value.digest, value.origins[0].source)


def with_entries(manifest: Manifest, entries: Mapping[str, Entry]) -> Manifest:
    """A version with other entries for some parameters, by their names."""
    if not entries:
        return manifest
    return replace(manifest, entries=tuple(entries.get(entry.name, entry) for entry in manifest.entries))
