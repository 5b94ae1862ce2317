"""The repository in which a worker does a job: a work tree of its clone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from git_theta.git.jobs.remote_source import RemoteSource
from git_theta.git.jobs.stopping import stopped_if_unwanted
from git_theta.git.jobs.timed_git import worker_environment
from git_theta.git.jobs.worker_clone import WorkerClone
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.jobs.job import JobPlace
from git_theta.runtime.programs import Programs


@contextmanager
def worker_repository(
    place: JobPlace, source: RemoteSource, patience: float, *commits: str
) -> Iterator[Repository]:
    """A repository with Git at the top of a work tree, which no other job uses meanwhile.

    Args:
        place: The place of the job. Commands of Git end when the job isn't wanted any more.
        source: The remote.
        patience: Seconds for Git to get the commits.
        commits: Ids of commits, the first one that of the work tree; see `WorkerClone.work_tree`.

    Raises:
        WorkerError: The remote can't be reached or doesn't have a commit, the disk is full, or time is over.
    """
    programs = Programs()
    clone = WorkerClone(place.folder, source, programs, time.monotonic() + patience)
    with stopped_if_unwanted(place, programs.stop), clone.work_tree(*commits) as folder:
        yield Repository(Git(folder, worker_environment()))
