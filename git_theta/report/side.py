"""One side of a comparison: a version of a file, and a reader of its values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from git_theta.errors import UsageError
from git_theta.model.manifest import Entry, Manifest
from git_theta.sharding.joined import ModelVersion
from git_theta.sharding.parts import ModelParts


class ValueReader(Protocol):
    """Reads the values of a version. May be used from several threads at once."""

    def value(self, entry: Entry) -> Iterator[memoryview]:
        """The logical bytes of a parameter, in pieces; each is valid until the next is asked for.

        Raises:
            MissingObjectError: An object isn't in the store.
            CorruptError: A stored value is damaged; known only after the last piece.
        """
        ...

    def skeleton(self) -> memoryview:
        """The file; bytes of its parameters may be zeros.

        Raises:
            ThetaError: As for `value`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Side:
    """A version of a file, or of a model of several files.

    Attributes:
        path: Path of the file, from the top of the work tree; of a model, the one that it would have as one
            file.
        manifest: The manifest; `None` if there's no checkpoint.
        reader: Reads the values; `None` if there's no checkpoint.
        mode: File mode as Git writes it, such as `100644`; empty if there's no file, or if it isn't known.
        stored: Whether the values are in a store, so that their stored sizes are known.
        problem: Why a file that's there isn't a checkpoint; else empty.
        model: The model, if it may have several files; its manifest is `manifest`.
        members: The version of each of these files.
    """

    path: str
    manifest: Manifest | None = None
    reader: ValueReader | None = None
    mode: str = ""
    stored: bool = False
    problem: str = ""
    model: ModelVersion | None = None
    members: tuple[Side, ...] = ()

    @property
    def absent(self) -> bool:
        """Whether there's no file at all."""
        return self.manifest is None and not self.problem


def model_side(parts: ModelParts, members: Sequence[Side]) -> Side:
    """The version of a model that has several files, given the version of each.

    The version has a problem if one of the files has, or if they aren't shards of one model.
    """
    problem = parts.problem or next(
        (f"{each.path}: {each.problem}" for each in members if each.problem or each.manifest is None), ""
    )
    if problem:
        return Side(parts.name, problem=f"not whole ({problem})")
    model = ModelVersion(parts, tuple(each.manifest for each in members if each.manifest))
    try:
        manifest = model.manifest
    except UsageError as error:
        return Side(parts.name, problem=f"no model ({error.message})")
    stored = all(each.stored for each in members)
    reader = JoinedReader(model, tuple(members))
    return Side(parts.name, manifest, reader, stored=stored, model=model, members=tuple(members))


@dataclass(frozen=True, slots=True)
class JoinedReader:
    """Reads the values of a model from the versions of its files, as a `ValueReader`.

    Attributes:
        model: The model.
        members: The version of each of its files.
    """

    model: ModelVersion
    members: tuple[Side, ...]

    def value(self, entry: Entry) -> Iterator[memoryview]:
        """See `ValueReader.value`."""
        return self.reader_of(entry).value(replace(entry, name=self.model.homes[entry.name].own_name))

    def reader_of(self, entry: Entry) -> ValueReader:
        """The reader of the file that has a parameter."""
        file = self.model.homes[entry.name].file
        reader = self.members[self.model.parts.files.index(file)].reader
        assert reader is not None  # noqa: S101
        return reader

    def skeleton(self) -> memoryview:
        """Nothing: what is around the parameters is that of each file."""
        return memoryview(b"")
