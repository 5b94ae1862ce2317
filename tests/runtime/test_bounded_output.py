from __future__ import annotations

import os

import pytest

from git_theta.runtime.bounded_output import run_bounded


def shell(script: str) -> list[str]:
    return ["sh", "-c", script]


def test_both_streams_and_the_exit_code() -> None:
    done = run_bounded(shell("echo out; echo err >&2; cat; exit 3"), os.environ, 8)
    assert (done.returncode, done.stdout, done.stderr) == (3, b"out\n", b"err\n")


@pytest.mark.parametrize("script", ["yes", "yes >&2", "yes & yes >&2", "echo 12345"])
def test_more_than_the_limit(script: str) -> None:
    with pytest.raises(ValueError, match="more than 5 bytes"):
        run_bounded(shell(script), os.environ, 5)


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(OSError, match="nowhere"):
        run_bounded(["/nowhere"], os.environ, 5)
