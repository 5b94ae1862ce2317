"""What the filter does with one file: the same for the long-running process and the one-shot commands."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING

from git_theta.errors import ManifestError, ThetaError, UsageError
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.check_attr import ATTRIBUTE, PathUpdates
from git_theta.git.plumbing.notices import note
from git_theta.git.plumbing.work_file import WorkFile, drain, work_file
from git_theta.git.repository.foreign_pointers import stand_in
from git_theta.git.repository.repository import Repository
from git_theta.model.manifest import MAX_TEXT_BYTES, Manifest, Source, is_manifest, parse
from git_theta.runtime.progress import progress

if TYPE_CHECKING:
    # Checking out needs no cleaning, and Git waits for everything that is loaded.
    from git_theta.clean import Cleaned, Cleaner

#: Checkpoints that a new file is compared with: those just added, and those of the index.
_RECENT = 8
_MOST_TRACKED = 64

_CONFLICT = re.compile(rb"^<{7} ", re.MULTILINE)


class Workspace:
    """Cleans and smudges the files of one repository, and remembers what it learns.

    Args:
        repository: The repository; the current folder must be the top of its work tree.
    """

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self._cache = repository.cache()
        self._cache_turn = Lock()
        self._blobs = Blobs(repository.git.cwd)
        self._path_updates = PathUpdates(repository.git.cwd)
        self._recent: deque[Manifest] = deque(maxlen=_RECENT)
        self._tracked: list[Manifest] | None = None

    def clean(self, path: str | None, content: Iterable[memoryview]) -> bytes:
        """The manifest for a file; what stands for one already stays as it is.

        That's a manifest, valid or with conflict markers, or the text of another program.

        Args:
            path: The file's path from the top of the work tree, if it has one.
            content: Its bytes, as Git sends them; all are consumed.

        Raises:
            ThetaError: The store can't be written; or the user stages a file that is in conflict as the merge
                left it.
        """
        blob = self._clean_content(path, content)
        # This runs for every file that is added, so the usual case costs no more than a look for a folder.
        if path is not None and (self.repository.git_dir / "theta" / "conflicts").is_dir():
            from git_theta.git.worktree.add_guard import refuse_unresolved

            refuse_unresolved(self.repository, path, blob)
        return blob

    def _clean_content(self, path: str | None, content: Iterable[memoryview]) -> bytes:
        with work_file(path) as file:
            if file and (is_manifest(file.data) or stand_in(file.data)):
                # A file that hasn't been materialised: small, and there's nothing to begin early.
                stream = drain(content, file, self.repository.store.temporary_file)
                return self._clean_bytes(path, file.data if stream is None else stream)
            cached = self.remembered(file)
            if cached:
                stream = drain(content, file, self.repository.store.temporary_file)
                if stream is None:
                    from git_theta.clean import reconcile

                    return reconcile(cached, self._previous(path)).to_bytes()
                return self._clean_bytes(path, stream)
            if file is None:
                stream = drain(content, None, self.repository.store.temporary_file)
                assert stream is not None  # noqa: S101
                return self._clean_bytes(path, stream)
            return self._clean_while_draining(path, content, file)

    def _clean_while_draining(self, path: str | None, content: Iterable[memoryview], file: WorkFile) -> bytes:
        """Work on the mapped file already while Git sends it, and compare."""
        previous = self._previous(path)
        with ThreadPoolExecutor(1) as background:
            with progress(f"adding {path}", len(file.data)) as advance:
                early = background.submit(self.cleaner(path, advance).clean, file.data, previous)
                stream = drain(content, file, self.repository.store.temporary_file)
                wait([early])
            if stream is None and file.unchanged():
                cleaned = early.result()
                self._remember(cleaned.manifest, file.status)
                return _said(path, cleaned)
            with suppress(ThetaError):
                early.result()
        if stream is None:
            raise ThetaError(f"{path} was written to while Git read it", "try again when it's quiet")
        return self._clean_bytes(path, stream)

    def _clean_bytes(self, path: str | None, data: memoryview) -> bytes:
        if not data:
            # Git takes an empty file whose blob isn't empty for one that it has to look at every time.
            return b""
        if is_manifest(data):
            return _passed(path, bytes(data))
        what = stand_in(data)
        if what:
            note(f"{path}: {what} stays as it is; convert it with: git theta migrate import")
            return bytes(data)
        cleaned = self.cleaner(path).clean(data, self._previous(path))
        self._remember(cleaned.manifest, None)
        return _said(path, cleaned)

    def smudge(
        self, manifest: Manifest, handle: int, progress: Callable[[int], object] = lambda _count: None
    ) -> None:
        """Write a manifest's file into an empty file; see `Smudger.smudge`."""
        from git_theta.smudge import Smudger

        Smudger(self.repository.store, self.repository.settings.thread_count, progress).smudge(
            manifest, handle
        )
        self._remember(manifest, None)

    def remember_file(self, manifest: Manifest, status: os.stat_result) -> None:
        """Note that the file with that stat is what the manifest stands for."""
        self._remember(manifest, status)

    def close(self) -> None:
        """Write the cache and end helper processes."""
        with self._cache_turn:
            self._cache.close()
        self._blobs.close()
        self._path_updates.close()

    def cleaner(self, path: str | None, advance: Callable[[int], object] = lambda _count: None) -> Cleaner:
        """What stores the file at a path, as the settings and the path's attributes say."""
        from git_theta.clean import Cleaner

        settings = self.repository.settings
        return Cleaner(
            self.repository.store,
            known=self.known,
            threads=settings.thread_count,
            progress=advance,
            updates=self.allowed_updates(path),
            depth=settings.depth,
            candidates=self._candidates,
            lazy=settings.lazy,
        )

    def allowed_updates(self, path: str | None) -> tuple[str, ...]:
        """Names of the updates that the file at a path may be stored as, by its attributes or the settings.

        Raises:
            UsageError: A name isn't known.
        """
        from git_theta.encoding.selection import allowed

        attribute = self._path_updates.get(path) if path else None
        where = f"the attribute {ATTRIBUTE} of {path}" if attribute else "theta.update"
        try:
            return allowed(attribute or self.repository.settings.update)
        except UsageError as error:
            raise UsageError(f"{where}: {error.message}", error.hint) from error

    def _candidates(self) -> list[Manifest]:
        """Checkpoints that a new one may have been made from: those of this command, and of the index."""
        if self._tracked is None:
            from git_theta.git.repository.manifest_walk import in_index

            found = in_index(self.repository.git)[:_MOST_TRACKED]
            self._tracked = [version.manifest for version in found if version.manifest]
        return [*reversed(self._recent), *self._tracked]

    def known(self, digest: str) -> Source | None:
        """A source of a value that was stored here before, by its digest."""
        with self._cache_turn:
            return self._cache.source(digest)

    def remembered(self, file: WorkFile | None) -> Manifest | None:
        """The manifest of a file that was read before and hasn't changed since."""
        if file is None:
            return None
        with self._cache_turn:
            found = self._cache.manifest(file.status)
        if not found:
            return None
        # Nothing may name them yet when this is added, and then `prune` mustn't take them for old.
        here = [self.repository.store.claim(oid) for oid in found.oids()]
        return found if all(here) or self.repository.settings.lazy else None

    def _remember(self, manifest: Manifest, status: os.stat_result | None) -> None:
        self._recent.append(manifest)
        with self._cache_turn:
            self._cache.remember(manifest, status)

    def _previous(self, path: str | None) -> list[Manifest]:
        if path is None:
            return []
        found = []
        # In a merge the other side's version may be the closest.
        for name in (f":{path}", f"HEAD:{path}", f"MERGE_HEAD:{path}"):
            blob = self._blobs.read(name, MAX_TEXT_BYTES)
            if blob and is_manifest(blob):
                with suppress(ManifestError):
                    found.append(parse(blob))
        return found


def wanted(data: memoryview, path: str | None) -> Manifest | None:
    """The manifest that content from Git is, or `None` if it should be passed on as it is.

    Raises:
        ManifestError: It's a manifest of a version that this git-theta doesn't know.
    """
    if not is_manifest(data) or len(data) > MAX_TEXT_BYTES:
        return None
    try:
        return parse(bytes(data))
    except ManifestError as error:
        if error.hint:
            raise
        note(f"{path}: a manifest that isn't valid is left as text ({error.message})")
        return None


def _said(path: str | None, cleaned: Cleaned) -> bytes:
    if cleaned.note:
        note(f"{path}: {cleaned.note}")
    return cleaned.manifest.to_bytes()


def _passed(path: str | None, data: bytes) -> bytes:
    try:
        parse(data)
    except ManifestError as error:
        if _CONFLICT.search(data):
            # An error would be clearer, but it would also end `git diff` in the middle of a merge.
            note(f"{path}: still in conflict; settle it: git theta resolve {path}")
            return data
        note(f"{path}: a manifest that isn't valid is stored as text ({error.message})")
    return data


def read_pieces(handle: int, size: int = 1 << 20) -> Iterator[memoryview]:
    """A descriptor's bytes to its end, through one reused buffer."""
    buffer = memoryview(bytearray(size))
    while count := os.readv(handle, [buffer]):
        yield buffer[:count]


#: Copies a finished file's bytes to where they're wanted.
Sink = Callable[[memoryview], object]


def send(handle: int, sink: Sink) -> None:
    """Give a file's bytes to a sink, from its beginning."""
    os.lseek(handle, 0, os.SEEK_SET)
    for piece in read_pieces(handle):
        sink(piece)
