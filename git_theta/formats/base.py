"""The protocols of a format plugin, which recognises a file by its bytes and says where its tensors lie.

A format never copies, decodes or rebuilds anything. It answers with offsets; splitting the file
into a layout and parameters, and joining them again, is the same for every format.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from git_theta.errors import ThetaError
from git_theta.formats.neighbours import Neighbours
from git_theta.model.layout import Checksum, Layout
from git_theta.model.tensor import TensorSpec


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named tensor somewhere in a file.

    Attributes:
        name: Path of keys joined by `/`, unique within the file.
        spec: Dtype and shape of the logical value.
        offset: Position in the file of the element whose indices are all zero, in bytes.
        strides: Byte strides, one per dimension; `None` for a C-contiguous tensor.
        big_endian: The elements are stored most significant byte first.
    """

    name: str
    spec: TensorSpec
    offset: int
    strides: tuple[int, ...] | None = None
    big_endian: bool = False


@dataclass(frozen=True, slots=True)
class Located:
    """The contents of a file: tensors, and fields that are computed from other bytes of the file."""

    tensors: tuple[Tensor, ...]
    checksums: tuple[Checksum, ...] = ()


class Format(Protocol):
    """A checkpoint format. Stateless: one instance serves every file and thread."""

    name: str

    def matches(self, data: memoryview) -> bool:
        """Whether the bytes look like this format, from a few bytes only; never raises."""
        ...

    def locate(self, data: memoryview) -> Located:
        """Find every tensor.

        Args:
            data: The whole file, usually a memory map: read as little of it as possible.

        Raises:
            FormatError: The file is damaged or isn't of this format after all. The caller then
                keeps it as an opaque file, so that nothing is ever lost.
        """
        ...


@runtime_checkable
class ToldByNeighbours(Protocol):
    """A format whose files are described, at least in part, by another file in their folder."""

    def matches_beside(self, data: memoryview, neighbours: Neighbours) -> bool:
        """Whether the file, by its bytes or its name, may be one that a neighbour describes; never raises."""
        ...

    def locate_beside(self, data: memoryview, neighbours: Neighbours) -> Located:
        """Find every tensor, as a neighbour describes the file.

        Args:
            data: The whole file.
            neighbours: The files beside it. They may be of another version, or from anywhere: what they say
                must be checked.

        Raises:
            FormatError: No neighbour describes the file. The caller then takes it for a file without any.
        """
        ...


@runtime_checkable
class HasScalars(Protocol):
    """A format whose files have values that aren't tensors: metadata, an epoch, a learning rate."""

    def scalars(self, data: memoryview) -> Iterable[tuple[str, str]]:
        """Each scalar's name and its text, in any order; they're shown in diffs.

        Args:
            data: A file that `locate` accepts, except that the bytes of tensors may be anything.

        Raises:
            FormatError: The file is damaged.
        """
        ...


@runtime_checkable
class HasStoredForms(Protocol):
    """A format whose files may have other numbers than a tensor's values, and a mark that says so."""

    def stored_forms(self, data: memoryview) -> Iterable[tuple[str, str]]:
        """The name of each tensor whose numbers in the file aren't its values, and their form, a participle.

        Args:
            data: A file that `locate` accepts, except that the bytes of tensors may be anything.

        Raises:
            FormatError: The file is damaged.
        """
        ...


@runtime_checkable
class Creator(Protocol):
    """A format of which new files can be made, for tensors alone."""

    def create(self, specs: Mapping[str, TensorSpec], metadata: Mapping[str, str]) -> memoryview:
        """A new file without the values of its tensors: their bytes, and computed fields, may be anything.

        Args:
            specs: Dtype and shape of each tensor, in the order of the file.
            metadata: Texts for the file; ignored where the format has no place for them.

        Raises:
            ComposeError: The format has no place for a name, a dtype or a shape.
        """
        ...


class ComposeError(ThetaError):
    """Versions of a file can't be merged into one of the same format."""


@dataclass(frozen=True, slots=True)
class FileVersion:
    """One version of a file, without the values of its parameters.

    Attributes:
        layout: The places of parameters, and the bytes around them.
        skeleton: The file with its literals and its stretches, which are parameters whose names begin with
            `git_theta.formats.split.STRETCH`. Other bytes may be anything.
        contents: Name of a parameter → a value that's equal for parameters of equal content in all versions.
            Parameters that it lacks have contents of their own.
        parsed: Key → a value that the format's plugin has made of the version, and keeps for its next call.
    """

    layout: Layout
    skeleton: memoryview
    contents: Mapping[str, Hashable] = field(default_factory=dict)
    parsed: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class FileDraft:
    """A new file without the values of its parameters.

    Attributes:
        data: The file; bytes of tensors and computed fields may be anything.
        conflicts: Names of the scalars that two sides changed to different values, in order. The file has the
            value of the first side, as the caller had no preference.
        names: The wanted name of each tensor, in the order in which `locate` finds them in the file; `None`
            if these are the names that it gives them.
    """

    data: memoryview
    conflicts: tuple[str, ...] = ()
    names: tuple[str, ...] | None = None


#: Chooses the side whose value is taken for a name in conflict: its index, or `None` for no preference.
Prefer = Callable[[str], int | None]


@runtime_checkable
class Counts(Protocol):
    """A `Prefer` that also knows counters."""

    def count(self, name: str, base: int | None, values: Sequence[int]) -> int | None:
        """The merged number of values that differ from the base; `None` if the name isn't a counter's.

        Args:
            name: Name of the number.
            base: The number in the common ancestor; `None` if it isn't there.
            values: The numbers of the sides that differ from the base, ours first.
        """
        ...


@runtime_checkable
class Composer(Protocol):
    """A format that can merge versions of a file and write the result."""

    def compose(
        self,
        base: FileVersion | None,
        sides: Sequence[FileVersion],
        wanted: Mapping[str, TensorSpec],
        prefer: Prefer,
    ) -> FileDraft:
        """Write a new file that has the wanted tensors, and everything else merged from all sides.

        A value that only one side changed is as on that side. The caller checks the tensors of the new file.

        Args:
            base: The common ancestor of the sides, `None` if there's none.
            sides: The versions to merge, ours first; two or more.
            wanted: Every tensor of the new file, under the names of `Aligner.align` if the format has that. A
                spec is that of the tensor on one of the sides.
            prefer: See `Prefer`.

        Raises:
            ComposeError: There's no such file.
            FormatError: A version is damaged.
        """
        ...


@dataclass(frozen=True, slots=True)
class Alignment:
    """The parameters that correspond in several versions of a file: they have one name in the merge.

    Attributes:
        base: Name in the base → name in the merge; empty if there's no base. A parameter that's left out
            plays no part in the merge.
        sides: The same for each side.
        unclear: Name of a part of the file → the reason why its parameters can't be told apart. It's changed
            on several sides, and a side must be chosen for all of it.
    """

    base: Mapping[str, str]
    sides: tuple[Mapping[str, str], ...]
    unclear: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class Aligner(Protocol):
    """A format in which a parameter's name says less than its place: names may come from positions."""

    def align(self, base: FileVersion | None, sides: Sequence[FileVersion], prefer: Prefer) -> Alignment:
        """Find the parameters that correspond.

        Args:
            base: The common ancestor of the sides, `None` if there's none.
            sides: The versions to merge, ours first; two or more.
            prefer: See `Prefer`; it's asked for parts of the file that are unclear.

        Raises:
            ComposeError: The versions can't be compared.
            FormatError: A version is damaged.
        """
        ...
