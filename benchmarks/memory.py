"""Peak anonymous memory of git and of its filter, sampled while a command runs (Linux only)."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.sandbox import Repository

_INTERVAL = 0.005


@dataclass(frozen=True, slots=True)
class Peak:
    """Peak anonymous resident memory in bytes; the page cache and mapped files don't count."""

    git: int
    filter: int


def available() -> bool:
    """Whether this system reports memory of processes in `/proc`."""
    return Path("/proc/self/task").is_dir()


def peak(repository: Repository, *arguments: str) -> Peak:
    """Run a git command and watch it: git itself, and the sum over all processes that it starts.

    Raises:
        RuntimeError: The command failed, or no filter was seen.
    """
    command = ["git", *arguments]
    with subprocess.Popen(
        command,
        cwd=repository.path,
        env=repository.home.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        git = rest = 0
        while process.poll() is None:
            git = max(git, _anonymous(process.pid))
            rest = max(rest, sum(_anonymous(child) for child in _descendants(process.pid)))
            time.sleep(_INTERVAL)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed in {repository.path}")
    if not git or not rest:
        raise RuntimeError(f"{' '.join(command)}: git or its filter was never seen running")
    return Peak(git, rest)


def _anonymous(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    for line in status.splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in map(int, children.read_text().split()):
                found += [child, *_descendants(child)]
    except OSError:
        pass
    return found
