"""Size and times of files in Git's index, renewed without running a filter.

A file that is materialised after Git wrote its index entry has another size than the entry says, so
`git status` would call it modified. Every git command that could correct the entry would clean the file
first. Here the stat of the entry is rewritten instead, which is right as long as

* the entry has the blob that the file was made from; otherwise an unstaged change would look clean;
* the racy check of other entries stays as strong as it is: Git reads a file again if its mtime isn't older
  than the index, so the index keeps its own mtime while it holds such entries.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from git_theta.errors import GitError
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.index_format import (
    CorruptIndex,
    SplitIndex,
    UnsupportedIndex,
    check_index,
    entry_oid,
    index_entries,
    renew_checksum,
    write_entry_stat,
)

_NO_FILES: Mapping[bytes, os.stat_result] = {}


class IndexLocked(GitError):
    """Another process holds the lock of the index."""


def patch_stats(
    index: Path,
    root: Path,
    files: Mapping[bytes, str],
    *,
    stats: Mapping[bytes, os.stat_result] = _NO_FILES,
    patience: float = 1.0,
) -> set[bytes]:
    """Rewrite the stat of the entries that hold the given blobs.

    Left alone: entries with another blob, conflict stages, intent-to-add, assume-valid and skip-worktree
    entries, and paths that aren't regular files on disk.

    Args:
        index: Git's index file; if it's a symbolic link, the file that the link leads to is rewritten.
        root: The top of the work tree.
        files: Path relative to `root`, as in the index → hexadecimal id of its blob.
        stats: Path → result of fstat when the file was written. Other paths are looked at now, so a change
            since the write would go unseen: give the stat wherever another process may write, too.
        patience: Seconds to wait for the lock.

    Returns:
        The paths whose entries match now. Empty if there's no index.

    Raises:
        UnsupportedIndex: The index is split (`SplitIndex`), or of an unknown version.
        CorruptIndex: The index can't be read; it's left as it is.
        IndexLocked: Another process kept the lock for longer than `patience`.
    """
    if not files:
        return set()
    index = Path(os.path.realpath(index))
    lock = Path(f"{index}.lock")
    renamed = False
    try:
        descriptor = _lock(lock, patience)
    except FileNotFoundError:
        return set()
    # Git's own protocol for the index: the lock is the new file, and is renamed to the index.
    try:
        with open(descriptor, "wb") as new, open(index, "rb") as old:
            before = os.fstat(old.fileno())
            data = bytearray(old.read())
            patched, racy = _patch(data, root, files, stats, before.st_mtime_ns // 10**9)
            if patched:
                _write(new, data, before, keep_mtime=racy)
                os.rename(lock, index)
                renamed = True
            return patched
    except FileNotFoundError:
        return set()
    finally:
        if not renamed:
            lock.unlink()


def refresh_stats(
    git: Git,
    index: Path,
    root: Path,
    files: Mapping[bytes, str],
    *,
    stats: Mapping[bytes, os.stat_result] = _NO_FILES,
    patience: float = 1.0,
) -> set[bytes]:
    """As `patch_stats`, for a split index too, and with fewer paths in the result rather than an error.

    A path that isn't returned looks modified to Git until `git add` or `git status` cleans it, which costs
    time but is never wrong. A split index is joined, patched and split again: that's the only way with Git's
    own commands that neither runs a filter nor could stage anything.

    Args:
        git: Git for the same index, so its environment names `index` if that isn't the default one.
        index: See `patch_stats`, as for the other arguments.
        root: The top of the work tree.
        files: Path → id of its blob.
        stats: Path → stat when the file was written.
        patience: Seconds to wait for the lock.
    """
    try:
        return patch_stats(index, root, files, stats=stats, patience=patience)
    except SplitIndex:
        return _refresh_split(git, index, root, files, stats, patience)
    except (UnsupportedIndex, CorruptIndex, IndexLocked):
        return set()


def quiet_mtime_ns(index: Path) -> int:
    """The mtime, in ns, for a file that is written now, so that Git needn't read it again because of its age.

    Git reads a file again if it isn't older than the index, and the index may keep its mtime when it's
    patched. Two seconds earlier, since many builds of Git compare whole seconds, and some file systems keep
    even ones only.
    """
    now = time.time_ns()
    with contextlib.suppress(OSError):
        now = min(now, os.stat(index).st_mtime_ns)
    return now - 2 * 10**9


def _refresh_split(
    git: Git,
    index: Path,
    root: Path,
    files: Mapping[bytes, str],
    stats: Mapping[bytes, os.stat_result],
    patience: float,
) -> set[bytes]:
    # With core.splitIndex=true Git would warn, and might split the index again while it reads it.
    if not git.ok("-c", "core.splitIndex=false", "update-index", "--no-split-index"):
        return set()
    try:
        return patch_stats(index, root, files, stats=stats, patience=patience)
    except (UnsupportedIndex, CorruptIndex, IndexLocked):
        return set()
    finally:
        git.ok("update-index", "--split-index")


def _patch(
    data: bytearray,
    root: Path,
    files: Mapping[bytes, str],
    stats: Mapping[bytes, os.stat_result],
    written: int,
) -> tuple[set[bytes], bool]:
    """Patch the bytes of the index in place.

    Args:
        data: The index.
        root: The top of the work tree.
        files: Path → id of its blob.
        stats: Path → stat when the file was written.
        written: The mtime of the index, in seconds.

    Returns:
        The patched paths, and whether an entry that stays as it is isn't older than the index.
    """
    oid_size = len(next(iter(files.values()))) // 2
    check_index(data, oid_size)
    patched: set[bytes] = set()
    racy = False
    for offset, mtime, patchable, name in index_entries(data, oid_size):
        if patchable and name in files and entry_oid(data, offset, oid_size) == files[name]:
            status = stats.get(name) or _lstat(root, name)
            if status is not None and stat.S_ISREG(status.st_mode):
                write_entry_stat(data, offset, status)
                patched.add(name)
                continue
        racy = racy or mtime >= written
    if patched:
        renew_checksum(data, oid_size)
    return patched, racy


def _lstat(root: Path, name: bytes) -> os.stat_result | None:
    try:
        return os.lstat(os.path.join(os.fsencode(root), name))
    except OSError:
        return None


def _lock(path: Path, patience: float) -> int:
    """Create the lock file, and return its descriptor.

    Raises:
        IndexLocked: Another process kept the lock for longer than `patience` seconds.
    """
    deadline = time.monotonic() + patience
    pause = 0.001
    while True:
        try:
            return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except FileExistsError:
            if time.monotonic() + pause > deadline:
                hint = f"wait for the other git command; if there's none, remove {path}"
                raise IndexLocked("git's index is locked", hint) from None
        time.sleep(pause)
        pause = min(2 * pause, 0.05)


def _write(new: BinaryIO, data: bytearray, before: os.stat_result, *, keep_mtime: bool) -> None:
    """Write the new index into its lock file, with the permissions of the old one."""
    new.write(data)
    new.flush()
    os.fchmod(new.fileno(), stat.S_IMODE(before.st_mode))  # as core.sharedRepository made it
    if keep_mtime:
        os.utime(new.fileno(), ns=(before.st_atime_ns, before.st_mtime_ns))
