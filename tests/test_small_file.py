"""Small files that may be anything else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from git_theta.errors import UsageError
from git_theta.small_file import read_small_file


def test_a_regular_file_is_read_up_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(b"12345")
    assert read_small_file(path, 5) == b"12345"
    with pytest.raises(UsageError, match="is larger than"):
        read_small_file(path, 4)


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "."):
        with pytest.raises(UsageError, match="isn't a regular file"):
            read_small_file(tmp_path / name, 1 << 20)
    with pytest.raises(UsageError, match="there's no file"):
        read_small_file(tmp_path / "nothing", 1 << 20)
