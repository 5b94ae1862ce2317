"""Files that commands of tests read, and their content: a result holds as long as that's the same."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Lock

from blake3 import blake3

from git_theta.errors import ThetaError, UsageError
from git_theta.evaluation.model_test import ModelTest
from git_theta.evaluation.tests_text import TESTS_FILE

#: Files of a folder that are looked at.
_MAX_FILES = 100_000

#: Folders that belong to programs.
_SKIPPED = (".git", "__pycache__")

#: Parts of a word between characters that separate words in a shell, or options from their values.
_PARTS = re.compile(r"[^\s=;|&<>()'\"`$]+")

#: The stat by which a file that was written to is known: inode, size, and times in ns.
_Stat = tuple[int, int, int, int]


class CommandInputs:
    """The files that commands read, each hashed when first asked for, and again when it was written to.

    For several threads.

    Args:
        top: The folder that commands run in: the top of the work tree.
    """

    def __init__(self, top: Path) -> None:
        self._top = top
        self._known: dict[str, tuple[_Stat, str]] = {}
        self._lock = Lock()

    def of(self, test: ModelTest) -> dict[str, str]:
        """Path → digest of the content, of each file that a test's command reads, as far as it's known.

        These are the inputs of the test, and the files and folders that its command names. Of files outside
        of the work tree, size and time stand for the content; folders there don't count.

        Raises:
            UsageError: An input of the test isn't there.
            ThetaError: A file can't be read.
        """
        for path in test.inputs:
            if not os.path.exists(self._top / path):
                raise UsageError(f"test {test.name} reads {path}, which isn't there", f"mend {TESTS_FILE}")
        named = {*test.inputs, *_named(test.command)}
        inside = sorted(path for path in named if self._is_inside(path))
        files = {each for path in inside for each in self._files(path)}
        outside = sorted(path for path in named - {*inside} if os.path.isabs(path) or path.startswith("../"))
        try:
            found = {path: self._content(path) for path in sorted(files)}
            return found | {path: state for path in outside if (state := self._state(path))}
        except OSError as error:
            raise ThetaError(
                f"test {test.name} reads {error.filename}, which can't be read: {error.strerror}"
            ) from error

    def _is_inside(self, path: str) -> bool:
        normal = os.path.normpath(path)
        if not path or "\0" in path or os.path.isabs(path) or normal.split("/")[0] in ("..", ".", ".git"):
            return False
        return _exists(self._top / path)

    def _files(self, path: str) -> Iterator[str]:
        """The paths of a file, or of all files of a folder, from the top."""
        if not os.path.isdir(self._top / path):
            yield os.path.normpath(path)
            return
        count = 0
        for folder, folders, names in os.walk(self._top / path):
            folders[:] = [name for name in folders if name not in _SKIPPED]
            count += len(names)
            if count > _MAX_FILES:
                raise UsageError(
                    f"{path} has more than {_MAX_FILES:,} files", "name those that the test reads"
                )
            yield from (os.path.relpath(os.path.join(folder, name), self._top) for name in names)

    def _content(self, path: str) -> str:
        place = self._top / path
        try:
            status = os.stat(place)
        except FileNotFoundError:
            # A link whose target isn't there, or a file that was just removed.
            return "absent"
        if not stat.S_ISREG(status.st_mode):
            return "no regular file"
        now = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        with self._lock:
            known = self._known.get(path)
        if known and known[0] == now:
            return known[1]
        hasher = blake3(max_threads=blake3.AUTO)
        digest = hasher.update_mmap(place).hexdigest()
        with self._lock:
            self._known[path] = now, digest
        return digest

    def _state(self, path: str) -> str:
        """Size and time of a file outside of the work tree; empty if there's none."""
        if "\0" in path or not _exists(self._top / path) or not os.path.isfile(self._top / path):
            return ""
        status = os.stat(self._top / path)
        return f"{status.st_size} {status.st_mtime_ns}"


def _named(words: Iterable[str]) -> Iterator[str]:
    """Words, and parts of them, that may be paths: scripts of a shell have several."""
    for word in words:
        yield word
        yield from _PARTS.findall(word)


def _exists(place: Path) -> bool:
    """Whether there's a file or a folder; a name that is too long for one is none."""
    try:
        return place.exists()
    except OSError:
        return False
