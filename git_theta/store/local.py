"""The local store: objects of this repository, and of neighbours: repositories that it was cloned from."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from git_theta.errors import CorruptError, MissingObjectError, ThetaError
from git_theta.limits import DEFAULT_LIMITS, Limits
from git_theta.runtime.shared_folders import make_folders
from git_theta.store.alternative_sources import AlternativeSources
from git_theta.store.claim_lock import ClaimLock
from git_theta.store.mapped_objects import MappedObjects
from git_theta.store.object_files import renew
from git_theta.store.object_folder import ObjectFolder


class LocalStore(ObjectFolder):
    """Objects in a folder, and in those of neighbours.

    Args:
        root: The folder `theta` in Git's common directory; made when first written to.
        neighbours: The same folder of repositories on this machine that this one was cloned from. Their
            objects can be read, and are linked or copied when they are first needed, as `git clone` does with
            Git's own. Until then they may go away: `has` says what can be read now, `keeps` what stays.
        borrows: Whether they're linked or copied then; if not, as in a store that may only be read, they're
            read where they are.
        limits: See `Store.limits`.
        mapped: Keeps the objects mapped that parts are read of; `None` to open an object for each.
        alternatives: See `Store.alternatives`; `None` for none.
        claims: The lock that `claim` holds; `None` for one of its own.
    """

    def __init__(
        self,
        root: Path,
        neighbours: tuple[Path, ...] = (),
        *,
        borrows: bool = True,
        limits: Limits = DEFAULT_LIMITS,
        mapped: MappedObjects | None = None,
        alternatives: AlternativeSources | None = None,
        claims: ClaimLock | None = None,
    ) -> None:
        super().__init__(root, mapped)
        self.limits = limits
        self.claims = ClaimLock(root / "claims.lock") if claims is None else claims
        self.alternatives = AlternativeSources() if alternatives is None else alternatives
        self._neighbours = tuple(ObjectFolder(path) for path in neighbours)
        self._borrows = borrows

    @property
    def neighbours(self) -> tuple[Path, ...]:
        """The folders of the neighbours."""
        return tuple(store.root for store in self._neighbours)

    @property
    def in_place(self) -> LocalStore:
        """The same store, which reads the objects of neighbours where they are."""
        return self._like(self.neighbours, borrows=False)

    @property
    def kept_open(self) -> LocalStore:
        """The same store for one command that reads many small payloads, and changes no object."""
        return self._like(self.neighbours, borrows=self._borrows, mapped=MappedObjects())

    @property
    def alone(self) -> LocalStore:
        """The same store without its neighbours."""
        return self._like(())

    @property
    def without_alternatives(self) -> LocalStore:
        """The same store, which reads each value by its own source alone."""
        return self._like(self.neighbours, borrows=self._borrows, alternatives=AlternativeSources())

    def _like(
        self,
        neighbours: tuple[Path, ...],
        *,
        borrows: bool = True,
        mapped: MappedObjects | None = None,
        alternatives: AlternativeSources | None = None,
    ) -> LocalStore:
        return LocalStore(
            self.root,
            neighbours,
            borrows=borrows,
            limits=self.limits,
            mapped=mapped,
            alternatives=self.alternatives if alternatives is None else alternatives,
            claims=self.claims,
        )

    def has(self, oid: str) -> bool:
        """Whether the object can be read now: it's here or at a neighbour."""
        return super().has(oid) or any(store.has(oid) for store in self._neighbours)

    def keeps(self, oid: str) -> bool:
        """Whether the object is here, whatever becomes of the neighbours."""
        return super().has(oid)

    def take(self, oid: str) -> bool:
        """Link or copy an object from a neighbour that has it undamaged; returns whether one did."""
        for store in self._neighbours:
            with suppress(ThetaError, OSError):
                store.verify(oid)
                self._borrow_from(store, oid)
                return True
        return False

    def claim(self, oid: str) -> bool:
        """Whether the object is here or at a neighbour, for a new manifest that will name it.

        The object counts as just written then, so that `prune` leaves it until the manifest is in Git; and
        `claims` is held, until it's released. One at a neighbour is linked or copied, if the store can be
        written.
        """
        self.claims.share()
        if renew(self.path(oid)) is not None:
            return True
        with suppress(ThetaError, OSError):
            self._borrow(oid)
            return renew(self.path(oid)) is not None
        return self.has(oid)

    def size(self, oid: str) -> int | None:
        """Size of the object in bytes, here or at a neighbour; `None` if it isn't there."""
        own = super().size(oid)
        if own is not None:
            return own
        sizes = (store.size(oid) for store in self._neighbours)
        return next((size for size in sizes if size is not None), None)

    def _borrow(self, oid: str) -> None:
        """Link or copy an object from a neighbour.

        Raises:
            MissingObjectError: No neighbour has the object.
        """
        for store in self._neighbours:
            if store.has(oid):
                self._borrow_from(store, oid)
                return
        super()._found(oid)

    def _borrow_from(self, store: ObjectFolder, oid: str) -> None:
        """Link or copy an object from another store that has it."""
        source, target = store.path(oid), self.path(oid)
        make_folders(target.parent)
        with store.open(oid) as opened, suppress(OSError):
            os.link(source, target)
            # It may have been replaced by something else meanwhile.
            if os.path.samestat(os.fstat(opened.fileno()), target.lstat()):
                return
            target.unlink()
        if self.put([store.get(oid)]) != oid:
            raise CorruptError(f"object {oid} is damaged in {store.root}")

    def _found(self, oid: str) -> Path:
        """The path of an object that isn't here yet: after it was borrowed, or at a neighbour.

        Raises:
            MissingObjectError: No neighbour has the object.
            CorruptError: The object of a neighbour is damaged.
        """
        there = next((store.path(oid) for store in self._neighbours if store.has(oid)), None)
        if there and not (self._borrows and self.writable):
            return there
        try:
            self._borrow(oid)
        except (MissingObjectError, CorruptError):
            raise
        except (ThetaError, OSError):
            # The disk may be full, but reading takes no room.
            if there:
                return there
            raise
        return self.path(oid)
