"""Git commands of workers: without questions, within a time."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from git_theta.git.plumbing.command import said
from git_theta.git.plumbing.environment import internal_environment
from git_theta.jobs.job import WorkerError
from git_theta.runtime.programs import Programs

#: Variables that would lead Git to another repository than that of its folder.
_ELSEWHERE = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_PREFIX",
    "GIT_NAMESPACE",
)

#: Settings against programs that the machine's own settings name, and against filters: models stay manifests.
_PLAIN = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "filter.theta.process=",
    "filter.theta.smudge=",
    "filter.theta.clean=",
    "filter.theta.required=false",
    "gc.auto=0",
    "maintenance.auto=false",
)


def worker_environment() -> Mapping[str, str]:
    """The environment of Git on a worker: folders say which repository it is, and it asks no questions."""
    env = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    return {**env, "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "", "SSH_ASKPASS": ""}


@dataclass(frozen=True, slots=True)
class TimedGit:
    """Git in a folder, until a moment.

    Attributes:
        folder: The folder.
        programs: Ends the commands if the job is stopped.
        end: The moment, as `time.monotonic` has it; `None` for no end.
    """

    folder: Path
    programs: Programs
    end: float | None = None

    def run(self, *words: str) -> bytes:
        """The stdout of `git WORDS…`, of which the last 4 MiB are kept.

        Raises:
            WorkerError: The command failed, or took too long.
        """
        settings = [word for setting in _PLAIN for word in ("-c", setting)]
        left = None if self.end is None else max(0.1, self.end - time.monotonic())
        env = internal_environment(worker_environment())
        try:
            done = self.programs.run(["git", *settings, *words], self.folder, env, left)
        except OSError as error:
            # Also if the job was stopped.
            raise WorkerError(f"git can't be run: {error.strerror}") from error
        if done.is_late:
            raise WorkerError(f"git {words[0]} took too long")
        if done.code:
            raise WorkerError(f"git {words[0]} failed: {said(done.stderr) or f'exit code {done.code}'}")
        return done.stdout

    def ok(self, *words: str) -> bool:
        """Whether `git WORDS…` succeeds."""
        try:
            self.run(*words)
        except WorkerError:
            return False
        return True

    def at(self, folder: Path) -> TimedGit:
        """The same in another folder."""
        return TimedGit(folder, self.programs, self.end)
