"""An attempt at a step of a cascade: the models are made, tested, staged and recorded, or as before."""

from __future__ import annotations

import time
from dataclasses import replace

from git_theta.cascade.plan import COMMAND, RECIPE
from git_theta.cascade.state import CURRENT, FAILED, MADE, REJECTED, CascadeOptions, MetricChange, StepState
from git_theta.errors import explained
from git_theta.git.cascade.by_command import make_by_command
from git_theta.git.cascade.by_recipe import merge_again
from git_theta.git.cascade.computed_model import outdated_model
from git_theta.git.cascade.new_version import write_new_version
from git_theta.git.cascade.old_files import check_unchanged, put_back
from git_theta.git.cascade.parents import are_current
from git_theta.git.cascade.replaced_versions import ReplacedVersions
from git_theta.git.cascade.step_guard import RejectedError, StepGuard
from git_theta.git.cascade.transplant import transplant
from git_theta.git.lineage.run_program import RunInterruptedError
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.repository.repository import Repository


def attempt_step(
    repository: Repository, running: StepState, options: CascadeOptions, replaced: ReplacedVersions
) -> StepState:
    """The state of a step after an attempt. If it's unsuccessful, files and index are as before.

    Args:
        repository: The repository, with Git at the top.
        running: The step.
        options: The user's choices about how.
        replaced: The versions that steps before have replaced.

    Raises:
        RunInterruptedError: Its command was interrupted together with this process.
    """
    began = time.monotonic()
    try:
        return _made(repository, running, options, replaced, began)
    except RunInterruptedError:
        raise
    except RejectedError as error:
        failed = replace(running, status=REJECTED, problem=error.one_line, tests=dict(error.changes))
    except Exception as error:
        failed = replace(running, status=FAILED, problem=explained(error).one_line)
    put_back(repository, running.before)
    return replace(failed, seconds=round(time.monotonic() - began, 1))


def _made(
    repository: Repository,
    running: StepState,
    options: CascadeOptions,
    replaced: ReplacedVersions,
    began: float,
) -> StepState:
    step = running.step
    check_unchanged(repository.git, running.before)
    with LineageTree(repository) as tree:
        if are_current(tree, step):
            return replace(running, status=CURRENT)
    guard = StepGuard(repository, step, options.max_drop)
    changes: dict[str, tuple[MetricChange, ...]] = {}
    note = ""
    if step.action == COMMAND:
        make_by_command(repository, step, lambda: changes.update(guard.check_files()), options)
    else:
        compute = merge_again if step.action == RECIPE else transplant
        computed = compute(repository, outdated_model(repository, step, replaced))
        write_new_version(repository, computed, lambda: changes.update(guard.check_index()))
        note = computed.note
    with LineageTree(repository) as tree:
        made = {model: tree.facts(model).model for model in step.models}
    seconds = round(time.monotonic() - began, 1)
    return replace(running, status=MADE, note=note, seconds=seconds, tests=changes, made=made)
