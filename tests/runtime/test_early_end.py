"""Processes that Ctrl-C ends while their threads go on."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from git_theta.runtime.early_end import (
    register_temporary,
    remove_temporary,
    rename_temporary,
    temporary_folder,
)

_PROGRAM = """
    import os, signal, sys, threading, time
    from concurrent.futures import ThreadPoolExecutor
    from contextlib import suppress
    from pathlib import Path
    from git_theta.runtime.early_end import *

    signal.signal(signal.SIGINT, signal.default_int_handler)
    end_at_interrupt("interrupted")
    folder = Path(sys.argv[1])

    def register(name):
        (folder / name).touch()
        register_temporary(str(folder / name))

    def ready():
        print("ready", flush=True)
"""

#: The main thread waits for another one, or computes in C, where Python calls no signal handler.
_STUCK = {
    "a thread": """
        with suppress(KeyboardInterrupt), ThreadPoolExecutor(1) as pool:
            pool.submit(time.sleep, 60)
            ready()
        # An interrupted `join` takes its thread for a finished one.
        time.sleep(60)
    """,
    "the main thread": """
        import hashlib
        threading.Timer(0.3, ready).start()
        hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)
    """,
}


def start(folder: Path, program: str) -> subprocess.Popen[bytes]:
    text = textwrap.dedent(_PROGRAM) + textwrap.dedent(program)
    process = subprocess.Popen(
        [sys.executable, "-c", text, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    return process


@pytest.mark.parametrize(
    ("where", "number"),
    [("a thread", signal.SIGINT), ("the main thread", signal.SIGINT), ("a thread", signal.SIGTERM)],
)
def test_a_signal_ends_a_process_that_computes(tmp_path: Path, where: str, number: int) -> None:
    process = start(
        tmp_path,
        "register('object')\nos.mkdir(folder / 'own')\nregister('own/file')\n"
        "register_temporary(str(folder / 'own'))\n" + textwrap.dedent(_STUCK[where]),
    )
    process.send_signal(number)
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (130, b"interrupted\n")
    assert not list(tmp_path.iterdir())


def test_an_interrupt_that_is_ignored_later_ends_nothing(tmp_path: Path) -> None:
    """As while Git runs an editor in the same terminal."""
    process = start(
        tmp_path,
        """
        signal.signal(signal.SIGINT, lambda *_: None)
        ready()
        time.sleep(1)
        """,
    )
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20)[1] == b""
    assert process.returncode == 0


def test_a_signal_that_is_ignored_stays_so(tmp_path: Path) -> None:
    """As with `nohup`, and for Ctrl-C in a script's background."""
    program = (
        "import os, signal\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "from git_theta.runtime.early_end import end_at_interrupt\n"
        "end_at_interrupt('interrupted')\n"
        "os.kill(os.getpid(), signal.SIGHUP)\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
        "print('alive')\n"
        "try:\n    os.kill(os.getpid(), signal.SIGTERM)\n"
        "except KeyboardInterrupt:\n    os._exit(7)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=20)
    assert (done.returncode, done.stderr) == (7, b"")


def test_a_renamed_file_is_no_longer_removed(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.touch()
    register_temporary(str(old))
    rename_temporary(str(old), new)
    old.touch()
    remove_temporary(str(old))
    assert old.exists()
    assert new.exists()


def test_a_temporary_folder_is_removed(tmp_path: Path) -> None:
    with temporary_folder(tmp_path, "some-") as name:
        assert Path(name).parent == tmp_path
        (Path(name) / "file").touch()
    assert not list(tmp_path.iterdir())
