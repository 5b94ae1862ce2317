"""A program that runs with this process's input and output, and never outlives the call."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from git_theta.errors import ThetaError
from git_theta.git.plumbing.sigint import interrupts_left_to_others
from git_theta.runtime.programs import signal_group, signal_name, start_problem

#: The descriptor of stderr.
_STDERR = 2

#: The variable that tells programs that what they make is recorded by the command that runs them.
_INSIDE = "GIT_THETA_RUN"


class RunError(ThetaError):
    """A command failed, or didn't make what it should."""


class RunInterruptedError(RunError):
    """A command was ended together with this process, by Ctrl-C for example."""


def is_inside_run() -> bool:
    """Whether this program is run by a command that records what it makes, such as `git theta run`."""
    return _INSIDE in os.environ


def run_program(
    words: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    timeout: float | None = None,
    *,
    to_stderr: bool = False,
) -> None:
    """Run a program with this process's input and output, and wait for it.

    Ctrl-C is the program's; so are SIGTERM and SIGHUP, which are passed on. The program never outlives the
    call: it would write its outputs after they got their old content.

    Args:
        words: The program and its arguments.
        cwd: The folder to run it in.
        env: Its environment.
        timeout: Seconds that it may take; `None` for any time. With a number, nobody is expected to sit in
            front of it: it has no input, and programs that it has started end with it.
        to_stderr: Whether its output goes to this process's stderr, as the stdout is for something else.

    Raises:
        RunInterruptedError: It failed after this process was told to end.
        RunError: It can't be started, failed, took too long, or a signal ended it.
    """
    alone = timeout is not None
    try:
        with interrupts_left_to_others(), _passed_on() as (programs, received):
            stdin = subprocess.DEVNULL if alone else None
            # Ctrl-C in a terminal reaches programs of this process's own group only.
            program = subprocess.Popen(
                words,
                cwd=cwd,
                env={**env, _INSIDE: "1"},
                stdin=stdin,
                stdout=_STDERR if to_stderr else None,
                process_group=0 if alone else None,
            )
            programs.append(_RunningProgram(program, alone))
            try:
                code = program.wait(timeout)
            except BaseException:
                programs[0].kill()
                program.wait()
                raise
            programs[0].end_others()
    except subprocess.TimeoutExpired as error:
        raise RunError(f"the command took longer than {timeout:g} seconds, and was ended") from error
    except (OSError, ValueError) as error:
        raise RunError(f"{words[0]} can't be run: {start_problem(error)}") from error
    if code:
        text = (
            f"{signal_name(-code)} ended the command" if code < 0 else f"the command failed: exit code {code}"
        )
        raise RunInterruptedError(text) if received else RunError(text)


@dataclass(frozen=True, slots=True)
class _RunningProgram:
    """A program that runs.

    Attributes:
        process: The process.
        has_group: Whether it's the first of a process group of its own.
    """

    process: subprocess.Popen[bytes]
    has_group: bool

    def pass_on(self, number: int) -> None:
        """Pass a signal on that this process got. The terminal has sent Ctrl-C to this process's group."""
        if self.has_group:
            signal_group(self.process, number)
        elif number != signal.SIGINT:
            self.process.send_signal(number)

    def kill(self) -> None:
        """End the program, and all others of its group."""
        self.process.kill()
        self.end_others()

    def end_others(self) -> None:
        """End programs that it has left running, if it had a group of its own."""
        if self.has_group:
            signal_group(self.process, signal.SIGKILL)


@contextmanager
def _passed_on() -> Iterator[tuple[list[_RunningProgram], list[int]]]:
    """Pass SIGINT, SIGTERM and SIGHUP on to the programs of a list, which is filled in the block.

    Yields:
        The list of programs, and the list of the signals that were received.
    """
    programs: list[_RunningProgram] = []
    received: list[int] = []

    def pass_on(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        for program in programs:
            program.pass_on(number)

    # A signal that is ignored, as by nohup, stays ignored.
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    passed = [each for each in numbers if signal.getsignal(each) != signal.SIG_IGN]
    before = {each: signal.signal(each, pass_on) for each in passed}
    try:
        yield programs, received
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
