from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from git_theta.git.plumbing.file_times import SECOND_NS, set_mtime


def mtime_after(path: Path, earliest: int) -> tuple[int, int]:
    """The mtime that a file gets, and the one that the system would have given it."""
    with open(path, "wb") as file:
        os.utime(file.fileno())
        now = os.fstat(file.fileno()).st_mtime_ns
        set_mtime(file.fileno(), earliest)
        return os.fstat(file.fileno()).st_mtime_ns, now


def test_a_file_that_took_long_to_write_is_of_the_previous_second(tmp_path: Path) -> None:
    began = time.time_ns() - 5 * SECOND_NS
    mtime, now = mtime_after(tmp_path / "file", began)
    assert mtime % SECOND_NS == SECOND_NS - 1
    assert now - SECOND_NS <= mtime


@pytest.mark.parametrize("lead", [0, 100_000_000])
def test_no_file_is_older_than_the_checkout(tmp_path: Path, lead: int) -> None:
    began = time.time_ns() + lead
    mtime, now = mtime_after(tmp_path / "file", began)
    assert mtime >= began
    assert mtime != now
