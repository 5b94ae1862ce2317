"""Hermetic repositories: each tool has a home, a Git configuration and a PATH of its own."""

from __future__ import annotations

import mmap
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

PATTERN = "*.safetensors"

#: Bytes of memory: twice the file of most cases, its objects, and Git itself.
_WOKEN = 2 << 30

_CHECKOUT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Tool:
    """A filter to measure.

    Attributes:
        name: Also the name of its driver in the Git configuration and of its folder in `.git`.
        install: Run once per home, as an argument list.
        track: Run once per repository.
        version: Prints the version: what start-up costs.
    """

    name: str
    install: tuple[str, ...]
    track: tuple[str, ...]
    version: tuple[str, ...]


THETA = Tool(
    "theta",
    (sys.executable, "-m", "git_theta", "install"),
    ("git", "theta", "track", PATTERN),
    ("git", "theta", "--version"),
)
LFS = Tool(
    "lfs",
    ("git", "lfs", "install", "--skip-repo"),
    ("git", "lfs", "track", PATTERN),
    ("git", "lfs", "version"),
)
TOOLS = {tool.name: tool for tool in (THETA, LFS)}


@dataclass(frozen=True, slots=True)
class Home:
    """A tool installed for a user that exists only under `root`."""

    tool: Tool
    root: Path

    @classmethod
    def create(cls, tool: Tool, root: Path) -> Home:
        """Install the tool under a new folder."""
        home = cls(tool, root)
        (root / "bin").mkdir(parents=True)
        script = root / "bin" / "git-theta"
        script.write_text(f"#!{sys.executable}\nfrom git_theta.__main__ import main\nmain()\n")
        script.chmod(0o755)
        for key, value in {
            "user.name": "Benchmark",
            "user.email": "benchmark@example.org",
            "init.defaultBranch": "main",
            "advice.detachedHead": "false",
            "gc.auto": "0",
            "maintenance.auto": "false",
        }.items():
            home.run("git", "config", "--global", key, value, cwd=root)
        home.run(*tool.install, cwd=root)
        return home

    @property
    def env(self) -> dict[str, str]:
        """The environment of every command: without the caller's Git settings."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "XDG_"))}
        return kept | {
            "HOME": str(self.root),
            "GIT_CONFIG_GLOBAL": str(self.root / ".gitconfig"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C",
            "PATH": f"{self.root / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(_CHECKOUT),
        }

    def run(self, *command: str, cwd: Path, **env: str) -> str:
        """Run a command and return its output.

        Raises:
            RuntimeError: It failed; the message has its error output.
        """
        done = subprocess.run(
            command, cwd=cwd, env=self.env | env, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed in {cwd}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def repository(self, name: str) -> Repository:
        """A new repository that tracks `PATTERN`, with the attributes committed."""
        path = self.root / name
        path.mkdir()
        repository = Repository(self, path)
        repository.git("init", "--quiet")
        self.run(*self.tool.track, cwd=path)
        repository.git("add", ".gitattributes")
        repository.git("commit", "--quiet", "--message", "attributes")
        return repository

    def filter_command(self) -> str:
        """The shell command of the long-running filter process."""
        return self.run("git", "config", f"filter.{self.tool.name}.process", cwd=self.root).strip()


def wake_memory() -> None:
    """Touch as much memory as a command needs, and free it again.

    The host of a virtual machine takes back what the guest doesn't use, page by page. To get a page again
    costs 4 to 13 us, more than either tool does with it, and it's chance which of them pays.
    """
    free = os.sysconf("SC_AVPHYS_PAGES") * mmap.PAGESIZE if "SC_AVPHYS_PAGES" in os.sysconf_names else 0
    size = min(_WOKEN, free // 2)
    if size:
        with mmap.mmap(-1, size) as memory:
            for offset in range(0, size, mmap.PAGESIZE):
                memory[offset] = 1


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository that uses one tool."""

    home: Home
    path: Path

    def git(self, *arguments: str, **env: str) -> str:
        """Run git in the repository."""
        return self.home.run("git", *arguments, cwd=self.path, **env)

    def timed(self, *arguments: str, **env: str) -> float:
        """Seconds that a git command takes, once earlier writes have reached the disk, with memory awake."""
        os.sync()
        wake_memory()
        start = time.perf_counter()
        self.git(*arguments, **env)
        return time.perf_counter() - start

    def commit(self, message: str = "change") -> None:
        """Commit the index, then wait until the second in which files were written is over."""
        self.git("commit", "--quiet", "--message", message)
        self.settle()

    def settle(self) -> None:
        """Wait until no index entry is racy, and let git refresh the index."""
        time.sleep(1.1)
        self.git("status")
        time.sleep(1.1)

    def stored_bytes(self) -> int:
        """Bytes of the objects that the tool stored.

        Raises:
            RuntimeError: There are none, so the tool wasn't at work and measures nothing.
        """
        folder = self.path / ".git" / self.home.tool.name / "objects"
        stored = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        if not stored:
            raise RuntimeError(f"{self.home.tool.name} stored nothing in {self.path}")
        return stored

    def remove(self) -> None:
        """Delete the repository."""
        shutil.rmtree(self.path)
