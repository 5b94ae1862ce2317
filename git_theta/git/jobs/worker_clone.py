"""A worker's clone of a remote, without values and without old files; and work trees of its commits."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Final

from git_theta.errors import GitError, full_disk_hint
from git_theta.git.jobs.remote_source import RemoteSource
from git_theta.git.jobs.timed_git import TimedGit, worker_environment
from git_theta.git.plumbing.command import Git
from git_theta.jobs.job import WorkerError
from git_theta.runtime.programs import Programs

#: Seconds that Git may take to get a commit with its files: another worker may be nearer to the remote.
GIT_PATIENCE: Final = 1800.0

#: Objects that are named in one command.
_BATCH: Final = 400

#: Work trees that are kept for later jobs.
_KEPT_TREES: Final = 8

#: The file in Git's folder of a work tree that says that the tree is complete.
_COMPLETE: Final = "theta-complete"


class WorkerClone:
    """A clone in a folder that several processes and threads may use at once.

    Git's own filters and hooks are off: the work trees have manifests in place of models, and nothing of the
    repository runs.

    Args:
        folder: The folder for clones.
        source: The remote.
        programs: Runs Git.
        end: The moment until which Git may run, as `time.monotonic` has it.
    """

    def __init__(
        self, folder: Path, source: RemoteSource, programs: Programs, end: float | None = None
    ) -> None:
        self._place = folder / source.identity
        self._source = source
        self._git = TimedGit(folder, programs, end)

    @property
    def _repository(self) -> Path:
        return self._place / "repository.git"

    @contextmanager
    def work_tree(self, *commits: str) -> Iterator[Path]:
        """A work tree of the first of some commits, which no other job uses; afterwards, it's free again.

        Args:
            commits: Ids of commits: of these, all files that Git has are here then. Values of models are
                fetched when they are read.

        Raises:
            WorkerError: The remote can't be reached, doesn't have a commit, or the disk is full.
        """
        with ExitStack() as stack:
            try:
                self._place.mkdir(parents=True, exist_ok=True)
                with _locked(self._place / "lock"):
                    self._clone()
                    for commit in dict.fromkeys(commits):
                        self._fetch(commit)
                tree = self._free_tree(commits[0], stack)
            except OSError as error:
                raise WorkerError(
                    f"the worker can't write to {self._place}: {error.strerror}", full_disk_hint(error)
                ) from error
            yield tree

    def _clone(self) -> None:
        if self._repository.exists():
            return
        with tempfile.TemporaryDirectory(prefix="new-", dir=self._place) as new:
            settings = (("theta.hooks", "false"), *self._source.settings)
            chosen = [word for key, value in settings for word in ("--config", f"{key}={value}")]
            words = (
                "clone",
                "-q",
                "--bare",
                "--filter=blob:none",
                *chosen,
                "--",
                self._source.url,
                "clone.git",
            )
            self._git.at(Path(new)).run(*words)
            (Path(new) / "clone.git").rename(self._repository)

    def _fetch(self, commit: str) -> None:
        """Get a commit, and all its blobs."""
        git = self._git.at(self._repository)
        if not git.ok("cat-file", "-e", f"{commit}^{{commit}}"):
            git.run("fetch", "-q", "--no-tags", "--filter=blob:none", "origin", "+refs/heads/*:refs/heads/*")
        if not git.ok("cat-file", "-e", f"{commit}^{{commit}}"):
            git.run("fetch", "-q", "--no-tags", "--filter=blob:none", "origin", commit)
        missing = self._missing_blobs(commit)
        for start in range(0, len(missing), _BATCH):
            options = ("--no-tags", "--no-write-fetch-head", "--recurse-submodules=no", "--filter=blob:none")
            # Without negotiation: nothing of what is here has these blobs.
            plain = ("-c", "fetch.negotiationAlgorithm=noop")
            git.run(*plain, "fetch", "-q", *options, "origin", *missing[start : start + _BATCH])

    def _missing_blobs(self, commit: str) -> list[str]:
        git = Git(self._repository, worker_environment())
        words = ("rev-list", "--objects", "--missing=print", "--no-walk", commit)
        try:
            lines = git.records(*words, end=b"\n")
            return [line[1:].decode() for line in lines if line.startswith(b"?")]
        except GitError as error:
            raise WorkerError(error.message, error.hint) from error

    def _free_tree(self, commit: str, stack: ExitStack) -> Path:
        """A work tree of a commit that nobody uses, made if there's none; the end of the stack frees it."""
        trees = self._place / "trees"
        trees.mkdir(exist_ok=True)
        for number in count():
            tree = trees / f"{commit}-{number}"
            if stack.enter_context(_tried_lock(tree.with_suffix(".lock"))):
                with _locked(self._place / "lock"):
                    self._make_or_clean(tree, commit)
                    os.utime(tree)
                    self._remove_old(trees)
                return tree
        raise AssertionError

    def _make_or_clean(self, tree: Path, commit: str) -> None:
        complete = self._repository / "worktrees" / tree.name / _COMPLETE
        if tree.exists() and complete.exists():
            git = self._git.at(tree)
            git.run("reset", "-q", "--hard", commit)
            git.run("clean", "-q", "-ffdx")
            return
        self._remove(tree)
        self._git.at(self._repository).run("worktree", "add", "-q", "-f", "--detach", str(tree), commit)
        complete.touch()

    def _remove_old(self, trees: Path) -> None:
        """Remove work trees that were used longest ago."""
        found = sorted((each for each in trees.iterdir() if each.is_dir()), key=_time, reverse=True)
        for tree in found[_KEPT_TREES:]:
            with _tried_lock(tree.with_suffix(".lock")) as is_free:
                if is_free:
                    self._remove(tree)

    def _remove(self, tree: Path) -> None:
        shutil.rmtree(tree, ignore_errors=True)
        shutil.rmtree(self._repository / "worktrees" / tree.name, ignore_errors=True)


def _time(folder: Path) -> float:
    with suppress(OSError):
        return folder.stat().st_mtime
    return 0.0


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file; other processes and threads wait."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def _tried_lock(path: Path) -> Iterator[bool]:
    """Whether the lock of a file is free; then it's held."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True
    finally:
        os.close(handle)
