from __future__ import annotations

import subprocess
import sys

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
