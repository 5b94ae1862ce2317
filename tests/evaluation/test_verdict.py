"""Verdicts from the end and the output of a command."""

from __future__ import annotations

import pytest

from git_theta.evaluation.model_test import ModelTest
from git_theta.evaluation.verdict import Verdict, verdict
from git_theta.runtime.programs import EndedProgram

PLAIN = ModelTest("t", ("c", "{model}"), timeout=5)
METRIC = ModelTest("t", ("c", "{model}"), metric="json:a")


def ended(
    code: int = 0, out: bytes = b"", err: bytes = b"", *, late: bool = False, cut: bool = False
) -> EndedProgram:
    return EndedProgram(code, out, err, 1.0, late, cut)


def test_the_exit_code_alone_decides_without_a_metric() -> None:
    assert verdict(PLAIN, ended(), b"") == Verdict(None, True, is_lasting=True)
    failed = verdict(PLAIN, ended(1, b"out", b"a\nb\n"), b"")
    assert failed == Verdict(None, False, "exit code 1", False, "a\nb", True)


def test_a_metric_is_read() -> None:
    assert verdict(METRIC, ended(), b'\xff\n{"a": 2}') == Verdict(2.0, True, is_lasting=True)
    failed = verdict(METRIC, ended(0, b"none"), b"none")
    assert not failed.ok
    assert failed.problem.startswith("the command printed no JSON")
    assert failed.output == "none"
    assert not failed.is_lasting


@pytest.mark.parametrize(
    ("program", "problem", "is_skipped"),
    [
        (ended(125), "exit code 125: it says that it can't test this version", True),
        (ended(-9), "SIGKILL ended the command", False),
        (ended(-99), "signal 99 ended the command", False),
        (ended(-15, late=True), "the command took longer than 5 s, and was ended", False),
        (ended(127), "exit code 127", False),
    ],
)
def test_failures_that_may_not_come_again(program: EndedProgram, problem: str, *, is_skipped: bool) -> None:
    found = verdict(PLAIN, program, b"")
    assert (found.ok, found.problem, found.is_skipped, found.is_lasting) == (
        False,
        problem,
        is_skipped,
        False,
    )


def test_a_failed_command_has_no_metric() -> None:
    found = verdict(METRIC, ended(1), b'{"a": 1}')
    assert (found.value, found.ok, found.is_lasting) == (None, False, False)


def test_the_end_of_a_long_output_is_kept() -> None:
    found = verdict(PLAIN, ended(1, err=b"".join(b"line %d \xff\n" % i for i in range(10_000))), b"")
    assert len(found.output.splitlines()) == 20
    assert found.output.endswith("line 9999 \N{REPLACEMENT CHARACTER}")
