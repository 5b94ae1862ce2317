"""Programs in process groups."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from git_theta.runtime.programs import EndedProgram, Programs


def sh(script: str, cwd: Path, timeout: float | None = None) -> EndedProgram:
    return Programs().run(["sh", "-c", script], cwd, os.environ, timeout)


def test_streams_and_exit_code(tmp_path: Path) -> None:
    done = sh("pwd; echo bad >&2; cat; exit 3", tmp_path)
    assert (done.code, done.stdout, done.stderr) == (3, f"{tmp_path}\n".encode(), b"bad\n")
    assert not done.is_late
    assert not done.is_cut


def test_the_end_of_a_long_output_is_kept(tmp_path: Path) -> None:
    done = sh("head -c 9000000 /dev/zero; echo end", tmp_path)
    assert done.is_cut
    assert len(done.stdout) == 4 << 20
    assert done.stdout.endswith(b"\0end\n")


def test_a_program_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    done = sh("sleep 100 & echo $!; wait", tmp_path, timeout=0.2)
    assert done.is_late
    _wait_for_end(int(done.stdout))


def test_what_is_left_in_the_background_is_ended(tmp_path: Path) -> None:
    done = sh("sleep 100 & echo $!", tmp_path)
    assert done.code == 0
    _wait_for_end(int(done.stdout))


def test_a_program_without_streams_is_waited_for(tmp_path: Path) -> None:
    assert sh("exec >&- 2>&-; sleep 0.2; exit 4", tmp_path).code == 4
    assert sh("exec >&- 2>&-; sleep 100", tmp_path, timeout=0.2).is_late


def test_stop_ends_all_and_starts_none(tmp_path: Path) -> None:
    programs = Programs()
    threading.Timer(0.2, programs.stop).start()
    with pytest.raises(InterruptedError):
        programs.run(["sleep", "100"], tmp_path, os.environ)
    with pytest.raises(InterruptedError):
        programs.run(["touch", "made"], tmp_path, os.environ)
    assert not (tmp_path / "made").exists()


def test_a_program_that_isnt_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Programs().run(["no-such-program"], tmp_path, os.environ)


def _wait_for_end(pid: int) -> None:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{pid}/stat").exists() and ") Z " in Path(f"/proc/{pid}/stat").read_text():
            return
        time.sleep(0.05)
    raise AssertionError(f"process {pid} still runs")


def test_an_early_end_of_this_process_kills_what_it_started(tmp_path: Path) -> None:
    code = """
import os, sys, threading, time
from pathlib import Path
from git_theta.runtime.early_end import end_early
from git_theta.runtime.programs import Programs
place = Path(sys.argv[1])
script = "sleep 100 & echo $! > part; mv part pid; wait"
threading.Thread(target=lambda: Programs().run(["sh", "-c", script], place, os.environ)).start()
while not (place / "pid").exists():
    time.sleep(0.01)
end_early(3)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], timeout=60)
    assert done.returncode == 3
    _wait_for_end(int((tmp_path / "pid").read_text()))
