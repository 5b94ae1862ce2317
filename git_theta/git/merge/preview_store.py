"""A store for previews: it reads from the repository's store, and what is written is gone afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from git_theta.git.repository.repository import Repository
from git_theta.runtime.early_end import temporary_folder
from git_theta.runtime.shared_folders import make_folders
from git_theta.store.base import store_errors
from git_theta.store.local import LocalStore


class PreviewStore(LocalStore):
    """A store on top of another one, which is only read.

    Args:
        root: The folder of this store.
        below: The other store.
    """

    def __init__(self, root: Path, below: LocalStore) -> None:
        super().__init__(root, alternatives=below.alternatives)
        self.below = below

    @property
    def kept_open(self) -> LocalStore:
        """The store itself: without the other store, it would lack most objects."""
        return self

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
    with ExitStack() as stack:
        with store_errors(store.root):
            make_folders(store.tmp)
            folder = stack.enter_context(temporary_folder(store.tmp, "preview-"))
        yield PreviewStore(Path(folder), store)


@dataclass(frozen=True)
class PreviewRepository(Repository):
    """A repository whose new objects are previews.

    Attributes:
        previews: The store of previews.
    """

    previews: PreviewStore

    @cached_property
    def store(self) -> LocalStore:
        """The store of previews, which reads the repository's objects, too."""
        return self.previews
