"""The tests of a repository, in the tracked file `.theta/tests.toml`."""

from __future__ import annotations

from collections.abc import Sequence

from git_theta.evaluation.model_test import ModelTest
from git_theta.evaluation.tests_text import TESTS_FILE, parse_tests
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.tracked_file import read_settings_file
from git_theta.git.repository.tracked_text import write_tracked_text
from git_theta.small_file import MAX_SETTINGS


def read_tests(repository: Repository, rev: str | None = None) -> tuple[ModelTest, ...]:
    """The tests that a repository has.

    Args:
        repository: The repository.
        rev: A revision; `None` for the work tree, else the index, else HEAD.

    Raises:
        UsageError: The file isn't valid.
    """
    data = read_tests_text(repository, rev)
    return parse_tests(data, f"{rev}:{TESTS_FILE}" if rev else TESTS_FILE)


def read_tests_text(repository: Repository, rev: str | None = None) -> bytes:
    """The text of the tests; empty if there's none. See `read_tests`."""
    if rev is None:
        return read_settings_file(repository, TESTS_FILE) or b""
    with Blobs(repository.git.cwd) as blobs:
        return blobs.read(f"{rev}:{TESTS_FILE}", MAX_SETTINGS) or b""


def split_words(tests: Sequence[ModelTest], words: Sequence[str]) -> tuple[list[ModelTest], Sequence[str]]:
    """The tests that words name, and the words from the first that doesn't, which name models."""
    known = {test.name: test for test in tests}
    count = next((index for index, word in enumerate(words) if word not in known), len(words))
    return [known[word] for word in words[:count]], words[count:]


def write_tests(repository: Repository, text: bytes) -> None:
    """Write the text of the tests into the work tree; an empty one removes the file.

    Raises:
        GitError: The repository is bare.
        UsageError: It can't be written.
    """
    write_tracked_text(repository.root, TESTS_FILE, text)
