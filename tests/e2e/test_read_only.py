"""A repository on a file system that may only be read."""

from __future__ import annotations

import shlex
import subprocess
import sys

import pytest

from tests.helpers.read_only import IN_A_NAMESPACE, may_mount
from tests.helpers.repo import Repo
from tests.helpers.small_models import NAME, A, B

pytestmark = pytest.mark.skipif(not may_mount(), reason="no file systems may be mounted here")


@pytest.fixture(scope="module")
def original(tracked: Repo, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """B is committed after A."""
    repo = tracked.copy(tmp_path_factory.mktemp("original") / "repo")
    repo.theta("test", "add", "loads", "--all", "--", "test", "-s", "{model}")
    for number, data in enumerate((A, B)):
        repo.write(NAME, data)
        repo.commit(f"version {number}")
    return repo


def read_only(repo: Repo, command: str, before: str = "true") -> bytes:
    """The output of a command in a copy of a repository that can't be written to."""
    place = repo.path.parent / "mounted"
    place.mkdir(exist_ok=True)
    script = (
        f"mount -t tmpfs none {shlex.quote(str(place))} && cp -r {shlex.quote(str(repo.path))} {place}/r "
        f"&& cd {place}/r && {before} && mount -o remount,ro {place} && cd {place}/r && {command}"
    )
    done = subprocess.run([*IN_A_NAMESPACE, script], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_files_of_commits(original: Repo) -> None:
    assert read_only(original, f"git cat-file --filters HEAD~1:{NAME}") == A
    assert read_only(original, f"git archive HEAD {NAME} | tar xO {NAME}") == B


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("git status --porcelain", ""),
        ("git diff HEAD~1", NAME),
        ("git log -p", NAME),
        ("git theta status", ""),
        ("git theta ls-files", NAME),
        ("git theta log -- " + NAME, "version 1"),
        (f"git theta show HEAD~1:{NAME}", "F32"),
        ("git theta diff HEAD~1", NAME),
        ("git theta fsck", ""),
        ("git theta du", ""),
        ("git theta env", ""),
        ("git theta test run", "1 passed"),
    ],
)
def test_commands_that_read(original: Repo, command: str, expected: str) -> None:
    theta = f"{shlex.quote(sys.executable)} -m git_theta"
    assert expected in read_only(original, command.replace("git theta", theta)).decode()


def test_python(original: Repo) -> None:
    code = f"import git_theta; print(len(git_theta.load({NAME!r}, rev='HEAD~1')))"
    assert int(read_only(original, f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}")) > 0


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("git status --porcelain", f" M {NAME}\n"),
        ("git diff", f"{NAME}: "),
        ("git diff --stat", NAME),
        (f"git blame -s {NAME}", "git-theta manifest"),
        ("git describe --always --dirty", "-dirty"),
        ("git theta status", NAME),
    ],
)
def test_a_modified_file(original: Repo, command: str, expected: str) -> None:
    """Git has its manifest made only to compare it, and no value needs to be stored."""
    theta = f"{shlex.quote(sys.executable)} -m git_theta"
    modify = f"git cat-file --filters HEAD~1:{NAME} > {NAME}"
    assert expected in read_only(original, command.replace("git theta", theta), modify).decode()


def test_a_clone_that_lacks_objects_of_its_path(original: Repo) -> None:
    before = "git clone -q . ../c && rm -r ../c/.git/theta"
    assert (
        read_only(original, f"cd ../c && git status && git cat-file --filters HEAD~1:{NAME}", before)[
            -len(A) :
        ]
        == A
    )
