"""The verdict of a test, from what its command printed and how it ended."""

from __future__ import annotations

from dataclasses import dataclass

from git_theta.evaluation.metric import MetricError, read_metric
from git_theta.evaluation.model_test import ModelTest
from git_theta.runtime.programs import EndedProgram, signal_name

#: The exit code of commands that can't test a version, as `git bisect run` has it.
SKIPPED = 125

#: Lines and characters of the output of a failed command that are kept.
_LINES = 20
_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict of a test.

    Attributes:
        value: The metric; `None` if there's none.
        ok: Whether the command succeeded, with a metric if the test has one.
        problem: Why it didn't, in one line.
        is_skipped: Whether the command said that the version can't be tested.
        output: The last lines that a failed command printed.
        is_lasting: Whether the verdict is about the model: a metric; or success or failure, if the test has
            no metric. Other failures may be the machine's, and not come again.
    """

    value: float | None
    ok: bool
    problem: str = ""
    is_skipped: bool = False
    output: str = ""
    is_lasting: bool = False


def verdict(test: ModelTest, program: EndedProgram, text: bytes) -> Verdict:
    """The verdict of a test.

    Args:
        test: The test.
        program: Its command, which has ended.
        text: The text with the metric: what the command printed, or wrote to a file.
    """
    problem = _problem(test, program)
    if problem:
        is_skipped = program.code == SKIPPED
        is_lasting = not test.metric and not program.is_late and 0 < program.code < SKIPPED
        return Verdict(None, False, problem, is_skipped, _end_of(program), is_lasting)
    if not test.metric:
        return Verdict(None, True, is_lasting=True)
    try:
        return Verdict(read_metric(test.metric, text.decode(errors="replace")), True, is_lasting=True)
    except MetricError as error:
        return Verdict(None, False, error.message, False, _end_of(program))


def _problem(test: ModelTest, program: EndedProgram) -> str:
    if program.is_late:
        return f"the command took longer than {test.timeout:g} s, and was ended"
    if program.code == SKIPPED:
        return f"exit code {SKIPPED}: it says that it can't test this version"
    if program.code < 0:
        return f"{signal_name(-program.code)} ended the command"
    return f"exit code {program.code}" if program.code else ""


def _end_of(program: EndedProgram) -> str:
    """The last lines of a command's messages; of what it printed, if there are none."""
    text = (program.stderr.strip() or program.stdout.strip())[-4 * _CHARACTERS :].decode(errors="replace")
    return "\n".join(text[-_CHARACTERS:].splitlines()[-_LINES:])
