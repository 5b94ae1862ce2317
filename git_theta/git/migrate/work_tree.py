"""The index and the work tree after a migration: files keep their bytes, and Git sees no change in them."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from git_theta.errors import ThetaError, UsageError
from git_theta.git.migrate.convert import Converter
from git_theta.git.migrate.file_blob import IN_MEMORY, FileBlob, read_file_blob
from git_theta.git.migrate.git_objects import GitObjects
from git_theta.git.migrate.lfs_objects import chunks
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.file_times import set_mtime
from git_theta.git.plumbing.index_stat import refresh_stats
from git_theta.git.plumbing.notices import explain
from git_theta.git.plumbing.raw_diff import parse_raw_diff
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.known_files import KnownFiles
from git_theta.model.manifest import Manifest
from git_theta.report.text import plural, printable
from git_theta.runtime.atomic_write import Replacement
from git_theta.store.cache import same_file


@dataclass(frozen=True, slots=True)
class TreeChange:
    """A file that differs between two trees: mode and blob in each, empty where the tree has no such file."""

    path: bytes
    old: tuple[str, str]
    new: tuple[str, str]

    @property
    def is_attributes(self) -> bool:
        """Whether the file is an attributes file, and not one that was converted."""
        return os.path.basename(self.path) == b".gitattributes"


def tree_changes(git: Git, old: str, new: str) -> list[TreeChange]:
    """The files that differ between two trees."""
    raw = git.run("diff-tree", "-r", "-z", "--no-renames", old, new)
    return [
        TreeChange(os.fsencode(each.new_path), (each.old_mode, each.old_oid), (each.new_mode, each.new_oid))
        for each in parse_raw_diff(raw)
    ]


def refuse_changes(git: Git, objects: GitObjects) -> None:
    """Fail if there's a change that isn't committed.

    Git also reports files whose filter never ran: LFS pointers, or metadata of git-theta 0.2, that are in the
    work tree as they are in the index. They don't count.

    Raises:
        UsageError: There's a change.
    """
    args = (
        "status",
        "--porcelain",
        "-z",
        "--no-renames",
        "--untracked-files=no",
        "--ignore-submodules=all",
    )
    changed = [record for record in git.run(*args).split(b"\0") if record]
    kept = [
        record[3:] for record in changed if record[:2] != b" M" or not _is_unsmudged(git, objects, record[3:])
    ]
    if kept:
        more = f" and {plural(len(kept) - 1, 'other file')}" if len(kept) > 1 else ""
        raise UsageError(
            f"{printable(os.fsdecode(kept[0]))}{more} changed since the last commit", "commit it, or stash it"
        )


def _is_unsmudged(git: Git, objects: GitObjects, path: bytes) -> bool:
    oid = git.line("rev-parse", "-q", "--verify", ":" + os.fsdecode(path))
    stored = read_file_blob(objects, oid, path, manifests=False)
    if stored.kind in ("theta-0.2", "plain"):
        return stored.kind == "theta-0.2"
    return _file_is(git, path, objects.read(oid).data)


def refuse_untracked(git: Git, paths: Iterable[str]) -> None:
    """Fail if a file that is to be made is there already, unknown to Git.

    Raises:
        UsageError: There's one.
    """
    for path in paths:
        if os.path.lexists(git.path(path)):
            raise UsageError(f"{printable(path)} isn't committed", f"git add {path}, and commit it")


class TreeSwitch:
    """Switches the index and the work tree from one tree to another.

    Attributes:
        written: Files that were pointers or manifests, and have their content now.

    Args:
        repository: The repository, with Git at the top of its work tree.
        known_files: Remembers files whose manifest changes.
        objects: The repository's objects.
        converter: Reads the content of files.
        blobs: Blob, old or new → how it stores its file.
    """

    def __init__(
        self,
        repository: Repository,
        known_files: KnownFiles,
        objects: GitObjects,
        converter: Converter,
        blobs: Mapping[str, FileBlob],
    ) -> None:
        self.written: list[str] = []
        self._git = repository.git
        self._index = repository.index
        self._known_files = known_files
        self._objects = objects
        self._converter = converter
        self._blobs = blobs
        self._sparse: frozenset[bytes] = frozenset()
        self._began = time.time_ns()

    def run(self, changes: Iterable[TreeChange], move_refs: Callable[[], object]) -> None:
        """Stage the changes, move the refs, and update the work tree.

        Args:
            changes: The files that differ between the trees.
            move_refs: Moves the refs; if it fails, nothing has changed.

        Raises:
            ThetaError: The user has changed something meanwhile, or the index is locked.
        """
        listed = list(changes)
        self._sparse = _sparse(self._git) if listed else frozenset()
        files = [change for change in listed if not change.is_attributes]
        before = {change.path: status for change in files if (status := _status(self._git, change.path))}
        refuse_changes(self._git, self._objects)
        self._stage((change, change.new) for change in listed)
        try:
            move_refs()
        except BaseException:
            self._stage((change, change.old) for change in listed)
            raise
        self._write_attributes([change for change in listed if change.is_attributes])
        stats = {}
        for change in files:
            with suppress(OSError):
                status = self._update_file(change, before.get(change.path))
                if status:
                    stats[change.path] = status
        oids = {change.path: change.new[1] for change in files if change.path in stats}
        refresh_stats(self._git, self._index, self._git.folder, oids, stats=stats)
        for change in files:
            manifest = self._manifest(change) if change.path in stats else None
            if manifest:
                self._known_files.remember_written([(manifest, stats[change.path])])

    def _stage(self, entries: Iterable[tuple[TreeChange, tuple[str, str]]]) -> None:
        lines, sparse = [], []
        for change, (mode, oid) in entries:
            sparse += [change.path + b"\0"] if oid and change.path in self._sparse else []
            zeros = "0" * len(change.old[1] or change.new[1])
            lines.append(f"{mode or 0} {oid or zeros} 0\t".encode() + change.path + b"\0")
        self._git.run("update-index", "-z", "--index-info", stdin=b"".join(lines))
        if sparse:
            # Without the bit, Git would take the files for deleted ones.
            self._git.run("update-index", "-z", "--skip-worktree", "--stdin", stdin=b"".join(sparse))

    def _write_attributes(self, files: list[TreeChange]) -> None:
        shown = [change.path for change in files if change.new[1] and change.path not in self._sparse]
        there = b"".join(path + b"\0" for path in shown)
        self._git.run("checkout-index", "-f", "-u", "-q", "-z", "--stdin", stdin=there)
        for change in files:
            if not change.new[1]:
                with suppress(FileNotFoundError):
                    os.unlink(self._git.path(os.fsdecode(change.path)))

    def _update_file(self, change: TreeChange, before: os.stat_result | None) -> os.stat_result | None:
        """Write a file that was a pointer or a manifest; any other file keeps its bytes.

        Git has just found the old blob's content there. The size guards against other conversions, such as
        that of line ends.

        Returns:
            The file's stat if it has the new blob's content; `None` if only Git can find that out.
        """
        old, new = self._blobs[change.old[1]], self._blobs[change.new[1]]
        path = os.fsdecode(change.path)
        if before is None or not stat.S_ISREG(before.st_mode):
            return None
        if old.kind != "plain" and _file_is(self._git, change.path, self._objects.read(change.old[1]).data):
            try:
                status = self._write(path, self._converter.content(change.old[1], old), before.st_mode)
            except ThetaError as error:
                explain(path, error)
                return None
            self.written.append(path)
        elif old.kind == "theta-0.2" or before.st_size != (new.size or 0):
            return None
        elif same_file(before, os.lstat(self._git.path(path))):
            status = before
        else:
            return None
        return status

    def _manifest(self, change: TreeChange) -> Manifest | None:
        """The manifest that a file is stored as now; `None` if it isn't known, or the file isn't tracked."""
        is_tracked = bool(change.new[1]) and self._blobs[change.new[1]].kind == "theta"
        return self._converter.known_manifest(change.new[1]) if is_tracked else None

    def _write(self, path: str, data: memoryview, mode: int) -> os.stat_result:
        with Replacement(self._git.path(path), stat.S_IMODE(mode)) as new:
            with open(new.handle, "wb", closefd=False) as file:
                for chunk in chunks(data):
                    file.write(chunk)
            set_mtime(new.handle, self._began)
            return new.commit()


def _sparse(git: Git) -> frozenset[bytes]:
    """Paths of files that a sparse checkout leaves out."""
    listing = git.run("ls-files", "-t", "-z").split(b"\0")
    return frozenset(record[2:] for record in listing if record.startswith(b"S "))


def _status(git: Git, path: bytes) -> os.stat_result | None:
    with suppress(OSError):
        return os.lstat(git.path(os.fsdecode(path)))
    return None


def _file_is(git: Git, path: bytes, text: bytes) -> bool:
    """Whether a file has exactly that content."""
    file = Path(git.path(os.fsdecode(path)))
    with suppress(OSError):
        if file.lstat().st_size == len(text) <= 64 * IN_MEMORY:
            return file.read_bytes() == text
    return False
