"""Sides of a comparison: a blob, a file, or nothing."""

from __future__ import annotations

import os
import re
import subprocess
from contextlib import suppress

from git_theta.checkpoint_file import fingerprint
from git_theta.diff import diff
from git_theta.errors import ManifestError, ThetaError
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.work_file import WorkFile, work_file
from git_theta.git.repository.repository import Repository
from git_theta.model.manifest import MAX_TEXT_BYTES, Manifest, ObjectRef, is_manifest, parse
from git_theta.model.strided import temporary_file
from git_theta.report.change import FileChange, file_change
from git_theta.report.readers import FileReader, StoredReader
from git_theta.report.side import Side
from git_theta.runtime.mapped import map_handle
from git_theta.settings import Settings
from git_theta.updates.payload import unpack

_CONFLICT = re.compile(rb"^<{7} ", re.MULTILINE)

_KINDS = {"120000": "a symbolic link", "160000": "a submodule"}

#: So many headers of payloads are read for their ranks.
_MOST_RANKS = 2000


class Sides:
    """Makes sides and compares them. The current folder is the top of the work tree.

    Args:
        repository: The repository; `None` outside of one, where only files can be compared.
    """

    def __init__(self, repository: Repository | None) -> None:
        self._repository = repository
        self._settings = repository.settings if repository else Settings()
        self._blobs = Blobs(repository.git.cwd if repository else None)
        self._cache = repository.cache() if repository else None
        self._read: dict[int, tuple[Side, WorkFile]] = {}
        self._ranks = 0

    def blob(self, path: str, oid: str, mode: str, copy: str | None = None) -> Side:
        """The side that a blob is.

        Args:
            path: Where it is in its version.
            oid: Its id.
            mode: As Git writes it.
            copy: A file that has the blob's bytes, unless the blob is a manifest.

        Raises:
            ThetaError: There's no such blob.
        """
        if not mode.startswith("100"):
            return Side(path, mode=mode, problem=_KINDS.get(mode, "no regular file"))
        text = self._blobs.read(oid, MAX_TEXT_BYTES)
        if text is not None and is_manifest(text):
            return self._from_manifest(path, text, mode)
        with work_file(copy) as file:
            data = file.data if file else self._whole(oid)
        return self._from_bytes(path, data, mode)

    def file(self, name: str, path: str, mode: str = "") -> Side:
        """The side that a file is; one that was read before isn't read again.

        Args:
            name: Where the file is, from the current folder.
            path: What it's called.
            mode: As Git writes it.
        """
        if mode and not mode.startswith("100"):
            return Side(path, mode=mode, problem=_KINDS.get(mode, "no regular file"))
        with work_file(name) as file:
            if file is None:
                return Side(path, mode=mode, problem=_why_no_file(name))
            if is_manifest(file.data):
                return self._from_manifest(path, bytes(file.data), mode)
            reader = FileReader(file.data, self._temporary)
            known = self._cache.manifest(file.status) if self._cache else None
            if known:
                return Side(path, known, reader, mode, stored=True)
            side = self._from_bytes(path, file.data, mode)
            if file.unchanged():
                self._read[id(side)] = side, file
            return side

    def stored(self, path: str, manifest: Manifest, mode: str = "") -> Side:
        """The side that a manifest is."""
        assert self._repository is not None  # noqa: S101
        return Side(path, manifest, StoredReader(manifest, self._repository.store), mode, stored=True)

    def compare(self, old: Side, new: Side) -> FileChange:
        """What changed; see `git_theta.report.change`.

        A file that turns out to be what the other side says is remembered, as `git theta status` does.
        """
        self._remember(old, new)
        size_of = self._repository.store.size if self._repository else lambda _oid: None
        return file_change(old, new, size_of, self._rank_of)

    def fetch(self, found: FileChange) -> None:
        """Get the values of changed parameters that aren't here, where they can be compared.

        Raises:
            ThetaError: As for `fetch_objects`.
        """
        readers = (found.old.reader, found.new.reader)
        entries = [
            entry
            for pair in found.diff.changed
            if pair[0].spec.shape == pair[1].spec.shape
            for entry, reader in zip(pair, readers, strict=True)
            if isinstance(reader, StoredReader)
        ]
        if self._repository and entries:
            from git_theta.git.remote.fetch import ensure_objects, needed_objects

            ensure_objects(self._repository, needed_objects(entries))

    def close(self) -> None:
        """Write the cache and end helper processes."""
        if self._cache:
            self._cache.close()
        self._blobs.close()

    def _remember(self, old: Side, new: Side) -> None:
        _, file = self._read.pop(id(new), (None, None))
        if file and self._cache and old.stored and old.manifest and not diff(old.manifest, new.manifest):
            self._cache.remember(old.manifest, file.status)

    def _from_manifest(self, path: str, text: bytes, mode: str) -> Side:
        try:
            return self.stored(path, parse(text), mode)
        except ManifestError as error:
            if _CONFLICT.search(text):
                return Side(path, mode=mode, problem="a manifest in conflict; take a side")
            return Side(path, mode=mode, problem=f"a manifest that isn't valid ({error.message})")

    def _from_bytes(self, path: str, data: memoryview, mode: str) -> Side:
        manifest = fingerprint(data, self._settings.thread_count, self._temporary)
        return Side(path, manifest, FileReader(data, self._temporary), mode)

    def _whole(self, oid: str) -> memoryview:
        """The bytes of a blob that isn't a manifest, by way of a file: they may be many."""
        handle = self._temporary()
        try:
            cwd = self._repository.git.cwd if self._repository else None
            done = subprocess.run(
                ["git", "cat-file", "blob", oid], cwd=cwd, stdout=handle, stderr=subprocess.DEVNULL
            )
            if done.returncode:
                raise ThetaError(f"there's no blob {oid}", "fetch it, or look at `git fsck`")
            return map_handle(handle)
        finally:
            os.close(handle)

    def _temporary(self) -> int:
        if self._repository:
            with suppress(OSError):
                return self._repository.store.temporary_file()
        return temporary_file()

    def _rank_of(self, ref: ObjectRef) -> int | None:
        self._ranks += 1
        if self._repository is None or self._ranks > _MOST_RANKS:
            return None
        with suppress(ThetaError):
            payload = self._repository.store.get(ref.oid)[ref.offset :]
            rank = unpack(payload)[0].get("rank")
            return rank if type(rank) is int else None
        return None


def _why_no_file(name: str) -> str:
    if os.path.isfile(name) and not os.path.islink(name):
        return "unreadable" if os.path.getsize(name) else "an empty file"
    return "no regular file" if os.path.lexists(name) else ""
