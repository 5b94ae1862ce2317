from __future__ import annotations

import signal
import subprocess
import sys
import textwrap

import pytest

WARNING = """
import sys
from unittest.mock import patch
import git_theta.__main__ as program
with patch.object(sys, "argv", ["git-theta", "--version"]):
    program.main()
import warnings
warnings.warn("overflow", RuntimeWarning)
"""


@pytest.mark.parametrize(("options", "shown"), [((), False), (("-W", "default"), True)])
def test_warnings_of_libraries_are_shown_if_python_is_asked(options: tuple[str, ...], shown: bool) -> None:
    done = subprocess.run(
        [sys.executable, *options, "-c", WARNING], capture_output=True, text=True, check=True
    )
    assert ("RuntimeWarning" in done.stderr) == shown


_STUCK = """
    import signal, sys, time
    from concurrent.futures import ThreadPoolExecutor
    from git_theta.__main__ import main
    from git_theta.cli import du

    def stuck(**_options):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(time.sleep, 60)
            print("computing", flush=True)

    du.command.callback = stuck
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv[1:] = ["du"]
    sys.exit(main())
"""


def test_ctrl_c_ends_a_command_that_waits_for_its_threads() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_STUCK)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout
    assert process.stdout.readline() == b"computing\n"
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=20)
    assert (process.returncode, told.strip()) == (130, b"interrupted")
