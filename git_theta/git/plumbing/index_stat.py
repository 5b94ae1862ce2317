"""Size and times of files in Git's index, renewed without running a filter.

A file that is materialised after Git wrote its index entry has another size than the entry says, so
`git status` would call it modified. Every git command that could correct the entry would clean the file
first. Here the stat of the entry is rewritten instead, which is right as long as

* the entry has the blob that the file was made from; otherwise an unstaged change would look clean;
* the racy check of other entries stays as strong as it is: Git reads a file again unless its mtime is before
  that of the index. The index keeps its mtime while it holds such entries, unless Git finds their files
  unchanged in a later second.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

from git_theta.errors import GitError
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.file_times import SECOND_NS, is_costly
from git_theta.git.plumbing.index_format import (
    CorruptIndex,
    SplitIndex,
    UnsupportedIndex,
    check_index,
    entry_oid,
    entry_size,
    index_entries,
    renew_checksum,
    write_entry_stat,
)
from git_theta.runtime.early_end import register_temporary, remove_temporary, rename_temporary
from git_theta.store.cache import same_file

_NO_FILES: Mapping[bytes, os.stat_result] = {}


def _never(_entries: Mapping[bytes, int]) -> bool:
    return False


class IndexLocked(GitError):
    """Another process holds the lock of the index."""


def patch_stats(
    index: Path,
    root: Path,
    files: Mapping[bytes, str],
    *,
    stats: Mapping[bytes, os.stat_result] = _NO_FILES,
    unchanged: Callable[[Mapping[bytes, int]], bool] = _never,
    patience: float = 1.0,
) -> set[bytes]:
    """Rewrite the stat of the entries that hold the given blobs.

    Left alone: entries with another blob, conflict stages, intent-to-add, assume-valid and skip-worktree
    entries, and paths that aren't regular files on disk, or have changed since they were written.

    Args:
        index: Git's index file; if it's a symbolic link, the file that the link leads to is rewritten.
        root: The top of the work tree.
        files: Path relative to `root`, as in the index → hexadecimal id of its blob.
        stats: Path → result of fstat when the file was written. Other paths are looked at now, so a change
            since the write would go unseen: give the stat wherever another process may write, too.
        unchanged: Whether the files of some other entries, by path with their size in bytes, are as the index
            says. Asked with the index locked; these entries only have their age to tell.
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
    register_temporary(str(lock))
    # Git's own protocol for the index: the lock is the new file, and is renamed to the index.
    try:
        with open(descriptor, "wb") as new, open(index, "rb") as old:
            before = os.fstat(old.fileno())
            # All files are looked at after this moment, so a change of a later second is seen.
            now = os.fstat(new.fileno()).st_mtime_ns
            data = bytearray(old.read())
            patched, doubtful = _patch(data, root, files, stats, before.st_mtime_ns, now)
            if patched:
                younger = _may_be_younger([*patched.values()], now)
                certain = younger and (not doubtful or unchanged(doubtful))
                _write(new, data, before, now if certain else before.st_mtime_ns)
                rename_temporary(str(lock), index)
                renamed = True
            return set(patched)
    except FileNotFoundError:
        return set()
    finally:
        if not renamed:
            remove_temporary(str(lock))


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
    unchanged = _never
    if is_costly(stats.values()):
        unchanged = partial(_is_unchanged, git, sum(status.st_size for status in stats.values()))
    patch = partial(patch_stats, index, root, files, stats=stats, unchanged=unchanged, patience=patience)
    try:
        try:
            return patch()
        except SplitIndex:
            return _patch_joined(git, patch)
    except (UnsupportedIndex, CorruptIndex, IndexLocked):
        return set()


def _patch_joined(git: Git, patch: Callable[[], set[bytes]]) -> set[bytes]:
    # With core.splitIndex=true Git would warn, and might split the index again while it reads it.
    if not git.ok("-c", "core.splitIndex=false", "update-index", "--no-split-index"):
        return set()
    try:
        return patch()
    finally:
        git.ok("update-index", "--split-index")


def _is_unchanged(git: Git, limit: int, entries: Mapping[bytes, int]) -> bool:
    """Whether Git finds the files of some entries as its index says, by their content if need be.

    Args:
        git: Git for the index.
        limit: The most bytes that may be read. Otherwise the answer is no, and Git reads them when it must.
        entries: Path → size in bytes.
    """
    if sum(entries.values()) > limit:
        return False
    try:
        listing = git.run("diff-files", "--name-only", "-z", "--no-relative", "--ignore-submodules=all")
    except GitError:
        return False
    return entries.keys().isdisjoint(listing.split(b"\0"))


def _patch(
    data: bytearray,
    root: Path,
    files: Mapping[bytes, str],
    stats: Mapping[bytes, os.stat_result],
    before: int,
    now: int,
) -> tuple[dict[bytes, os.stat_result], dict[bytes, int]]:
    """Patch the bytes of the index in place.

    Args:
        data: The index.
        root: The top of the work tree.
        files: Path → id of its blob.
        stats: Path → stat when the file was written.
        before: The mtime of the index, in ns.
        now: The mtime that it's to have.

    Returns:
        The patched paths with their stat; and, with their size in bytes, other paths that Git would look into
        with the one mtime, but not with the other.
    """
    oid_size = len(next(iter(files.values()))) // 2
    check_index(data, oid_size)
    patched: dict[bytes, os.stat_result] = {}
    doubtful: dict[bytes, int] = {}
    for offset, mtime, patchable, name in index_entries(data, oid_size):
        if patchable and name in files and entry_oid(data, offset, oid_size) == files[name]:
            found = _lstat(root, name)
            if found is not None and stat.S_ISREG(found.st_mode) and same_file(stats.get(name, found), found):
                write_entry_stat(data, offset, found)
                patched[name] = found
                continue
        if before // SECOND_NS <= mtime < now // SECOND_NS:
            doubtful[name] = entry_size(data, offset)
    if patched:
        renew_checksum(data, oid_size)
    return patched, doubtful


def _may_be_younger(patched: Sequence[os.stat_result], now: int) -> bool:
    """Whether an index of the time `now`, in ns, hides no change of a patched file, and saves reading one."""
    return all(map(_tells_changes, patched)) and any(
        status.st_mtime_ns // SECOND_NS < now // SECOND_NS for status in patched
    )


def _tells_changes(status: os.stat_result) -> bool:
    """Whether any change between the last one and now would have changed a file's times.

    Some file systems keep whole seconds only.
    """
    return (
        bool(status.st_ctime_ns % SECOND_NS)
        or status.st_mtime_ns // SECOND_NS < status.st_ctime_ns // SECOND_NS
    )


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


def _write(new: BinaryIO, data: bytearray, before: os.stat_result, mtime: int) -> None:
    """Write the new index into its lock file, with the permissions of the old one and an mtime in ns."""
    new.write(data)
    new.flush()
    os.fchmod(new.fileno(), stat.S_IMODE(before.st_mode))  # as core.sharedRepository made it
    os.utime(new.fileno(), ns=(before.st_atime_ns, mtime))
