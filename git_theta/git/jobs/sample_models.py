"""Samples of all models of a commit, read by workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from git_theta.errors import UsageError
from git_theta.git.history.revisions import resolve_commit
from git_theta.git.jobs.remote_source import check_pushed, remote_source
from git_theta.git.jobs.sampling_job import SamplingJob
from git_theta.git.lineage.tree import LineageTree
from git_theta.jobs.executors import check_address, open_executor
from git_theta.jobs.job import Job
from git_theta.jobs.run_jobs import run_jobs
from git_theta.lineage.inference.sampled_model import SampledModel


def models_sampled_by_workers(
    tree: LineageTree, address: str, note: Callable[[str], object]
) -> list[SampledModel]:
    """The models of a version with samples of all their values, each read by a worker.

    Args:
        tree: A commit; or the index, if its models are those of HEAD.
        address: The executor's; see `open_executor`.
        note: Called with a sentence about each worker that is lost, and each job that is tried again.

    Raises:
        UsageError: The address isn't one, or the models are in no commit that was pushed.
        ThetaError: Workers can't read a model.
    """
    check_address(address)
    commit = resolve_commit(tree.repository.git, tree.rev or "HEAD")
    if tree.rev is None:
        _check_index(tree, commit)
    check_pushed(tree.repository, [commit])
    source = remote_source(tree.repository)
    jobs: list[Job[Any]] = [SamplingJob(source, commit, name) for name in tree.models]
    found: dict[int, list[SampledModel]] = {}
    with open_executor(1, address) as executor:
        for number, report in run_jobs(executor, jobs, note):
            if report.problem:
                raise report.error
            found[number] = report.result
    return [model for _, models in sorted(found.items()) for model in models]


def _check_index(tree: LineageTree, commit: str) -> None:
    with LineageTree(tree.repository, commit) as head:
        for name in tree.models:
            if name not in head.models or head.blobs_of(name) != tree.blobs_of(name):
                raise UsageError(
                    f"workers can't see {name} as it is in the index: HEAD doesn't have it",
                    "commit and push it",
                )
