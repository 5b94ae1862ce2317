"""Commands that make models: run in the work tree, with everything as it was if they fail."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from git_theta.errors import ThetaError, UsageError
from git_theta.git.plumbing.check_attr import attribute_values
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.sigint import interrupts_left_to_others
from git_theta.git.repository.repository import Repository


class RunError(ThetaError):
    """A command failed, or didn't make what it should."""


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


def dirty_paths(git: Git, paths: Sequence[str]) -> list[str]:
    """The paths, from the top, whose files aren't as in the index, or that the index doesn't have.

    Args:
        git: Git at the top of the work tree.
        paths: Paths of files from the top.
    """
    if not paths:
        return []
    # Files that were only touched are no different.
    git.ok("update-index", "-q", "--refresh")
    specs = [f":(top,literal){path}" for path in paths]
    listed = {os.fsdecode(name) for name in git.records("ls-files", "-z", "--", *specs)}
    changed = git.records("diff-files", "-z", "--name-only", "--", *specs)
    different = {os.fsdecode(name) for name in changed}
    return [path for path in paths if path not in listed or path in different]


def check_tracked(git: Git, outputs: Sequence[str]) -> None:
    """Check that outputs are models to git-theta, by their paths from the top.

    Raises:
        UsageError: The attributes don't say so.
    """
    kinds = attribute_values(git, "filter", outputs)
    for path in outputs:
        if kinds.get(path) != "theta":
            suffix = os.path.splitext(path)[1]
            pattern = f"*{suffix}" if suffix else path
            raise UsageError(f"{path} isn't tracked", f"track it: git theta track '{pattern}'")


@contextmanager
def restored_on_failure(repository: Repository, outputs: Sequence[str], *, keep: bool) -> Iterator[None]:
    """Give outputs their old content, or none, if the block ends with an exception.

    Args:
        repository: The repository, with Git at the top.
        outputs: Paths of files from the top.
        keep: Whether to leave outputs as the command made them even then.
    """
    with ExitStack() as stack:
        copies = stack.enter_context(_copies(repository, outputs))
        folders = _make_folders(repository, outputs)
        try:
            yield
        except BaseException:
            if not keep:
                for path, copy in copies.items():
                    place = repository.root / path
                    if copy is not None:
                        os.replace(copy, place)
                    elif place.is_file() or place.is_symlink():
                        place.unlink()
            for folder in reversed(folders):
                with suppress(OSError):
                    folder.rmdir()
            raise


def _make_folders(repository: Repository, outputs: Sequence[str]) -> list[Path]:
    """Make the folders of outputs; those that weren't there, the outermost first."""
    made: list[Path] = []
    for path in outputs:
        folders = [repository.root / path, *(repository.root / path).parents][1:]
        made += reversed([folder for folder in folders if not folder.exists()])
        folders[0].mkdir(parents=True, exist_ok=True)
    return list(dict.fromkeys(made))


@contextmanager
def _copies(repository: Repository, outputs: Sequence[str]) -> Iterator[Mapping[str, Path | None]]:
    """Path → a copy of each output in the folder of the output, so that it can be put back by a rename."""
    made: dict[str, Path | None] = {}
    try:
        for path in outputs:
            place = repository.root / path
            made[path] = None
            if place.exists():
                handle, name = tempfile.mkstemp(prefix=".git-theta-run-", dir=place.parent)
                os.close(handle)
                made[path] = Path(name)
                shutil.copy2(place, name)
        yield made
    finally:
        for copy in made.values():
            if copy is not None:
                copy.unlink(missing_ok=True)


def run_program(words: Sequence[str], cwd: Path, env: Mapping[str, str]) -> None:
    """Run a program with this process's input and output, and wait for it.

    Ctrl-C is the program's; so is SIGTERM, which is passed on.

    Raises:
        RunError: It can't be started, failed, or a signal ended it.
    """
    try:
        with interrupts_left_to_others():
            program = subprocess.Popen(words, cwd=cwd, env=env)
            before = signal.signal(signal.SIGTERM, lambda _number, _frame: program.terminate())
            try:
                code = program.wait()
            finally:
                signal.signal(signal.SIGTERM, before)
    except OSError as error:
        raise RunError(f"{words[0]} can't be run: {error.strerror or error}") from error
    if code < 0:
        name = signal.Signals(-code).name if -code in {*signal.Signals} else f"signal {-code}"
        raise RunError(f"{name} ended the command")
    if code:
        raise RunError(f"the command failed: exit code {code}")


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
