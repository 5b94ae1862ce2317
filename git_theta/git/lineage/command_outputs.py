"""Outputs of a command: their places checked before it runs, and their old content back if it fails."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from git_theta.errors import UsageError
from git_theta.git.install.set_up import check_set_up
from git_theta.git.lineage.run_program import RunError
from git_theta.git.plumbing.check_attr import attribute_values
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.store.sweep import COPIES_PREFIX


def check_tracked(git: Git, outputs: Sequence[str]) -> None:
    """Check that outputs are models to git-theta, by their paths from the top.

    Raises:
        UsageError: The attributes don't say so, or Git's settings don't have the filter.
    """
    check_set_up(git)
    kinds = attribute_values(git, "filter", outputs)
    for path in outputs:
        if kinds.get(path) != "theta":
            suffix = os.path.splitext(path)[1]
            pattern = f"*{suffix}" if suffix else path
            raise UsageError(f"{path} isn't tracked", f"track it: git theta track '{pattern}'")


def check_places(repository: Repository, outputs: Sequence[str], folder: str) -> None:
    """Check that a command can write its outputs below the top of the work tree, and Git can add them.

    Args:
        repository: The repository, with Git at the top.
        outputs: Paths of files from the top.
        folder: The folder that the command runs in, from the top; empty for the top.

    Raises:
        UsageError: An output is named twice, in a folder of Git's own or ignored by it, or isn't a regular
            file; a folder on the way to it is a link; or the folder to run in isn't there.
    """
    for path in outputs:
        place = repository.root / path
        if outputs.count(path) > 1:
            raise UsageError(f"{path} is named twice", "name each model once")
        if ".git" in path.lower().split("/"):
            raise UsageError(
                f"{path} is in a folder of Git's own, and couldn't be added", "name another path"
            )
        _check_no_link(repository, path)
        if place.is_dir():
            raise UsageError(f"{path} is a folder", "name the file in it that the command makes")
        if os.path.lexists(place) and not place.is_file():
            raise UsageError(f"{path} isn't a regular file", "name another file")
    check_not_ignored(repository.git, outputs)
    if folder:
        _check_no_link(repository, folder)
        if not (repository.root / folder).is_dir():
            raise UsageError(f"there's no folder {folder} to run the command in", f"mkdir -p {folder}")


def check_not_ignored(git: Git, paths: Sequence[str]) -> None:
    """Check that no ignore file keeps `git add` from files.

    Args:
        git: Git at the top of the work tree.
        paths: Paths of files from the top.

    Raises:
        UsageError: A file is ignored, and not in the index.
    """
    for path in paths:
        # The beginning of a path isn't the magic of a pathspec then.
        if git.ok("check-ignore", "--stdin", "-z", stdin=b"./" + os.fsencode(path) + b"\0"):
            raise UsageError(
                f"{path} is ignored, and couldn't be added to Git",
                "`git check-ignore -v` of it says which line does that",
            )


def _check_no_link(repository: Repository, path: str) -> None:
    """Check that neither a path from the top nor a folder on the way to it is a link.

    Raises:
        UsageError: One is.
    """
    parts = path.split("/")
    for count in range(1, len(parts) + 1):
        part = "/".join(parts[:count])
        if os.path.islink(repository.root / part):
            raise UsageError(f"{part} is a link, and its target isn't Git's", "name a path without links")


@dataclass(frozen=True, slots=True)
class Stat:
    """Whether a file was written: its identity, size and times; equal if it wasn't."""

    inode: int
    size: int
    mtime: int
    ctime: int


def stat_of(path: Path) -> Stat | None:
    """The stat of a file; `None` if there's none."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return Stat(found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def check_written(repository: Repository, outputs: Mapping[str, Stat | None]) -> None:
    """Check that a command has written each of its outputs.

    Args:
        repository: The repository.
        outputs: Path from the top → its stat before the command ran.

    Raises:
        RunError: It hasn't.
    """
    for path, before in outputs.items():
        place = repository.root / path
        if not place.is_file() or place.is_symlink():
            raise RunError(f"the command made no file {path}")
        if stat_of(place) == before:
            raise RunError(f"the command didn't write {path}: it's the file of before")
        if place.stat().st_size == 0:
            raise RunError(f"the command left {path} empty")


@contextmanager
def restored_on_failure(repository: Repository, outputs: Sequence[str], *, keep: bool) -> Iterator[None]:
    """Give outputs their old content, or none, if the block ends with an exception.

    Args:
        repository: The repository, with Git at the top.
        outputs: Paths of files from the top.
        keep: Whether to leave outputs as the command made them even then.

    Raises:
        RunError: An output can't get its old content back, which is somewhere else then.
    """
    # Commands may remove or replace whole folders of outputs, so the copies are elsewhere.
    temporary = repository.common_dir / "theta" / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    copies = Path(tempfile.mkdtemp(prefix=COPIES_PREFIX, dir=temporary))
    try:
        old = _copy_files(repository, outputs, copies)
    except BaseException:
        shutil.rmtree(copies, ignore_errors=True)
        raise
    folders: list[Path] = []
    try:
        folders = _make_folders(repository, outputs)
        yield
    except BaseException:
        if not keep:
            lost = [path for path in outputs if not _put_back(repository.root / path, old.get(path))]
            if lost:
                raise RunError(
                    f"{lost[0]} can't be as it was before: the command put something else there",
                    f"the old file is {old[lost[0]]}",
                ) from None
        for folder in reversed(folders):
            with suppress(OSError):
                folder.rmdir()
        shutil.rmtree(copies, ignore_errors=True)
        raise
    shutil.rmtree(copies, ignore_errors=True)


def _copy_files(repository: Repository, outputs: Sequence[str], folder: Path) -> dict[str, Path]:
    """Path → a copy in a folder, of each output that is there."""
    copies = {}
    for number, path in enumerate(outputs):
        place = repository.root / path
        if place.exists():
            copies[path] = folder / f"{number}-{place.name}"[:200]
            shutil.copy2(place, copies[path])
    return copies


def _put_back(place: Path, copy: Path | None) -> bool:
    """Give a file the content of its copy, or remove it if there's none; whether the old content is safe."""
    if copy is None:
        if place.is_file() or place.is_symlink():
            place.unlink()
        return True
    try:
        if place.is_dir() and not place.is_symlink():
            place.rmdir()
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        shutil.move(copy, place)
    except OSError:
        return False
    return True


def _make_folders(repository: Repository, outputs: Sequence[str]) -> list[Path]:
    """Make the folders of outputs; those that weren't there, the outermost first."""
    made: list[Path] = []
    for path in outputs:
        folders = [repository.root / path, *(repository.root / path).parents][1:]
        made += reversed([folder for folder in folders if not folder.exists()])
        folders[0].mkdir(parents=True, exist_ok=True)
    return list(dict.fromkeys(made))
