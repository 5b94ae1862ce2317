"""Files of models that several copies have: written once, and linked; or begun as a copy of a similar one."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import Lock

from git_theta.errors import ThetaError
from git_theta.model.digest import digest
from git_theta.model.manifest import Manifest
from git_theta.runtime.clone_file import clone_handle, copy_handle
from git_theta.smudge import Smudger

#: Permissions of a model's copy: commands that would change it fail.
_READ_ONLY = 0o444

#: The number of files that are kept though nobody is known to need them: versions that follow are similar.
_SPARES = 2

#: The share of a file's bytes that another one must have for a copy of that to be the faster beginning.
_SIMILAR = 0.5


@dataclass(frozen=True, slots=True)
class _WrittenFile:
    """A file that was written, with its size, and its mtime in ns: by these, a change is seen."""

    path: Path
    manifest: Manifest
    size: int
    mtime: int

    @property
    def is_unchanged(self) -> bool:
        """Whether no command has written to it, or to a link to it."""
        try:
            status = self.path.stat()
        except OSError:
            return False
        return (status.st_size, status.st_mtime_ns) == (self.size, self.mtime)


class SharedFiles:
    """Writes files of models. For several threads.

    Args:
        folder: An empty folder on the disk of the copies.
        smudger: Rebuilds files from manifests, whose objects are here.
    """

    def __init__(self, folder: Path, smudger: Smudger) -> None:
        self._folder = folder
        self._smudger = smudger
        self._written: dict[str, _WrittenFile] = {}
        self._needed: dict[str, int] = {}
        self._turns: dict[str, Lock] = {}
        self._numbers = count(1)
        self._lock = Lock()

    def expect(self, manifests: Iterable[Manifest]) -> None:
        """Keep the files of these manifests, once written, until each was put to as many places."""
        with self._lock:
            for manifest in manifests:
                key = _identity(manifest)
                self._needed[key] = self._needed.get(key, 0) + 1

    def put(self, manifest: Manifest, place: Path) -> None:
        """Write the file of a manifest to a place that doesn't exist yet.

        Raises:
            ThetaError: See `Smudger.smudge`.
            OSError: The file can't be written.
        """
        key = _identity(manifest)
        with self._lock:
            turn = self._turns.setdefault(key, Lock())
        with turn:
            with self._lock:
                found = self._written.get(key)
            if found is None or not found.is_unchanged:
                found = self._write(manifest)
                with self._lock:
                    # The last one that was written is the most similar to what follows.
                    self._written.pop(key, None)
                    self._written[key] = found
            _link(found.path, place)
        self._release(key)

    def _write(self, manifest: Manifest) -> _WrittenFile:
        try:
            return self._written_anew(manifest)
        except (ThetaError, OSError) as error:
            cause = error if isinstance(error, OSError) else error.__cause__
            if not isinstance(cause, OSError) or cause.errno != errno.ENOSPC or not self._drop(0):
                raise
        return self._written_anew(manifest)

    def _written_anew(self, manifest: Manifest) -> _WrittenFile:
        path = self._folder / str(next(self._numbers))
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            self._smudger.smudge(manifest, handle, self._begin(manifest, handle))
            os.fchmod(handle, _READ_ONLY)
            status = os.fstat(handle)
            return _WrittenFile(path, manifest, status.st_size, status.st_mtime_ns)
        except BaseException:
            path.unlink()
            raise
        finally:
            os.close(handle)

    def _begin(self, manifest: Manifest, handle: int) -> set[str]:
        """Copy the most similar file of the same layout, if any; names of the parameters that it has."""
        with self._lock:
            candidates = [*self._written.values()]
        best: tuple[int, _WrittenFile | None, set[str]] = (int(_SIMILAR * manifest.size), None, set())
        for each in candidates:
            if each.manifest.layout.digest == manifest.layout.digest and each.is_unchanged:
                same = _common(manifest, each.manifest)
                size = sum(manifest.by_name[name].spec.nbytes for name in same)
                if size > best[0]:
                    best = size, each, same
        _, found, same = best
        if found is None:
            return set()
        try:
            source = os.open(found.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            # Another thread has just dropped it.
            return set()
        try:
            copy_handle(source, handle)
        finally:
            os.close(source)
        return same if found.is_unchanged else set()

    def _release(self, key: str) -> None:
        with self._lock:
            self._needed[key] = max(0, self._needed.get(key, 0) - 1)
        self._drop(_SPARES)

    def _drop(self, spares: int) -> bool:
        """Remove the oldest files that nobody is known to need, but for some; whether there were any."""
        with self._lock:
            unneeded = [key for key in self._written if self._needed.get(key, 0) <= 0]
            gone = [self._written.pop(key) for key in unneeded[: max(0, len(unneeded) - spares)]]
        for each in gone:
            with suppress(OSError):
                each.path.unlink()
        return bool(gone)


def _identity(manifest: Manifest) -> str:
    """A digest that is the same for manifests of equal files, wherever their values are stored."""
    lines = [f"{manifest.format} {manifest.size} {manifest.layout.digest}"]
    lines += [f"{entry.name!r} {entry.spec} {entry.digest}" for entry in manifest.entries]
    return digest("\n".join(lines).encode("utf-8", "surrogatepass"))


def _common(new: Manifest, old: Manifest) -> set[str]:
    """Names of parameters with equal values in two files of one layout."""
    before = old.by_name
    return {
        entry.name
        for entry in new.entries
        if (other := before.get(entry.name)) and (other.spec, other.digest) == (entry.spec, entry.digest)
    }


def _link(source: Path, place: Path) -> None:
    """Make a file that shares the blocks of another one, or else is the same one, or else a copy.

    A clone is the command's own. A hard link isn't, but a file that nobody may write to.
    """
    with open(source, "rb") as old, open(place, "xb") as new:
        is_cloned = clone_handle(old.fileno(), new.fileno())
        os.fchmod(new.fileno(), _READ_ONLY)
    if is_cloned:
        return
    place.unlink()
    try:
        os.link(source, place)
    except OSError:
        with open(source, "rb") as old, open(place, "xb") as new:
            copy_handle(old.fileno(), new.fileno())
            os.fchmod(new.fileno(), _READ_ONLY)
