"""`git theta cascade`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

import click

from git_theta.cascade.plan import CascadePlan, CascadeRequest
from git_theta.cascade.state import COMMITS, RUNNING, CascadeOptions, CascadeState, StepState
from git_theta.cascade.until import parse_until
from git_theta.cascade.views import plan_lines, start_line, step_lines, steps_json
from git_theta.cli.executor_option import executor_option
from git_theta.cli.lineage.names import model_name
from git_theta.cli.render import print_json
from git_theta.errors import ThetaError, UsageError
from git_theta.git.cascade import cascade
from git_theta.git.cascade.read_plan import read_plan
from git_theta.git.lineage.run_program import RunInterruptedError
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.dirty_paths import dirty_paths
from git_theta.git.repository.repository import Repository
from git_theta.report.text import plural, printable
from git_theta.runtime.output import say, warn

_EPILOG = """\b
Examples:
  git theta cascade base --dry-run
  git theta cascade base --skip 'quantized/*' --max-drop 0.01
  git theta cascade base --to soup.safetensors --until 'depth >= 2 or accuracy < 0.8'
  git theta cascade --continue
"""

#: Seconds of the longest command.
_MAX_TIMEOUT = 1e8


@click.command("cascade", epilog=_EPILOG, short_help="Make models again from updated ones.")
@click.argument("bases", nargs=-1, metavar="[BASE]")
@click.option("--to", "targets", multiple=True, metavar="MODEL", help="Only MODEL, and what leads to it.")
@click.option("--only", multiple=True, metavar="GLOB", help="Only models with such paths.")
@click.option("--skip", multiple=True, metavar="GLOB", help="Leave models with such paths as they are.")
@click.option(
    "--until", default="", metavar="EXPR", help="Leave models below one as they are, if this is true of it."
)
@click.option(
    "--transplant", is_flag=True, help="Move models in weight space, even if their commands are known."
)
@click.option(
    "--max-drop", type=float, metavar="X", help="How much worse the metrics of guarding tests may be."
)
@click.option("--commit", type=click.Choice(COMMITS), help="When to commit; once, at the end, by default.")
@click.option("--timeout", type=float, metavar="SECONDS", help="End commands that take longer.")
@click.option("-j", "--jobs", type=click.IntRange(1, 256), metavar="N", help="Run so many commands at once.")
@executor_option
@click.option("--dry-run", is_flag=True, help="Show the plan with its commands; make nothing.")
@click.option("-v", "--verbose", is_flag=True, help="Show the commands of the plan.")
@click.option("--continue", "resumes", is_flag=True, help="Go on, and try what was unsuccessful again.")
@click.option("--abort", "aborts", is_flag=True, help="Undo what the cascade has made, and its commits.")
@click.option("--quit", "leaves", is_flag=True, help="End the cascade; what it has made stays.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    bases: tuple[str, ...],
    targets: tuple[str, ...],
    only: tuple[str, ...],
    skip: tuple[str, ...],
    until: str,
    transplant: bool,
    max_drop: float | None,
    commit: str | None,
    timeout: float | None,
    jobs: int | None,
    executor: str,
    dry_run: bool,
    verbose: bool,
    resumes: bool,
    aborts: bool,
    leaves: bool,
    as_json: bool,
) -> None:
    """Make all models again that were made from BASE, which was updated: each once, after all its parents.

    A model is made by its recorded command, with its parents as they are now; a merge without a command by
    its recipe; any other in weight space: what it had changed of the old parent, on the new one. Models whose
    parents are the versions that their records name are up to date, and stay.

    Before a new version is accepted, the model's guarding tests run. If one says that it's too much worse, or
    if the command fails, the old version stays, and so do the models below it; others go on.

    With -j, commands run at once, each in a scratch work tree: it has the files that Git has, but of models
    only the parents. With --executor, they run in such trees on workers of a cluster, from what was pushed.

    The plan is shown first. Read the commands if the records aren't yours: --dry-run.
    """
    repository = Repository(Git()).at_top()
    ways = [
        name for name, given in (("--continue", resumes), ("--abort", aborts), ("--quit", leaves)) if given
    ]
    if len(ways) > 1 or (ways and (bases or targets or only or skip or until or transplant or dry_run)):
        raise UsageError(
            f"{ways[0]} is for a cascade that was begun, and goes with no other choice of models"
        )
    _check_numbers(max_drop, timeout)
    if aborts:
        undone = cascade.abort(repository)
        commits = f", and {plural(undone.commits, 'commit')} fewer" if undone.commits else ""
        say(f"{plural(len(undone.models), 'model')} as before the cascade{commits}")
        return
    if leaves:
        cascade.leave(repository)
        return
    tell = _quiet if as_json else _tell

    def choose(old: CascadeOptions) -> CascadeOptions:
        return replace(
            old,
            commit=commit or old.commit,
            max_drop=old.max_drop if max_drop is None else max_drop,
            timeout=old.timeout if timeout is None else timeout,
            jobs=jobs or old.jobs,
            executor=executor or old.executor,
            to_stderr=as_json,
        )

    if resumes:
        _finish(_until_interrupted(lambda: cascade.resume(repository, tell, choose)), as_json)
        return
    if not bases:
        raise UsageError("which model was updated?", "git theta cascade BASE")
    if until:
        parse_until(until)
    with LineageTree(Repository(Git())) as tree:
        request = CascadeRequest(
            tuple(dict.fromkeys(model_name(tree, word) for word in bases)),
            tuple(dict.fromkeys(model_name(tree, word) for word in targets)),
            only,
            skip,
            until,
            transplant,
        )
        _check_added(repository, tree, request.bases)
        plan = read_plan(tree, request)
    options = choose(CascadeOptions())
    warn(*map(printable, plan.problems))
    if as_json and (dry_run or not plan.steps):
        waiting = [StepState(step) for step in plan.steps]
        estimate = plan.seconds(options.jobs)
        print_json({"steps": steps_json(waiting), "left": dict(plan.left), "seconds": estimate})
    elif not as_json:
        say(*map(printable, plan_lines(plan, options.jobs, with_commands=dry_run or verbose)))
        if not plan.steps:
            say("nothing to make: all is up to date, or left as it is")
    if dry_run or not plan.steps:
        return
    _finish(_until_interrupted(lambda: cascade.begin(repository, request, options, plan, tell)), as_json)


def _check_numbers(max_drop: float | None, timeout: float | None) -> None:
    if max_drop is not None and not (math.isfinite(max_drop) and max_drop >= 0):
        raise UsageError(f"--max-drop {max_drop} isn't a drop that can be allowed", "such as 0.01")
    if timeout is not None and not 0 < timeout <= _MAX_TIMEOUT:
        raise UsageError(f"--timeout {timeout:g} isn't a number of seconds", "such as 3600")


def _check_added(repository: Repository, tree: LineageTree, bases: Iterable[str]) -> None:
    """Check that updated models are in the index as they are in the work tree.

    Raises:
        UsageError: One isn't: the plan would be for an old version.
    """
    files = [path for base in bases for path in tree.models[base].files]
    changed = dirty_paths(repository.git, [path for path in files if (repository.root / path).exists()])
    if changed:
        raise UsageError(
            f"{changed[0]} isn't as Git has it", f"commit the new version first: git add {changed[0]}"
        )


def _tell(step: StepState) -> None:
    if step.status == RUNNING:
        say(printable(start_line(step.step)))
    else:
        say(*map(printable, step_lines(step)))


def _quiet(_step: StepState) -> None:
    pass


def _until_interrupted(run: Callable[[], CascadeState]) -> CascadeState:
    """The state at the end of a cascade; if it's interrupted, the user is told how to go on.

    Raises:
        ThetaError: It was interrupted, or can't go on.
    """
    hint = "git theta cascade --continue goes on; --abort undoes what it has made"
    try:
        return run()
    except RunInterruptedError as error:
        raise ThetaError(f"interrupted: {error.message}", hint) from error
    except KeyboardInterrupt:
        warn(f"hint: {hint}")
        raise


def _finish(state: CascadeState, as_json: bool) -> None:
    """Show the result.

    Raises:
        ThetaError: Not all models were made.
    """
    made = sum(len(each.made) for each in state.steps)
    if as_json:
        estimate = CascadePlan(tuple(each.step for each in state.steps)).seconds(state.options.jobs)
        print_json({"steps": steps_json(state.steps), "left": dict(state.left), "seconds": estimate})
    else:
        place = f"committed: {state.head[:12]}" if state.commits else "staged: git commit"
        say(f"{plural(made, 'model')} made, and {place}" if made else "no model was made")
    lost = [model for each in state.unsuccessful for model in each.step.models]
    if lost:
        raise ThetaError(
            f"{plural(len(lost), 'model')} not made: {', '.join(lost[:3])}{', …' if len(lost) > 3 else ''}",
            "git theta cascade --continue tries again; --abort undoes all, --quit ends it so",
        )
