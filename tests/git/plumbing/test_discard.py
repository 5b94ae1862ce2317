"""The process that throws content away; tests run it from a script, since it isn't started among threads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from git_theta.git.plumbing.discard import DiscardProcess
from git_theta.git.plumbing.pktline import MAX_DATA

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")

_START = """
import os, signal, sys
from git_theta.git.plumbing.discard import DiscardProcess
discarder = DiscardProcess(0)
"""


def run(code: str, stdin: bytes = b"") -> str:
    command = [sys.executable, "-c", _START + code]
    done = subprocess.run(command, input=stdin, capture_output=True, check=True, timeout=60)
    assert not done.stderr
    return done.stdout.decode().strip()


def packets(*sizes: int) -> bytes:
    return b"".join(b"%04x" % (size + 4) + bytes(size) for size in sizes) + b"0000"


def test_content_is_taken_and_what_follows_is_left() -> None:
    code = """
assert discarder.begin()
assert discarder.result() == 40 * 65516 + 3
assert os.read(0, 5) == b"hello"
assert discarder.begin()
assert discarder.result() == 7
discarder.close()
print(os.read(0, 100))
"""
    assert run(code, packets(*[MAX_DATA] * 40, 3) + b"hello" + packets(7) + b"bye") == "b'bye'"


@pytest.mark.parametrize("stdin", [b"", b"0008ab", b"zzzz", b"0003", packets(9)[:-1]])
def test_content_that_breaks_off_has_no_result(stdin: bytes) -> None:
    code = """
from git_theta.errors import GitError
assert discarder.begin()
for _ in range(2):
    try:
        discarder.result()
    except GitError as error:
        print(error.message)
discarder.close()
"""
    assert run(code, stdin).splitlines() == ["git closed the filter's input in the middle of a file"] * 2


def test_a_killed_process_has_no_result() -> None:
    code = """
from git_theta.errors import GitError
assert discarder.begin() and discarder.result() == 1
os.kill(discarder._process, signal.SIGKILL)
os.waitid(os.P_PID, discarder._process, os.WEXITED | os.WNOWAIT)
assert discarder.begin()
try:
    discarder.result()
except GitError:
    print("refused")
discarder.close()
"""
    assert run(code, packets(1) + packets(2)) == "refused"


def test_it_ends_with_its_parent_and_keeps_no_output_open() -> None:
    # The script's output ends although the other process is in the middle of a packet.
    with subprocess.Popen(
        [sys.executable, "-c", _START + "assert discarder.begin(); os._exit(0)"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as script:
        assert script.stdin is not None
        assert script.stdout is not None
        script.stdin.write(b"ffff")
        script.stdin.flush()
        assert script.stdout.read() == b""


def test_it_ignores_ctrl_c() -> None:
    code = """
assert discarder.begin() and discarder.result() == 1
os.kill(discarder._process, signal.SIGINT)
assert discarder.begin() and discarder.result() == 2
discarder.close()
print("both")
"""
    assert run(code, packets(1) + packets(2)) == "both"


def test_it_is_not_started_among_threads() -> None:
    code = """
from threading import Event, Thread
done = Event()
thread = Thread(target=done.wait)
thread.start()
print(discarder.begin())
done.set()
thread.join()
discarder.close()
"""
    assert run(code) == "False"


def test_closing_what_was_not_started_does_nothing() -> None:
    DiscardProcess(0).close()
