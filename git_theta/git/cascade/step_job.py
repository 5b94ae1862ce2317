"""A step of a cascade as a job: its command runs in a scratch work tree, in any process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from git_theta.cascade.state import CascadeOptions, StepState
from git_theta.git.cascade.attempt import attempt_step
from git_theta.git.cascade.old_files import index_lines
from git_theta.git.cascade.scratch_tree import scratch_tree
from git_theta.git.lineage.run_program import RunInterruptedError
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository

#: Variables that name a repository, its work tree or its index.
_NAMING = ("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_PREFIX")


@dataclass(frozen=True, slots=True)
class StepJob:
    """A step whose models are made by a command.

    Attributes:
        root: The top of the work tree.
        tree_id: The tree of the index that it starts from.
        running: The step.
        options: The user's choices about how.
    """

    root: Path
    tree_id: str
    running: StepState
    options: CascadeOptions


@dataclass(frozen=True, slots=True)
class StepJobResult:
    """The result of a job.

    Attributes:
        state: The state of the step; `None` if it was interrupted.
        after: Entries of the index, of all files that the step changes.
    """

    state: StepState | None
    after: tuple[str, ...] = ()


def run_job(job: StepJob) -> StepJobResult:
    """Carry out a step in a scratch work tree.

    Raises:
        ThetaError: There can be no such tree.
    """
    repository = Repository(Git(job.root, dict(os.environ)))
    models = {*job.running.step.parents, *job.running.step.models}
    with _no_named_repository(), scratch_tree(repository, job.tree_id, models) as scratch:
        try:
            state = attempt_step(scratch, job.running, job.options, {})
        except RunInterruptedError:
            return StepJobResult(None)
        return StepJobResult(state, index_lines(scratch.git, job.running.paths))


@contextmanager
def _no_named_repository() -> Iterator[None]:
    """Take variables out of this process's environment that would lead commands to the user's work tree."""
    kept = {name: os.environ.pop(name) for name in _NAMING if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)
