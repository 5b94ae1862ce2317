"""Cascades carried out: step after step, each accepted or put back, with a state that survives a crash."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from git_theta.cascade.plan import COMMAND
from git_theta.cascade.state import (
    BLOCKED,
    CURRENT,
    EACH,
    FAILED,
    MADE,
    NONE,
    RUNNING,
    STOPPED,
    WAITING,
    CascadeOptions,
    CascadeState,
    StepState,
    ready_steps,
    with_ends,
)
from git_theta.cascade.until import StepFacts, parse_until
from git_theta.errors import ThetaError, explained
from git_theta.git.cascade.attempt import attempt_step
from git_theta.git.cascade.head import check_head, commit_paths, index_tree, staged_paths
from git_theta.git.cascade.job_pool import job_pool
from git_theta.git.cascade.messages import message_of_all, message_of_step
from git_theta.git.cascade.old_files import check_unchanged, index_lines, put_back
from git_theta.git.cascade.parents import are_current
from git_theta.git.cascade.replaced_versions import replaced_versions
from git_theta.git.cascade.scratch_tree import remove_scratch_trees
from git_theta.git.cascade.state_file import save_state
from git_theta.git.cascade.step_job import StepJob, StepJobResult, run_job
from git_theta.git.cascade.steps_elsewhere import STEPS_AT_ONCE, Submit, steps_elsewhere
from git_theta.git.lineage.run_program import RunInterruptedError
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
    if state.options.jobs > 1 or state.options.executor:
        state = _at_once(repository, state, tell)
    while ready := ready_steps(state):
        state, running = _begun(repository, state, ready[0], tell)
        state = _ended(repository, state, running, partial(_here, repository, state, running), tell)
    if state.options.commit not in (EACH, NONE):
        state = commit_steps(repository, state, [each for each in state.steps if each.status == MADE])
    return state


def _here(repository: Repository, state: CascadeState, running: StepState) -> StepState:
    # Values that a step reads are protected from pruning for as long as its repository is there.
    return attempt_step(Repository(repository.git), running, state.options, replaced_versions(state))


def _at_once(repository: Repository, state: CascadeState, tell: Tell) -> CascadeState:
    """The state after all steps that could be carried out, of which independent ones ran at the same time.

    Commands run in scratch work trees, or on workers; computations, which take seconds, in this process.
    """
    jobs: dict[Future[StepJobResult], StepState] = {}
    limit = STEPS_AT_ONCE if state.options.executor else state.options.jobs
    steps = steps_elsewhere if state.options.executor else _steps_here
    try:
        with steps(repository, state.options) as submit:
            while True:
                while (ready := ready_steps(state)) and len(jobs) < limit:
                    state, running = _begun(repository, state, ready[0], tell)
                    if running.step.action == COMMAND:
                        jobs[submit(running)] = running
                    else:
                        here = partial(_here, repository, state, running)
                        state = _ended(repository, state, running, here, tell)
                if not jobs:
                    return state
                for done in wait(jobs, return_when=FIRST_COMPLETED).done:
                    running = jobs.pop(done)
                    adopted = partial(_adopted, repository, running, done)
                    state = _ended(repository, state, running, adopted, tell)
    except BaseException:
        for step in state.steps:
            if step.status == RUNNING:
                state = state.with_step(replace(step, status=WAITING))
        _saved(repository, state)
        raise
    finally:
        remove_scratch_trees(repository)


@contextmanager
def _steps_here(repository: Repository, options: CascadeOptions) -> Iterator[Submit]:
    """A function that carries out a step in another process, from the index as it is then."""
    with job_pool(options.jobs) as pool:

        def submit(running: StepState) -> Future[StepJobResult]:
            job = StepJob(repository.root, index_tree(repository.git), running, options)
            return pool.submit(run_job, job)

        yield submit


def _adopted(repository: Repository, running: StepState, done: Future[StepJobResult]) -> StepState:
    """The state of a step whose result is taken over from a scratch work tree.

    Raises:
        RunInterruptedError: Its command was interrupted.
    """
    try:
        result = done.result()
        if result.state is None:
            raise RunInterruptedError("a command was ended")
        if result.state.status == MADE:
            check_unchanged(repository.git, running.before)
            put_back(repository, result.after)
            with LineageTree(repository) as tree:
                if not are_current(tree, running.step):
                    raise ThetaError("a parent was changed while the command ran")
    except RunInterruptedError:
        raise
    except Exception as error:
        put_back(repository, running.before)
        return replace(running, status=FAILED, problem=explained(error).one_line)
    return result.state


def _begun(
    repository: Repository, state: CascadeState, step: StepState, tell: Tell
) -> tuple[CascadeState, StepState]:
    """The state when a step begins, and the step's."""
    check_head(repository.git, state)
    running = replace(step, status=RUNNING)
    state = _saved(repository, state.with_step(running))
    tell(running)
    return state, running


def _ended(
    repository: Repository,
    state: CascadeState,
    running: StepState,
    attempt: Callable[[], StepState],
    tell: Tell,
) -> CascadeState:
    """The state after a step, which is committed if each is."""
    try:
        check_head(repository.git, state)
        done = attempt()
    except BaseException:
        put_back(repository, running.before)
        _saved(repository, state.with_step(replace(running, status=WAITING)))
        raise
    state = _saved(repository, state.with_step(done))
    tell(done)
    state = _with_ends(repository, state, tell)
    if done.status == MADE and state.options.commit == EACH:
        state = commit_steps(repository, state, [done])
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
        if each.status in (MADE, CURRENT)
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
