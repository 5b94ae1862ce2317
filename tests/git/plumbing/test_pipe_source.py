from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import pytest

pytestmark = pytest.mark.skipif(not Path("/proc/self/fdinfo").exists(), reason="needs Linux's /proc")

_PIECE = 65516

_CHILD = """
import os, sys
from git_theta.git.plumbing.pipe_source import find_source
found = find_source(os.stat(sys.argv[1]), 0)
print(found and found.position())
"""


def position(path: Path, *wrapper: str, stdin: int = subprocess.PIPE) -> str:
    """The source that a child finds when its stdin is a pipe from this process, or that descriptor."""
    command = [*wrapper, sys.executable, "-c", _CHILD, str(path)]
    with subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE) as child:
        assert child.stdout
        return child.stdout.read().decode().strip()


def opened(path: Path) -> BinaryIO:
    return path.open("rb", buffering=0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(bytes(3 * _PIECE + 5))
    return path


def test_the_file_that_the_sender_reads_is_found(path: Path) -> None:
    assert position(path) == "None"
    with opened(path) as file:
        file.read(_PIECE)
        assert position(path) == str(_PIECE)
        # A shell between the two, as Git starts one for a filter with arguments.
        assert position(path, "sh", "-c", '"$@"; true', "sh") == str(_PIECE)
    assert position(path) == "None"


@pytest.mark.parametrize("offset", [0, 99, _PIECE + 1, 3 * _PIECE + 5])
def test_an_open_file_that_is_not_sent_is_no_source(path: Path, offset: int) -> None:
    with opened(path) as file:
        file.read(offset)
        assert position(path) == "None"
        with opened(path) as sent:
            sent.read(2 * _PIECE)
            assert position(path) == str(2 * _PIECE)


def test_two_possible_sources_are_none(path: Path) -> None:
    with opened(path) as one, opened(path) as other:
        one.read(_PIECE)
        other.read(2 * _PIECE)
        assert position(path) == "None"


def test_a_parent_that_does_not_send_is_no_source(path: Path) -> None:
    stdin, other_end = os.pipe()
    os.close(other_end)
    with opened(path) as file:
        file.read(_PIECE)
        assert position(path, stdin=stdin) == "None"
    os.close(stdin)


_ASKS = """
import sys
from git_theta.git.plumbing.pipe_source import makes_diff_copy
print(makes_diff_copy(sys.argv[1], 0))
"""


@pytest.mark.parametrize(
    ("name", "content", "is_copy"),
    [
        ("git-blob-a1B2c3/m.pt", b"", True),
        ("a1B2c3_m.pt", b"", True),
        ("git-blob-a1B2c3/m.pt", b"written", False),
        ("git-blob-a1B2c3/other.pt", b"", False),
        ("models/m.pt", b"", False),
        ("a_m.pt", b"", False),
    ],
)
def test_a_copy_for_a_diff_driver(tmp_path: Path, name: str, content: bytes, is_copy: bool) -> None:
    copy = tmp_path / name
    copy.parent.mkdir(exist_ok=True)
    with copy.open("wb", buffering=0) as file:
        file.write(content)
        command = [sys.executable, "-c", _ASKS, "models/m.pt"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert child.stdout
            assert child.stdout.read().decode().strip() == str(is_copy)


def test_a_copy_is_another_file(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.write_bytes(path.read_bytes())
    with opened(path) as file:
        file.read(_PIECE)
        assert position(copy) == "None"
