"""Versions of a checkpoint, read from blobs or files, and the comparison of two of them."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from git_theta.checkpoint_file import fingerprint
from git_theta.diff import diff
from git_theta.errors import ManifestError, ThetaError
from git_theta.formats.neighbours import Neighbours
from git_theta.git.history.changed_files import ChangedFile
from git_theta.git.history.changed_models import ChangedModel
from git_theta.git.history.tree_payloads import TreePayloads
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.environment import internal_environment
from git_theta.git.plumbing.work_file import WorkFile, work_file
from git_theta.git.repository.folder_files import ListedFile
from git_theta.git.repository.repository import Repository
from git_theta.model.manifest import Entry, Manifest, ObjectRef
from git_theta.model.manifest_text import MAX_TEXT_BYTES, is_manifest, parse_manifest
from git_theta.model.strided import temporary_file
from git_theta.report.change import CheckpointChange, FindElsewhere, file_change
from git_theta.report.quantized_values import quantized_pairs
from git_theta.report.readers import FileReader, StoredReader
from git_theta.report.side import JoinedReader, Side, ValueReader, model_side
from git_theta.runtime.mapped import map_handle
from git_theta.settings import Settings
from git_theta.sharding.parts import ModelParts
from git_theta.updates.payload import unpack

_CONFLICT = re.compile(rb"^<{7} ", re.MULTILINE)

_KINDS = {"120000": "a symbolic link", "160000": "a submodule"}

#: The number of payloads whose headers are read for their ranks.
_MAX_RANKS = 2000


class VersionReader:
    """Reads versions and compares them.

    Args:
        repository: The repository; `None` outside of one, where only files can be compared.
        root: The folder from which paths of files count.
        before: The checkpoints of the old version, whose payloads cost nothing; `None` to look at each file
            alone.
    """

    def __init__(
        self, repository: Repository | None, root: Path = Path(), before: TreePayloads | None = None
    ) -> None:
        self._repository = repository
        self._root = root
        self._elsewhere: FindElsewhere = before.among if before else lambda _refs: frozenset()
        self._settings = repository.settings if repository else Settings()
        self._blobs = Blobs(repository.git.cwd if repository else None)
        self._cache = repository.cache() if repository else None
        self._read: dict[int, tuple[Side, WorkFile]] = {}
        self._ranks = 0

    def from_blob(self, path: str, oid: str, mode: str, copy: str | None = None) -> Side:
        """The version in a blob.

        Args:
            path: The file's path.
            oid: The blob's id.
            mode: The file's mode as Git writes it.
            copy: A file with the blob's bytes, unless the blob is a manifest.

        Raises:
            ThetaError: There's no such blob.
        """
        if not mode.startswith("100"):
            return Side(path, mode=mode, problem=_KINDS.get(mode, "no regular file"))
        text = self._blobs.read(oid, MAX_TEXT_BYTES)
        if text is not None and is_manifest(text):
            return self._parsed(path, text, mode)
        with work_file(copy) as file:
            data = file.data if file else self._blob_bytes(oid)
        return self._from_bytes(path, data, mode)

    def from_file(self, name: str, path: str, mode: str = "") -> Side:
        """The version in a file. A file whose manifest is in the cache isn't hashed again.

        Args:
            name: The file's path from `root`.
            path: The path to show.
            mode: The file's mode as Git writes it.
        """
        if mode and not mode.startswith("100"):
            return Side(path, mode=mode, problem=_KINDS.get(mode, "no regular file"))
        place = os.path.join(self._root, name)
        with work_file(place) as file:
            if file is None:
                return Side(path, mode=mode, problem=_file_problem(place))
            if is_manifest(file.data):
                return self._parsed(path, bytes(file.data), mode)
            reader = FileReader(file.data, self._temporary, file.neighbours)
            known = self._cache.manifest(file.status) if self._cache else None
            if known:
                return Side(path, known, reader, mode, stored=True)
            side = self._from_bytes(path, file.data, mode, file.neighbours)
            if file.unchanged():
                self._read[id(side)] = side, file
            return side

    def from_manifest(self, path: str, manifest: Manifest, mode: str = "") -> Side:
        """The version that a manifest describes; its values are read from the store."""
        assert self._repository is not None  # noqa: S101
        return Side(path, manifest, StoredReader(manifest, self._repository.store), mode, stored=True)

    def compare(self, old: Side, new: Side) -> CheckpointChange:
        """The change from one version to another.

        If a file turns out to have the content of the other version, the cache remembers it, as after
        `git theta status`.
        """
        self._remember(old, new)
        size_of = self._repository.store.size if self._repository else lambda _oid: None
        return file_change(old, new, size_of, self._rank_of, self._elsewhere)

    def compare_changed(self, item: ChangedFile) -> CheckpointChange:
        """The change of a file that differs according to Git."""
        if item.in_conflict:
            conflict = Side(item.old_path, problem="in conflict; take a side")
            return self.compare(conflict, conflict)
        old, new = Side(item.old_path), Side(item.new_path)
        if item.old_mode:
            old = self.from_blob(item.old_path, item.old_oid, item.old_mode)
        if item.new_oid:
            new = self.from_blob(item.new_path, item.new_oid, item.new_mode)
        elif item.new_mode:
            new = self.from_file(item.new_path, item.new_path, item.new_mode)
        return self.compare(old, new)

    def compare_item(self, item: ChangedFile | ChangedModel) -> Iterator[CheckpointChange]:
        """The change of a file, or of a model; those of the files, too, if the model isn't whole."""
        if not isinstance(item, ChangedModel):
            yield self.compare_changed(item)
            return
        change = self.compare_model(item)
        yield change
        if change.old.problem or change.new.problem:
            yield from map(self.compare_changed, item.changed)

    def compare_model(self, item: ChangedModel) -> CheckpointChange:
        """The change of a model of several files."""
        old, new = (
            self._model(item.name, parts, blobs)
            for parts, blobs in ((item.old, item.old_blobs), (item.new, item.new_blobs))
        )
        before = {member.path: member for member in old.members or (old,)}
        for member in new.members or (new,):
            if member.path in before:
                self._remember(before[member.path], member)
        return self.compare(old, new)

    def _model(self, name: str, parts: ModelParts | None, blobs: Mapping[str, ListedFile]) -> Side:
        if parts is None:
            return Side(name)
        members = []
        for path in parts.files:
            blob = blobs[path]
            members.append(
                self.from_blob(path, blob.oid, blob.mode)
                if blob.oid
                else self.from_file(path, path, blob.mode)
            )
        return model_side(parts, members) if parts.is_sharded else members[0]

    def fetch_values(self, change: CheckpointChange) -> None:
        """Fetch the missing values that are compared: of changed parameters of equal shape, and of scales.

        Raises:
            ThetaError: As for `fetch_values`.
        """
        sides = (change.old, change.new)
        entries = [
            entry
            for pair in change.diff.changed
            if pair[0].spec.shape == pair[1].spec.shape
            for entry, side in zip(pair, sides, strict=True)
            if _is_stored(entry, side.reader)
        ]
        for values in quantized_pairs(change.diff.changed, change.old, change.new).values():
            for value in values:
                entries += (entry for entry in value.members if _is_stored(entry, value.reader))
        if self._repository and entries:
            from git_theta.git.remote.fetch import ensure_values

            ensure_values(self._repository, entries)

    def close(self) -> None:
        """Write the cache and end helper processes."""
        if self._cache:
            self._cache.close()
        self._blobs.close()

    def _remember(self, old: Side, new: Side) -> None:
        _, file = self._read.pop(id(new), (None, None))
        if file and self._cache and old.stored and old.manifest and not diff(old.manifest, new.manifest):
            self._cache.remember(old.manifest, file.status)

    def _parsed(self, path: str, text: bytes, mode: str) -> Side:
        try:
            return self.from_manifest(path, parse_manifest(text), mode)
        except ManifestError as error:
            if _CONFLICT.search(text):
                return Side(path, mode=mode, problem="a manifest in conflict; take a side")
            return Side(path, mode=mode, problem=f"a manifest that isn't valid ({error.message})")

    def _from_bytes(
        self, path: str, data: memoryview, mode: str, neighbours: Neighbours | None = None
    ) -> Side:
        threads = self._settings.thread_count
        manifest = fingerprint(data, threads, self._temporary, neighbours=neighbours)
        return Side(path, manifest, FileReader(data, self._temporary, neighbours), mode)

    def _blob_bytes(self, oid: str) -> memoryview:
        """The bytes of a blob that isn't a manifest, mapped from a temporary file: they may be many."""
        handle = self._temporary()
        try:
            cwd = self._repository.git.cwd if self._repository else None
            done = subprocess.run(
                ["git", "cat-file", "blob", oid],
                cwd=cwd,
                env=internal_environment(),
                stdout=handle,
                stderr=subprocess.DEVNULL,
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
        if self._repository is None or self._ranks > _MAX_RANKS:
            return None
        with suppress(ThetaError):
            payload = self._repository.store.get(ref.oid)[ref.offset :]
            rank = unpack(payload)[0].get("rank")
            return rank if type(rank) is int else None
        return None


def _is_stored(entry: Entry, reader: ValueReader | None) -> bool:
    """Whether a value is read from the store."""
    if isinstance(reader, JoinedReader):
        reader = reader.reader_of(entry)
    return isinstance(reader, StoredReader)


def _file_problem(name: str) -> str:
    if os.path.isfile(name) and not os.path.islink(name):
        return "unreadable" if os.path.getsize(name) else "an empty file"
    return "no regular file" if os.path.lexists(name) else ""
