"""The manifest: the text that Git stores in place of a checkpoint, in its one canonical form.

`docs/format.md` is the specification, and `manifest_text` the way back from a text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from git_theta.model.name_escapes import escape
from git_theta.model.tensor import TensorSpec

MANIFEST_MAGIC = "git-theta manifest "
MANIFEST_VERSION = 1


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """A payload: a whole object, or a range of one.

    Attributes:
        oid: SHA-256 of the object's bytes, 64 hexadecimal digits.
        offset: First byte of the payload in the object.
        length: Bytes of the payload; `None` for a whole object.
        size: Bytes of the whole object, which LFS servers ask for; `None` if unknown. Sizes follow from
            names, so they play no part in equality.
    """

    oid: str
    offset: int = 0
    length: int | None = None
    size: int | None = field(default=None, compare=False)

    def __str__(self) -> str:
        part = "" if self.length is None else f":{self.offset}+{self.length}"
        return f"{self.oid}{part}" + ("" if self.size is None else f"/{self.size}")


@dataclass(frozen=True, slots=True)
class Source:
    """The way to obtain a value: an update of a payload and of the values of other sources.

    Attributes:
        update: Name of the update.
        payload: The payload; `None` for an update without one.
        inputs: Sources of the other values.
        place: Position of the value, in bytes, in what its payload decodes to, if that's a bundle of many
            small values; `None` for a payload of this value alone.
    """

    update: str
    payload: ObjectRef | None
    inputs: tuple[Source, ...] = ()
    place: int | None = None

    def __str__(self) -> str:
        payload = str(self.payload) if self.payload else "-"
        place = "" if self.place is None else f"@{self.place}"
        return f"{self.update}({','.join((payload + place, *map(str, self.inputs)))})"

    @property
    def depth(self) -> int:
        """Number of updates in the longest chain of the tree, this one included."""
        return 1 + max([source.depth for source in self.inputs]) if self.inputs else 1

    @property
    def without_places(self) -> Hashable:
        """The source but for places: equal for values that are in the same bundles, wherever in these."""
        inputs = tuple([source.without_places for source in self.inputs])
        return self.update, self.payload, self.place is None, inputs

    def sources(self) -> Iterator[Source]:
        """Every source of the tree, this one first."""
        yield self
        for source in self.inputs:
            yield from source.sources()

    def payloads(self) -> Iterator[ObjectRef]:
        """Every payload in the tree, that of this source first."""
        if self.payload:
            yield self.payload
        for source in self.inputs:
            yield from source.payloads()


@dataclass(frozen=True, slots=True)
class Entry:
    """One parameter.

    Attributes:
        name: Keys joined by `/`; any text but the empty one.
        spec: Dtype and shape.
        digest: BLAKE3-256 of the logical bytes, 64 hexadecimal digits.
        source: The way to obtain these bytes.
        extra: Unknown keys and their values, kept as they are, sorted.
    """

    name: str
    spec: TensorSpec
    digest: str
    source: Source
    extra: tuple[tuple[str, str], ...] = ()

    def value_text(self) -> str:
        """The entry's line without the name."""
        shape = ",".join(map(str, self.spec.shape))
        text = f"{self.spec.dtype} [{shape}] {self.digest} {self.source}"
        return text + "".join(f" {key}={value}" for key, value in self.extra)


@dataclass(frozen=True)
class Manifest:
    """The text that stands for a checkpoint in Git.

    Attributes:
        format: Name of the format that split the file.
        size: Size of the file in bytes.
        layout: The layout as an entry of dtype `U8`; its name is `layout`.
        entries: The parameters, sorted by name.
        extra: Other header keys and their values, kept as they are, sorted.
    """

    format: str
    size: int
    layout: Entry
    entries: tuple[Entry, ...]
    extra: tuple[tuple[str, str], ...] = ()

    @cached_property
    def by_name(self) -> dict[str, Entry]:
        """The parameters by name."""
        return {entry.name: entry for entry in self.entries}

    @cached_property
    def shape_counts(self) -> Counter[tuple[int, ...]]:
        """The number of parameters of each shape."""
        return Counter(entry.spec.shape for entry in self.entries)

    def all_entries(self) -> Iterator[Entry]:
        """The layout, then the parameters."""
        yield self.layout
        yield from self.entries

    def oids(self) -> set[str]:
        """Names of the objects that are needed to rebuild the file."""
        return set(self.objects())

    def objects(self) -> dict[str, int | None]:
        """Bytes of each object that is needed to rebuild the file, by name; `None` for an unknown size."""
        found: dict[str, int | None] = {}
        for entry in self.all_entries():
            for ref in entry.source.payloads():
                found[ref.oid] = ref.size or found.get(ref.oid)
        return found

    def source_texts(self) -> Iterator[tuple[str, str]]:
        """The digest of each value, that of the layout first, and the text of its source."""
        header, _, body = self.to_text().partition("\n\n")
        # Key and name are followed by dtype, shape, digest and source.
        for line in (header.split("\n", 4)[3], *body.split("\n")[:-1]):
            words = line.split(" ", 5)
            yield words[3], words[4]

    def to_text(self) -> str:
        """The canonical text: UTF-8, LF, one line per parameter, sorted by name."""
        return self._text

    @cached_property
    def _text(self) -> str:
        # An add needs it three times: for its limits, for the cache, and for Git.
        lines = [
            f"{MANIFEST_MAGIC}{MANIFEST_VERSION}",
            f"format {self.format}",
            f"size {self.size}",
            f"layout {self.layout.value_text()}",
            *(f"{key} {value}" for key, value in self.extra),
            "",
            *(f"{escape(entry.name)} {entry.value_text()}" for entry in self.entries),
        ]
        return "\n".join(lines) + "\n"

    def to_bytes(self) -> bytes:
        """The blob that Git stores."""
        return self.to_text().encode()
