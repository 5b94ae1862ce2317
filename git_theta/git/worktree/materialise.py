"""Write checkpoints over their manifests in the work tree, after Git has finished with them.

Git holds the whole of a smudged file in memory. So a large file is answered with its manifest, and
the file itself is written when Git has closed the pipe: to a temporary file, then renamed over the
manifest, then the stat in the index is renewed, so that `git status` knows it without a look inside.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from git_theta.errors import ThetaError
from git_theta.git.plumbing.file_times import set_mtime
from git_theta.git.plumbing.index_stat import refresh_stats
from git_theta.git.plumbing.notices import explain
from git_theta.git.plumbing.work_file import work_file
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.known_files import KnownFiles
from git_theta.git.worktree.pending_files import PendingFile, manifest_text
from git_theta.git.worktree.smudge_filter import smudge
from git_theta.git.worktree.writing_lock import writing_files
from git_theta.model.manifest import Manifest
from git_theta.report.text import plural
from git_theta.runtime.atomic_write import Replacement
from git_theta.runtime.shared_folders import make_folders


def materialise(
    repository: Repository,
    known_files: KnownFiles,
    pending: Iterable[PendingFile],
    began: int,
    progress: Callable[[int], object] = lambda _count: None,
) -> list[str]:
    """Write the files and renew their stat in the index.

    A file that isn't exactly its manifest any more is left alone. A failure is reported on stderr, leaves
    the manifest where it is, and doesn't keep the other files from being written.

    Args:
        repository: The repository, with Git at the top of its work tree.
        known_files: Remembers each file.
        pending: The files.
        began: When the checkout began, in ns since the epoch: no file gets an earlier mtime.
        progress: Called with the number of bytes of each finished parameter.

    Returns:
        The paths that failed.
    """
    with writing_files(repository):
        return _materialise(repository, known_files, list(pending), began, progress)


def _materialise(
    repository: Repository,
    known_files: KnownFiles,
    pending: Sequence[PendingFile],
    began: int,
    progress: Callable[[int], object],
) -> list[str]:
    failed = []
    done: list[tuple[PendingFile, os.stat_result]] = []
    for item in pending:
        with suppress(OSError):
            _have_git_look(repository, item)
    try:
        for item in pending:
            try:
                status = _write(repository, known_files, item, began, progress)
                if status:
                    done.append((item, status))
            except (ThetaError, OSError) as error:
                failed.append(item.path)
                explain(item.path, error)
    finally:
        if done:
            _refresh(repository, done)
            known_files.remember_written([(item.manifest, status) for item, status in done])
    return failed


def explain_failed(paths: Sequence[str]) -> None:
    """Tell a user who didn't ask for a checkout how files are written that couldn't be."""
    if paths:
        verb = "is" if len(paths) == 1 else "are"
        explain(
            None,
            ThetaError(
                f"{plural(len(paths), 'file')} {verb} still a manifest",
                "when the cause is gone, run: git theta checkout",
            ),
        )


def _write(
    repository: Repository,
    known_files: KnownFiles,
    item: PendingFile,
    began: int,
    progress: Callable[[int], object],
) -> os.stat_result | None:
    """Write one file; returns its stat, or `None` if it may not be replaced any more."""
    path = repository.git.path(item.path)
    if not _is_inside(repository.git.folder, item.path):
        return None
    if manifest_text(path) != item.text:
        return _written_by_a_hook(known_files, path, item.manifest)
    old = os.lstat(path)
    with Replacement(path, stat.S_IMODE(old.st_mode), folder=_temporary_folder(repository, path)) as new:
        smudge(repository, known_files, item.manifest, new.handle, progress)
        set_mtime(new.handle, max(began, old.st_mtime_ns))
        if manifest_text(path) != item.text:
            return None
        return new.commit()


def _have_git_look(repository: Repository, item: PendingFile) -> None:
    """Put an equal file with another inode in a manifest's place.

    Should this process be killed, Git sees that the file isn't the one of its index, and starts a filter,
    which can write it.
    """
    path = repository.git.path(item.path)
    if _is_inside(repository.git.folder, item.path) and manifest_text(path) == item.text:
        old = os.lstat(path)
        with Replacement(path, stat.S_IMODE(old.st_mode), folder=_temporary_folder(repository, path)) as new:
            with open(new.handle, "wb", closefd=False) as file:
                file.write(item.text)
            os.utime(new.handle, ns=(old.st_atime_ns, old.st_mtime_ns))
            if manifest_text(path) == item.text:
                new.commit()


def _written_by_a_hook(known_files: KnownFiles, path: str, manifest: Manifest) -> os.stat_result | None:
    """The stat of a file that is materialised already; `None` if it isn't.

    A hook does it in the middle of a rebase, for example, and renews the index too; but git goes on with
    the index that it has in memory, and writes that.
    """
    with work_file(path) as file:
        return file.status if file and known_files.manifest(file) == manifest else None


def _is_inside(top: Path, path: str) -> bool:
    """Whether a file is really below the work tree: a link may have taken the place of a folder."""
    real = os.path.realpath(top)
    folder = os.path.dirname(path)
    return os.path.realpath(os.path.join(real, folder)) == os.path.normpath(os.path.join(real, folder))


def _temporary_folder(repository: Repository, path: str) -> str | Path:
    """A folder on the disk of a path, for temporary files: the store's rather than one of the work tree."""
    folder = os.path.dirname(path) or "."
    tmp = repository.store.tmp
    with suppress(OSError):
        make_folders(tmp)
        if os.stat(tmp).st_dev == os.stat(folder).st_dev:
            return tmp
    return folder


def _refresh(repository: Repository, done: Sequence[tuple[PendingFile, os.stat_result]]) -> None:
    """Renew the stat of written files in the index."""
    files = {os.fsencode(item.path): item.oid for item, _status in done}
    stats = {os.fsencode(item.path): status for item, status in done}
    try:
        refresh_stats(repository.git, repository.index, repository.git.folder, files, stats=stats)
    except (ThetaError, OSError) as error:
        # Only speed is lost: Git will clean the files again, and find them equal.
        explain(None, ThetaError(f"the index couldn't be refreshed: {error}", "run `git status` once"))
