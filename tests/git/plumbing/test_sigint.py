from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from git_theta.errors import ThetaError
from git_theta.git.plumbing.sigint import interrupts_ignored, interrupts_left_to_others, interrupts_raised


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_is_an_error_with_a_hint() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ThetaError, match="interrupted") as caught, interrupts_raised():
        interrupt()
    assert "run it again" in caught.value.hint
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupt_is_ignored() -> None:
    before = signal.getsignal(signal.SIGINT)
    with interrupts_ignored():
        interrupt()
    assert signal.getsignal(signal.SIGINT) is before


def test_long_work_may_be_interrupted_while_git_is_not() -> None:
    with interrupts_ignored():
        with pytest.raises(ThetaError), interrupts_raised():
            interrupt()
        interrupt()


def test_a_program_that_is_waited_for_gets_the_interrupt_alone() -> None:
    before = signal.getsignal(signal.SIGINT)
    with interrupts_left_to_others():
        program = subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(60)"], stderr=subprocess.PIPE
        )
        interrupt()
        program.send_signal(signal.SIGINT)
        program.communicate(timeout=20)
    assert program.returncode
    assert signal.getsignal(signal.SIGINT) is before
