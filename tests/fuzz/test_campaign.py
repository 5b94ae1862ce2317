"""Campaigns: each kind of failure is found, and an input comes again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from git_theta.errors import FormatError
from tests.fuzz import __main__ as command
from tests.fuzz import campaign
from tests.fuzz.campaign import TooSlowError, run
from tests.fuzz.target import Target


def target(read: Callable[[bytes], object]) -> Target:
    return Target("toy", lambda random: random.randbytes(9), read)


def refuse(data: bytes) -> None:
    if data[:1] > b"\x80":
        raise FormatError("no")


def forever(_data: bytes) -> None:
    while True:
        pass


def test_inputs_are_read_or_refused() -> None:
    outcome = run(target(refuse), 1, range(100))
    assert outcome.read + outcome.refused == 100
    assert min(outcome.read, outcome.refused) > 10
    assert not outcome.failures


@pytest.mark.parametrize(
    ("read", "error"),
    [
        (lambda data: data[1 << 20], IndexError),
        (forever, TooSlowError),
        (lambda _data: bytearray(2 << 30), MemoryError),
    ],
    ids=["exception", "time", "memory"],
)
def test_failures_are_found(
    read: Callable[[bytes], object], error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaign, "MAX_SECONDS", 0.05)
    (failure,) = run(target(read), 7, range(5, 6)).failures
    assert isinstance(failure.error, error)
    assert (failure.index, failure.data) == (5, target(read).input(7, 5))


def test_the_command_keeps_inputs_that_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "TARGETS", {"toy": target(lambda data: data[1 << 20])})
    done = CliRunner().invoke(command.main, ["--seed", "7", "--count", "1", "--keep", str(tmp_path / "kept")])
    assert done.exit_code == 1
    assert "toy: 0 read, 0 refused, 1 failed" in done.output
    assert "again: python -m tests.fuzz toy --seed 7 --first 0 --count 1" in done.output
    assert (tmp_path / "kept" / "toy-7-0").read_bytes() == target(refuse).input(7, 0)
    assert CliRunner().invoke(command.main, ["other"]).exit_code == 2
