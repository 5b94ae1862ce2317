"""Files that commands of tests read, and their content: a result holds as long as that's the same."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from threading import Lock

from git_theta.errors import ThetaError, UsageError
from git_theta.evaluation.model_test import ModelTest
from git_theta.evaluation.script_references import imported_modules, module_paths, shell_words
from git_theta.evaluation.tests_text import TESTS_FILE
from git_theta.git.evaluation.file_digests import FileDigests

#: Files of a folder that are looked at, and scripts that are read for what they refer to, at most.
_MAX_FILES = 100_000
_MAX_SCRIPTS = 2000

#: Bytes of a script that are read.
_MAX_SCRIPT = 1 << 20

#: Folders that belong to programs.
_SKIPPED = (".git", "__pycache__")

#: Ends of the names of scripts of a shell.
_SHELL = (".sh", ".bash")

#: A folder beside the top where projects have their packages.
_SOURCES = "src"


class CommandInputs:
    """The files that commands read. For several threads.

    Args:
        top: The folder that commands run in: the top of the work tree.
    """

    def __init__(self, top: Path) -> None:
        self._top = top
        self._digests = FileDigests(top)
        self._references: dict[tuple[str, str], list[str]] = {}
        self._lock = Lock()

    def of(self, test: ModelTest) -> dict[str, str]:
        """Path → digest, of each file that a test's command reads, as far as that can be known.

        These are the inputs of the test; the files and folders that its command names; and, of scripts of
        Python and of a shell, the modules and files in the work tree that they refer to, and so on.

        Raises:
            UsageError: An input of the test isn't there.
            ThetaError: A file can't be read.
        """
        for path in test.inputs:
            if not os.path.exists(self._top / path):
                raise UsageError(f"test {test.name} reads {path}, which isn't there", f"mend {TESTS_FILE}")
        named = {*test.inputs, *_named(test.command)}
        inside = [path for path in named if self._is_inside(path)]
        outside = [path for path in named if self._is_file_outside(path)]
        todo = sorted({each for path in inside for each in self._files(path)})
        todo += [path for name in _modules(test.command) for path in self._of_modules("", [name])]
        found: dict[str, str] = {}
        scripts = 0
        try:
            while todo:
                path = todo.pop()
                if path not in found:
                    found[path] = self._digests.digest(path)
                    scripts += path.endswith((".py", *_SHELL))
                    todo += self._referred(path, found[path]) if scripts <= _MAX_SCRIPTS else []
            return found | {path: self._digests.digest(path) for path in outside}
        except OSError as error:
            raise ThetaError(
                f"test {test.name} reads {error.filename}, which can't be read: {error.strerror}"
            ) from error

    def _is_inside(self, path: str) -> bool:
        normal = os.path.normpath(path)
        if not path or "\0" in path or os.path.isabs(path) or normal.split("/")[0] in ("..", ".", ".git"):
            return False
        return _exists(self._top / path)

    def _is_file_outside(self, path: str) -> bool:
        if "\0" in path or not (os.path.isabs(path) or path.startswith("../")):
            return False
        return _exists(self._top / path) and os.path.isfile(self._top / path)

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

    def _referred(self, path: str, digest: str) -> list[str]:
        """Paths of the files that a script refers to; none of another file."""
        if not path.endswith((".py", *_SHELL)):
            return []
        with self._lock:
            known = self._references.get((path, digest))
        if known is None:
            known = self._read_references(path)
            with self._lock:
                self._references[path, digest] = known
        return known

    def _read_references(self, path: str) -> list[str]:
        text = ""
        # A file that isn't there any more changes the digest of its path.
        with suppress(OSError), open(self._top / path, "rb") as file:
            text = file.read(_MAX_SCRIPT).decode(errors="replace")
        if path.endswith(_SHELL):
            words = [word for word in shell_words(text) if self._is_inside(word)]
            return [each for word in words if os.path.isfile(self._top / word) for each in self._files(word)]
        absolute, relative = imported_modules(text)
        folder = os.path.dirname(path)
        found = [each for root in (folder, "", _SOURCES) for each in self._of_modules(root, absolute)]
        for dots, name in relative:
            root = os.path.normpath(os.path.join(folder or ".", *[".."] * (dots - 1)))
            if root.split("/")[0] != "..":
                found += self._of_modules(root, [name] if name else [])
        return found

    def _of_modules(self, root: str, names: Sequence[str]) -> Iterator[str]:
        """Paths of the files of modules below a folder, from the top, as far as there are such files."""
        for path in module_paths(names):
            full = os.path.normpath(os.path.join(root, path))
            if os.path.isfile(self._top / full):
                yield full


def _named(words: Sequence[str]) -> Iterator[str]:
    """Words, and parts of them, that may be paths: scripts of a shell have several."""
    for word in words:
        yield word
        yield from shell_words(word)


def _modules(words: Sequence[str]) -> Iterator[str]:
    """Names of modules that Python is told to run, by `-m`."""
    parts = [part for word in words for part in shell_words(word)]
    for option, name in pairwise(parts):
        if option == "-m" and name.replace(".", "").isidentifier():
            yield name
            yield f"{name}.__main__"


def _exists(place: Path) -> bool:
    """Whether there's a file or a folder; a name that is too long for one is none."""
    try:
        return place.exists()
    except OSError:
        return False
