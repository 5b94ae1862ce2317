"""Sealed tests: no test sees the user's home, settings or clock zone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.helpers.repo import Repo

# Several threads for matrices of a few KiB take longer than one, and wait for each other on a busy machine.
# numpy reads this when it's loaded, which no import above does.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# No test depends on the time that it takes: the machine may be busy. There are fewer examples than usual, as
# every run has others; `--hypothesis-profile=thorough` has more.
settings.register_profile(
    "untimed", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", settings.get_profile("untimed"), max_examples=400)
settings.load_profile("untimed")

_SETTINGS = """
[user]
    name = Test
    email = test@example.com
[init]
    defaultBranch = main
[protocol "file"]
    allow = always
[advice]
    detachedHead = false
"""


@pytest.fixture(autouse=True, scope="session")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A temporary home, with git-theta installed in its Git settings."""
    home = tmp_path_factory.mktemp("home")
    settings = home / ".gitconfig"
    settings.write_text(_SETTINGS)
    with pytest.MonkeyPatch.context() as patch:
        # A shell's background jobs ignore Ctrl-C, and those of nohup hangups; so would all processes that
        # tests start.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        for name in [name for name in os.environ if name.startswith(("GIT_", "THETA_", "XDG_"))]:
            patch.delenv(name)
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)  # or each process compiles all its modules
        patch.setenv("HOME", str(home))
        patch.setenv("GIT_CONFIG_GLOBAL", str(settings))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.setenv("GIT_EDITOR", "true")
        patch.setenv("GIT_TERMINAL_PROMPT", "0")  # or tests in a terminal would wait for an answer
        patch.setenv("GIT_CEILING_DIRECTORIES", str(home.parent))
        patch.setenv("LC_ALL", "C.UTF-8")
        patch.setenv("TZ", "UTC")
        subprocess.run(
            [sys.executable, "-m", "git_theta", "install"], check=True, capture_output=True, cwd=home
        )
        yield home


@pytest.fixture(scope="session")
def tracked(sealed: Path, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """An empty repository that tracks the usual checkpoints, to be copied."""
    made = Repo(tmp_path_factory.mktemp("tracked"))
    made.git("init", "-q")
    made.theta("track", "*.safetensors", "*.pt", "*.bin")
    return made


@pytest.fixture
def repo(tracked: Repo, tmp_path: Path) -> Repo:
    """An empty repository that tracks the usual checkpoints."""
    return tracked.copy(tmp_path / "repo")
