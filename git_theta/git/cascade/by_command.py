"""Models that are made again by their recorded command, in the work tree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from git_theta.cascade.plan import CascadeStep
from git_theta.cascade.state import CascadeOptions
from git_theta.git.cascade.old_files import files_of_step, index_lines, put_back
from git_theta.git.cascade.parents import parents_now
from git_theta.git.lineage.recorded_command import recorded_request
from git_theta.git.lineage.run import run_and_record
from git_theta.git.lineage.run_program import RunError
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.repository.repository import Repository


def make_by_command(
    repository: Repository, step: CascadeStep, accept: Callable[[], object], options: CascadeOptions
) -> None:
    """Run the command of a step, stage what it makes, and write and stage the records.

    A model that the command makes beside those of the step gets its old content back.

    Args:
        repository: The repository, with Git at the top.
        step: The step.
        accept: Called when the models are in the work tree, before they're staged. If it raises an error,
            files are as they were.
        options: The user's choices about how.

    Raises:
        RunError: The command failed, or didn't make its models, or in another format, or what it reads
            changed meanwhile.
        ThetaError: The command can't be run here; see `run_and_record`.
    """
    request, _ = recorded_request(repository, step.name)
    with LineageTree(repository) as tree:
        parents = parents_now(tree, step)
        others = [name for name in request.outputs if name not in step.models]
        lines = index_lines(repository.git, files_of_step(tree, others))
        formats = {model: tree.facts(model).format for model in step.models}
    # Each model's record keeps its own kind of derivation.
    request = replace(
        request, parents=parents, relation="", timeout=options.timeout, to_stderr=options.to_stderr
    )
    run_and_record(repository, request, accept)
    put_back(repository, lines)
    with LineageTree(repository) as tree:
        for model, before in formats.items():
            after = tree.facts(model).format
            if after != before:
                raise RunError(f"the command wrote {model} in another format: {after}, not {before}")
