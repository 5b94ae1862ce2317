"""A store for previews: it reads from the repository's store, and what is written is gone afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from git_theta.errors import ThetaError
from git_theta.store.local import LocalStore


class PreviewStore(LocalStore):
    """A store on top of another one, which is only read.

    Args:
        root: The folder of this store.
        below: The other store.
    """

    def __init__(self, root: Path, below: LocalStore) -> None:
        super().__init__(root)
        self.below = below

    def has(self, oid: str) -> bool:
        """Whether either store has the object."""
        return self.path(oid).exists() or self.below.has(oid)

    def size(self, oid: str) -> int | None:
        """The object's size in either store."""
        own = super().size(oid)
        return self.below.size(oid) if own is None else own

    def get(self, oid: str) -> memoryview:
        """The object from either store; see `LocalStore.get`."""
        return super().get(oid) if self.path(oid).exists() else self.below.get(oid)

    def part(self, oid: str, offset: int, length: int) -> memoryview:
        """A range of the object from either store; see `LocalStore.part`."""
        if self.path(oid).exists():
            return super().part(oid, offset, length)
        return self.below.part(oid, offset, length)


@contextmanager
def preview_store(store: LocalStore) -> Iterator[PreviewStore]:
    """A store on top of a repository's, removed when the context ends.

    Raises:
        ThetaError: The repository's store can't be written to.
    """
    try:
        store.tmp.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(dir=store.tmp, prefix="preview-")
    except OSError as error:
        raise ThetaError(f"can't write to the store {store.root}: {error.strerror}") from error
    with folder:
        yield PreviewStore(Path(folder.name), store)
