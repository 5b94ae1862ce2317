"""The clean filter: a file's content as Git sends it → the manifest that Git stores."""

from __future__ import annotations

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from git_theta.errors import ManifestError, ThetaError, ValueChangedError
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.notices import note
from git_theta.git.plumbing.parent_command import adds_files, only_looks
from git_theta.git.plumbing.work_file import FileChanged, WorkFile, drain, work_file
from git_theta.git.repository.foreign_pointers import foreign_pointer_kind
from git_theta.git.repository.plain_files import is_plain_file
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.cleaners import Cleaners
from git_theta.git.worktree.known_files import KnownFiles
from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import (
    MAX_TEXT_BYTES,
    is_manifest,
    parse_manifest,
    valid_manifest,
    with_plain_line_ends,
)
from git_theta.runtime.progress import progress

if TYPE_CHECKING:
    from git_theta.clean import Cleaned
    from git_theta.formats.neighbours import Neighbours

_CONFLICT_MARKER = re.compile(rb"^<{7} ", re.MULTILINE)


class CleanFilter:
    """Cleans the files of one repository, one after the other.

    Args:
        repository: The repository, with Git at the top of its work tree.
        known_files: Files that needn't be read again.
    """

    def __init__(self, repository: Repository, known_files: KnownFiles) -> None:
        self._repository = repository
        self._known_files = known_files
        self._cleaners = Cleaners(repository, known_files)
        self._blobs = Blobs(repository.git.cwd)
        self._told = set[str]()

    def clean(self, path: str | None, content: Iterable[memoryview]) -> bytes:
        """The manifest of a file; a text that stands for a file already is returned as it is.

        Such texts are manifests, valid or with conflict markers, and those of other programs. Files that Git
        itself reads aren't changed either.

        Args:
            path: The file's path from the top of the work tree, if it has one.
            content: Its bytes, as Git sends them; all are consumed.

        Raises:
            FileChanged: The user adds a file that is being written to.
            ThetaError: The store can't be written; or the user stages a file that is in conflict as the merge
                left it; or Git would convert the manifest to something else.
        """
        if path is not None and is_plain_file(path):
            return b"".join(map(bytes, content))
        blob = self._clean_content(path, content)
        if path is not None and is_manifest(blob) and not self._git_only_looks:
            self._cleaners.refuse_conversion(path, blob)
        # This runs for every file that is added, so the usual case costs one look for a folder.
        if path is not None and (self._repository.git_dir / "theta" / "conflicts").is_dir():
            from git_theta.git.worktree.add_guard import refuse_unresolved

            refuse_unresolved(self._repository, path, blob)
        return blob

    def close(self) -> None:
        """End helper processes; the next file starts another one."""
        self._blobs.close()
        self._cleaners.close()

    def _clean_content(self, path: str | None, content: Iterable[memoryview]) -> bytes:
        with work_file(None if path is None else self._repository.git.path(path)) as file:
            if file and (is_manifest(file.data) or foreign_pointer_kind(file.data)):
                # A file that hasn't been materialised is small: nothing is worth beginning early.
                stream = self._drain(content, file)
                return self._clean_bytes(path, file.data if stream is None else stream)
            known = self._known_files.manifest(file)
            if known:
                stream = self._drain(content, file)
                if stream is None:
                    from git_theta.clean import reconcile

                    return reconcile(known, self._previous(path)).to_bytes()
                return self._clean_bytes(path, stream)
            if file is None:
                stream = self._drain(content, None)
                assert stream is not None  # noqa: S101
                return self._clean_bytes(path, stream)
            if self._keeps_nothing:
                stream = self._drain(content, file)
                return self._clean_bytes(path, file.data if stream is None else stream)
            return self._clean_while_draining(path, content, file)

    def _clean_while_draining(self, path: str | None, content: Iterable[memoryview], file: WorkFile) -> bytes:
        """Clean the mapped file already while Git sends it, and compare both."""
        previous = self._previous(path)
        with ThreadPoolExecutor(1) as background:
            with progress(f"adding {path}", len(file.data)) as advance:
                cleaner = self._cleaners.cleaner(path, advance, file.neighbours)
                early = background.submit(cleaner.clean, file.data, previous)
                stream = self._drain(content, file)
                wait([early])
            unchanged = stream is None and file.unchanged()
            with suppress(ValueChangedError if unchanged else ThetaError):
                cleaned = early.result()
                if unchanged:
                    self._known_files.remember(cleaned.manifest, file.status)
                    return self._with_note(path, cleaned, previous)
        if stream is None:
            stream = self._snapshot(file)
        return self._clean_bytes(path, stream)

    def _clean_bytes(self, path: str | None, data: memoryview) -> bytes:
        if not data:
            # `git status` reads an empty file again each time within its second, and has nothing to add.
            if path is not None and adds_files():
                note(f"{path}: an empty file, not a checkpoint: stored as it is")
            # If its blob weren't empty, Git would look into an empty file every time.
            return b""
        if is_manifest(data):
            return _unchanged_manifest(path, bytes(data))
        kind = foreign_pointer_kind(data)
        if kind:
            note(f"{path}: {kind} stays as it is; convert it with: git theta migrate import")
            return bytes(data)
        if self._keeps_nothing:
            return self._looked_at(path, data)
        previous = self._previous(path)
        cleaned = self._cleaners.cleaner(path, neighbours=self._neighbours(path)).clean(data, previous)
        self._known_files.remember(cleaned.manifest)
        return self._with_note(path, cleaned, previous)

    def _with_note(self, path: str | None, cleaned: Cleaned, previous: Iterable[Manifest]) -> bytes:
        """The text of a manifest; the user is told once about a file that isn't in the index yet."""
        text = f"{path}: {cleaned.note}" if cleaned.note else ""
        if text and text not in self._told and cleaned.manifest not in previous:
            self._told.add(text)
            note(text)
        return cleaned.manifest.to_bytes()

    @cached_property
    def _git_only_looks(self) -> bool:
        """Whether Git compares manifests, and stores none."""
        return only_looks()

    @cached_property
    def _keeps_nothing(self) -> bool:
        """Whether values can't be stored, and Git doesn't need them."""
        return not self._repository.store.writable and self._git_only_looks

    def _neighbours(self, path: str | None) -> Neighbours | None:
        """The files beside the one at a path."""
        from git_theta.formats.neighbours import neighbours_of

        return None if path is None else neighbours_of(self._repository.git.path(path))

    def _looked_at(self, path: str | None, data: memoryview) -> bytes:
        """The manifest of a file whose values aren't stored."""
        from git_theta.checkpoint_file import fingerprint
        from git_theta.clean import reconcile

        store, threads = self._repository.store, self._repository.settings.thread_count
        neighbours = self._neighbours(path)
        found = fingerprint(data, threads, store.temporary_file, neighbours=neighbours)
        return reconcile(found, self._previous(path)).to_bytes()

    def _drain(self, content: Iterable[memoryview], file: WorkFile | None) -> memoryview | None:
        try:
            return drain(content, file, self._repository.store.temporary_file)
        except FileChanged:
            if file is None:
                raise
            return self._snapshot(file)

    def _snapshot(self, file: WorkFile) -> memoryview:
        """A copy of a file that is being written to.

        `git add` is refused. Other commands mostly ask only whether the file differs from the index, and git
        would end at an error, without a word about any other file.
        """
        if adds_files():
            raise FileChanged
        return file.snapshot(self._repository.store.temporary_file)

    def _previous(self, path: str | None) -> list[Manifest]:
        """Versions of the file in the index, in HEAD and, during a merge, on the other side."""
        if path is None:
            return []
        names = (f":{path}", f"HEAD:{path}", f"MERGE_HEAD:{path}")
        found: dict[str, Manifest | None] = {}
        for name in names:
            blob = self._blobs.lookup(name, MAX_TEXT_BYTES)
            # Index and HEAD mostly have the same one.
            if blob and blob[0] not in found:
                found[blob[0]] = valid_manifest(blob[1])
        return [manifest for manifest in found.values() if manifest]


def _unchanged_manifest(path: str | None, data: bytes) -> bytes:
    """A manifest as Git stores it; the user is told if it isn't valid."""
    data = with_plain_line_ends(data)
    try:
        parse_manifest(data)
    except ManifestError as error:
        if _CONFLICT_MARKER.search(data):
            # An error would be clearer, but it would also end `git diff` in the middle of a merge.
            note(f"{path}: still in conflict; settle it: git theta resolve {path}")
            return data
        note(f"{path}: a manifest that isn't valid is stored as text ({error.message})")
    return data
