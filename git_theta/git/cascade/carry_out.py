"""Cascades carried out: step after step, each accepted or put back, with a state that survives a crash."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from git_theta.cascade.plan import COMMAND, RECIPE
from git_theta.cascade.state import (
    BLOCKED,
    EACH,
    FAILED,
    MADE,
    NONE,
    REJECTED,
    RUNNING,
    STOPPED,
    WAITING,
    CascadeState,
    MetricChange,
    StepState,
    ready_steps,
    with_ends,
)
from git_theta.cascade.until import StepFacts, parse_until
from git_theta.errors import explained
from git_theta.git.cascade.by_command import make_by_command
from git_theta.git.cascade.by_recipe import make_by_recipe
from git_theta.git.cascade.head import check_head, commit_paths, staged_paths
from git_theta.git.cascade.messages import message_of_all, message_of_step
from git_theta.git.cascade.old_files import check_unchanged, index_lines, put_back
from git_theta.git.cascade.parents import are_current
from git_theta.git.cascade.replaced_versions import replaced_versions
from git_theta.git.cascade.state_file import save_state
from git_theta.git.cascade.step_guard import RejectedError, StepGuard
from git_theta.git.cascade.transplant import transplant
from git_theta.git.lineage.run_command import RunInterruptedError
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.repository.repository import Repository

#: Told about steps: when one begins, and when it ends.
Tell = Callable[[StepState], object]


def carry_out(repository: Repository, state: CascadeState, tell: Tell) -> CascadeState:
    """Carry out the steps that are still to be done.

    Args:
        repository: The repository, with Git at the top.
        state: The state, which is in its file.
        tell: Told about each step.

    Returns:
        The state at the end, when no step is to be done any more.

    Raises:
        HeadMovedError: HEAD moved meanwhile. The state is kept, as for all errors.
        RunInterruptedError: A command was interrupted together with this process.
        ThetaError: The state or a commit can't be written.
    """
    state = _with_ends(repository, state, tell)
    while ready := ready_steps(state):
        # Values that a step reads are protected from pruning for as long as its repository is there.
        here = Repository(repository.git)
        check_head(here.git, state)
        running = replace(ready[0], status=RUNNING)
        state = _saved(repository, state.with_step(running))
        tell(running)
        try:
            done = _made(here, state, running)
        except BaseException:
            put_back(here, running.before)
            _saved(repository, state.with_step(replace(running, status=WAITING)))
            raise
        state = _saved(repository, state.with_step(done))
        tell(done)
        state = _with_ends(repository, state, tell)
        if done.status == MADE and state.options.commit == EACH:
            state = commit_steps(repository, state, [done])
    if state.options.commit not in (EACH, NONE):
        state = commit_steps(repository, state, [each for each in state.steps if each.status == MADE])
    return state


def commit_steps(repository: Repository, state: CascadeState, steps: Iterable[StepState]) -> CascadeState:
    """The state after a commit of what steps have made; of those that are committed already, there's nothing.

    Raises:
        HeadMovedError: HEAD moved meanwhile.
        ThetaError: A file was changed since, or the commit can't be made.
    """
    git = repository.git
    check_head(git, state)
    staged = staged_paths(git)
    new = [step for step in steps if staged.intersection(step.paths)]
    if not new:
        return state
    paths = sorted(staged.intersection(path for step in new for path in step.paths))
    check_unchanged(git, index_lines(git, paths))
    state = _saved(repository, replace(state, is_committing=True))
    message = message_of_step(new[0]) if len(new) == 1 else message_of_all(state, new)
    head = commit_paths(git, paths, message)
    return _saved(repository, replace(state, head=head, is_committing=False))


def _saved(repository: Repository, state: CascadeState) -> CascadeState:
    save_state(repository, state)
    return state


def _with_ends(repository: Repository, state: CascadeState, tell: Tell) -> CascadeState:
    """The state with the steps that won't be tried, which are told."""
    new = with_ends(state, _last_models(state))
    for before, after in zip(state.steps, new.steps, strict=True):
        if before != after and after.status in (BLOCKED, STOPPED):
            tell(after)
    return _saved(repository, new) if new != state else state


def _last_models(state: CascadeState) -> list[str]:
    """Models that were made, and for which the condition is true that ends a branch."""
    if not state.request.until:
        return []
    condition = parse_until(state.request.until)
    return [
        model
        for each in state.steps
        if each.status == MADE
        for model in each.step.models
        if condition.holds(
            StepFacts(
                model,
                each.step.relation,
                each.step.depth,
                each.value(model),
                each.seconds,
                {change.test: change.after for change in each.tests.get(model, ())},
            )
        )
    ]


def _made(repository: Repository, state: CascadeState, running: StepState) -> StepState:
    """The state of a step after an attempt. If it's unsuccessful, files and index are as before.

    Raises:
        RunInterruptedError: Its command was interrupted together with this process.
    """
    began = time.monotonic()
    try:
        return _attempt(repository, state, running, began)
    except RunInterruptedError:
        raise
    except RejectedError as error:
        failed = replace(running, status=REJECTED, problem=error.one_line, tests=dict(error.changes))
    except Exception as error:
        failed = replace(running, status=FAILED, problem=explained(error).one_line)
    put_back(repository, running.before)
    return replace(failed, seconds=round(time.monotonic() - began, 1))


def _attempt(repository: Repository, state: CascadeState, running: StepState, began: float) -> StepState:
    step = running.step
    check_unchanged(repository.git, running.before)
    with LineageTree(repository) as tree:
        if are_current(tree, step):
            made = {model: tree.facts(model).model for model in step.models}
            return replace(running, status=MADE, note="it's up to date", seconds=0.0, made=made)
    guard = StepGuard(repository, step, state.options.max_drop)
    changes: dict[str, tuple[MetricChange, ...]] = {}
    replaced = replaced_versions(state)
    note = ""
    if step.action == COMMAND:
        make_by_command(repository, step, lambda: changes.update(guard.check_files()), state.options)
    elif step.action == RECIPE:
        make_by_recipe(repository, step, replaced, lambda: changes.update(guard.check_index()))
    else:
        note = transplant(repository, step, replaced, lambda: changes.update(guard.check_index()))
    with LineageTree(repository) as tree:
        made = {model: tree.facts(model).model for model in step.models}
    seconds = round(time.monotonic() - began, 1)
    return replace(running, status=MADE, note=note, seconds=seconds, tests=changes, made=made)
