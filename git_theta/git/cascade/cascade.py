"""Cascades from their beginning to their end: begun, continued, undone, or left as they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from git_theta.cascade.plan import CascadePlan, CascadeRequest
from git_theta.cascade.state import (
    MADE,
    RUNNING,
    WAITING,
    CascadeOptions,
    CascadeState,
    StepState,
    to_try_again,
)
from git_theta.errors import ThetaError, UsageError
from git_theta.git.cascade.carry_out import Tell, carry_out
from git_theta.git.cascade.head import (
    HeadMovedError,
    adopted_head,
    check_ready,
    current_branch,
    current_commit,
    is_own_commit,
)
from git_theta.git.cascade.old_files import check_unchanged, files_of_step, index_lines, put_back
from git_theta.git.cascade.scratch_tree import remove_scratch_trees
from git_theta.git.cascade.state_file import cascade_lock, drop_state, load_state, save_state
from git_theta.git.cascade.steps_elsewhere import check_seen_elsewhere
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.repository.repository import Repository


@dataclass(frozen=True, slots=True)
class Undone:
    """The result of undoing a cascade.

    Attributes:
        models: Paths of the models that are as they were before.
        commits: The number of commits that are no longer on the branch.
    """

    models: tuple[str, ...]
    commits: int


def begin(
    repository: Repository,
    request: CascadeRequest,
    options: CascadeOptions,
    plan: CascadePlan,
    tell: Tell,
) -> CascadeState:
    """Carry out a plan; the state at the end.

    The state's file is removed if all steps were successful.

    Raises:
        UsageError: Another cascade isn't finished, or workers can't see HEAD.
        ThetaError: The index has other changes, or a model has changes that Git doesn't have; or see
            `carry_out`.
    """
    with cascade_lock(repository):
        check_none(repository)
        check_ready(repository, options.commit)
        if options.executor:
            check_seen_elsewhere(repository)
        git = repository.git
        with LineageTree(repository) as tree:
            steps = tuple(
                StepState(step, before=index_lines(git, files_of_step(tree, step.models)))
                for step in plan.steps
            )
        for step in steps:
            check_unchanged(git, step.before)
        head = current_commit(git)
        state = CascadeState(request, options, current_branch(git), head, head, steps, dict(plan.left))
        save_state(repository, state)
        return _to_its_end(repository, state, tell)


def check_none(repository: Repository) -> None:
    """Check that no cascade is unfinished.

    Raises:
        UsageError: One is.
    """
    if load_state(repository) is not None:
        raise UsageError(
            "a cascade isn't finished",
            "git theta cascade --continue; --abort to undo it; --quit to leave all as it is",
        )


def resume(
    repository: Repository, tell: Tell, choose: Callable[[CascadeOptions], CascadeOptions]
) -> CascadeState:
    """Go on with a cascade, and try what was unsuccessful again; the state at the end.

    Args:
        repository: The repository, with Git at the top.
        tell: Told about each step.
        choose: Gives the user's choices of now, for those of before.

    Raises:
        UsageError: There's none.
        HeadMovedError: HEAD is on another branch, or before the cascade's commits.
        ThetaError: See `carry_out`.
    """
    with cascade_lock(repository):
        state = _mended(repository, _known(repository))
        head = adopted_head(repository.git, state)
        state = to_try_again(replace(state, head=head, options=choose(state.options)))
        # Whoever mended a script has committed that, so the files are looked at again.
        git = repository.git
        for step in state.steps:
            if step.status == WAITING:
                lines = index_lines(git, step.paths)
                check_unchanged(git, lines)
                state = state.with_step(replace(step, before=lines))
            elif step.status == MADE:
                _check_made(repository, step)
        save_state(repository, state)
        return _to_its_end(repository, state, tell)


def abort(repository: Repository) -> Undone:
    """Undo a cascade: files, records, index and branch are as before it.

    Raises:
        UsageError: There's none.
        HeadMovedError: There are other commits after those of the cascade, or HEAD is elsewhere.
        ThetaError: A model has changes that Git doesn't have.
    """
    with cascade_lock(repository):
        state = _mended(repository, _known(repository))
        git = repository.git
        if state.commits:
            branch, head = current_branch(git), current_commit(git)
            if (branch, head) != (state.branch, state.head):
                raise HeadMovedError(
                    "HEAD isn't where the cascade left it, and its commits can't be taken off the branch",
                    f"git revert {state.start[:12]}..{state.head[:12]} undoes them; "
                    "git theta cascade --quit ends the cascade",
                )
        done = [step for step in state.steps if step.status == MADE]
        for step in done:
            check_unchanged(git, index_lines(git, step.paths))
        for step in reversed(done):
            put_back(repository, step.before)
        commits = 0
        if state.commits:
            commits = int(git.line("rev-list", "--count", f"{state.start}..{state.head}"))
            git.run("update-ref", "-m", "git theta cascade --abort", "HEAD", state.start, state.head)
        drop_state(repository)
        return Undone(tuple(model for step in done for model in step.step.models), commits)


def leave(repository: Repository) -> None:
    """Forget a cascade; what it has made stays.

    Raises:
        UsageError: There's none.
        ThetaError: Its state can't be read, and is removed.
    """
    with cascade_lock(repository):
        try:
            _mended(repository, _known(repository))
        except UsageError:
            raise
        except ThetaError:
            drop_state(repository)
            raise
        drop_state(repository)


def _known(repository: Repository) -> CascadeState:
    state = load_state(repository)
    if state is None:
        raise UsageError("there's no cascade to go on with", "git theta cascade BASE begins one")
    return state


def _mended(repository: Repository, state: CascadeState) -> CascadeState:
    """The state after a crash: the step that was at work is still to be done, and its files are as before.

    A commit that was made, but not noted, is noted.
    """
    git = repository.git
    if state.is_committing:
        paths = [path for step in state.steps for path in step.paths]
        head = current_commit(git) if is_own_commit(git, state, paths) else state.head
        state = replace(state, head=head, is_committing=False)
    remove_scratch_trees(repository)
    has_moved = current_commit(git) != state.head
    for step in state.steps:
        if step.status == RUNNING:
            # What somebody has committed since is no half of a step's.
            if not (has_moved and index_lines(git, step.paths) != step.before):
                put_back(repository, step.before)
            state = state.with_step(replace(step, status=WAITING))
    save_state(repository, state)
    return state


def _check_made(repository: Repository, step: StepState) -> None:
    """Check that the index still has what a step made.

    Raises:
        ThetaError: It has other versions.
    """
    with LineageTree(repository) as tree:
        for model, digest in step.made.items():
            facts = tree.facts_or_none(model) if model in tree.models else None
            if facts is None or facts.model != digest:
                raise ThetaError(
                    f"{model} isn't what the cascade made of it any more",
                    "git theta cascade --quit leaves all as it is, and a new cascade makes the rest",
                )


def _to_its_end(repository: Repository, state: CascadeState, tell: Tell) -> CascadeState:
    state = carry_out(repository, state, tell)
    if not state.unsuccessful:
        drop_state(repository)
    return state
