"""Readers of values: from the store, and from a checkpoint file."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from git_theta.checkpoint_file import CheckpointFile, read_checkpoint
from git_theta.encoding.budget import Weight, check_values
from git_theta.encoding.decode import read_value
from git_theta.encoding.update_providers import require_updates_of
from git_theta.errors import ThetaError
from git_theta.formats.neighbours import Neighbours
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.strided import Temporary
from git_theta.smudge import Smudger
from git_theta.store.local import LocalStore


class StoredReader:
    """A version whose values are in the store.

    Args:
        manifest: The version.
        store: Where its objects are.
    """

    def __init__(self, manifest: Manifest, store: LocalStore) -> None:
        self._manifest = manifest
        self._store = store

    def value(self, entry: Entry) -> Iterator[memoryview]:
        """See `ValueReader.value`."""
        require_updates_of(entry, self._manifest)
        _ = self._weight
        return read_value(entry, self._store)

    @cached_property
    def _weight(self) -> Weight:
        """The weight of all values together; errors as for `check_values`."""
        return check_values(self._manifest.entries, self._store)

    def skeleton(self) -> memoryview:
        """The literals of the layout in a file that has holes for everything else."""
        return Smudger(self._store).skeleton(self._manifest)


class FileReader:
    """A version that is a file.

    Args:
        data: Its bytes, usually a memory map.
        temporary: Makes a descriptor of an unlinked temporary file.
        neighbours: The files beside it; `None` if they aren't known.
    """

    def __init__(self, data: memoryview, temporary: Temporary, neighbours: Neighbours | None = None) -> None:
        self._data = data
        self._temporary = temporary
        self._neighbours = neighbours

    @cached_property
    def _file(self) -> CheckpointFile:
        return read_checkpoint(self._data, self._temporary, neighbours=self._neighbours)

    def value(self, entry: Entry) -> Iterator[memoryview]:
        """See `ValueReader.value`."""
        tensor = self._file.tensors.get(entry.name)
        if tensor and tensor.spec == entry.spec:
            yield self._file.value(entry.name)
            return
        # Another file, which has been added or removed since, may have given the names.
        tensors = self._file.tensors.values() if self._file.told is not None else ()
        values = (self._file.value(other.name) for other in tensors if other.spec == entry.spec)
        found = next((value for value in values if digest(value) == entry.digest), None)
        if found is None:
            raise ThetaError(
                f"parameter {entry.name!r} isn't in the file any more", "try again when it's quiet"
            )
        yield found

    def skeleton(self) -> memoryview:
        """The file itself."""
        return self._data
