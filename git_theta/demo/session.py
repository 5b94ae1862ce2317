"""Commands that are shown as they would be typed, with their output."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_theta.errors import GitError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rich.console import Console

_WIDTH = 110


@dataclass(frozen=True, slots=True)
class DemoSession:
    """A repository, and a console that shows the commands run in it.

    Attributes:
        directory: The folder in which commands run.
        console: The console that shows them.
    """

    directory: Path
    console: Console

    def say(self, text: str) -> None:
        """Print a sentence between the commands."""
        self.console.print(text, style="bold", markup=False, highlight=False)

    def git(self, *arguments: str, lines: int = 12) -> None:
        """Run git and show at most this many lines of its output; 0 hides the output.

        Raises:
            GitError: The command failed.
        """
        self._show("git", arguments, self._run("git", *arguments), lines)

    def theta(self, *arguments: str, lines: int = 12) -> None:
        """Run `git theta` with this interpreter, and show its output.

        Raises:
            GitError: The command failed.
        """
        output = self._run(sys.executable, "-m", "git_theta", *arguments)
        self._show("git theta", arguments, output, lines)

    def ask(self, *arguments: str) -> str:
        """The output of git, without showing it.

        Raises:
            GitError: The command failed.
        """
        return self._run("git", *arguments).strip()

    def has(self, setting: str) -> bool:
        """Whether Git's configuration has a value for a setting."""
        done = subprocess.run(
            ["git", "config", setting],
            cwd=self.directory,
            env=_environment(os.environ),
            capture_output=True,
            check=False,
        )
        return done.returncode == 0 and bool(done.stdout.strip())

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            command,
            cwd=self.directory,
            env=_environment(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        output = done.stdout.decode(errors="replace")
        if done.returncode:
            raise GitError(
                f"`{' '.join(command)}` failed with exit code {done.returncode}:\n{output.strip()}",
                f"look at the repository in {self.directory}, then try again in an empty folder",
            )
        return output

    def _show(self, program: str, arguments: tuple[str, ...], output: str, lines: int) -> None:
        typed = " ".join([program, *(_quoted(argument) for argument in arguments)])
        self.console.print(f"$ {typed}", style="cyan", markup=False, highlight=False, soft_wrap=True)
        printed = output.rstrip("\n").splitlines()
        shown = [line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…" for line in printed[:lines]]
        if len(printed) > lines > 0:
            shown.append(f"… {len(printed) - lines} more lines")
        for line in shown:
            self.console.print(f"  {line}", style="dim", markup=False, highlight=False, soft_wrap=True)


def _environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without variables that point Git at another repository, and with plain output."""
    kept = {key: value for key, value in environment.items() if key not in _REPOSITORY_VARIABLES}
    return kept | {"NO_COLOR": "1", "COLUMNS": str(_WIDTH), "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}


#: The variables of `git rev-parse --local-env-vars` that change which repository Git uses.
_REPOSITORY_VARIABLES = frozenset(
    {
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_PREFIX",
        "GIT_COMMON_DIR",
        "GIT_OBJECT_DIRECTORY",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_CONFIG",
        "GIT_NAMESPACE",
    }
)


def _quoted(argument: str) -> str:
    return f"'{argument}'" if not argument or set(argument) & set(' *?$"') else argument
