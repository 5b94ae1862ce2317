from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_CHILD = """
import os, sys
from git_theta.git.plumbing.pipe_source import find_source
found = find_source(os.stat(sys.argv[1]))
print(found and found.position())
"""


def position(path: Path, *wrapper: str) -> str:
    command = [*wrapper, sys.executable, "-c", _CHILD, str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.skipif(not Path("/proc/self/fdinfo").exists(), reason="needs Linux's /proc")
def test_a_parents_open_file_is_found(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    assert position(path) == "None"
    with path.open("rb", buffering=0) as file:
        file.read(3)
        assert position(path) == "3"
        file.read()
        assert position(path) == "10"
        # A shell between the two, as Git starts one for a filter with arguments.
        assert position(path, "sh", "-c", '"$@"; true', "sh") == "10"
    assert position(path) == "None"


def test_a_copy_is_another_file(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"same")
    (tmp_path / "other").write_bytes(b"same")
    with (tmp_path / "one").open("rb"):
        assert position(tmp_path / "other") == "None"
