"""`git theta resolve`."""

from __future__ import annotations

import click

from git_theta.cli.rule import rule_of
from git_theta.errors import UsageError
from git_theta.git.merge.conflict_versions import conflict_versions, write_versions
from git_theta.git.merge.resolve import resolve
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.paths import work_tree_path
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.workspace import Workspace
from git_theta.report.merge_summary import conflict_name, summary
from git_theta.report.text import plural, printable
from git_theta.runtime.output import say

#: So many conflicts are listed.
_SHOWN = 20

_EPILOG = """\b
Examples:
  git theta resolve model.safetensors                       what is to be decided
  git theta resolve model.safetensors -s theirs             for all of that, take theirs
  git theta resolve model.safetensors -s ours --param 'embeddings.*'
  git theta resolve model.safetensors -s ties --set density=0.3 --param '*.weight'
  git theta resolve model.safetensors --versions            write all three, to merge by hand
"""


@click.command("resolve", epilog=_EPILOG, short_help="Settle a checkpoint that is in conflict.")
@click.argument("model", type=click.Path())
@click.option("-s", "--strategy", help="How to decide: ours, theirs, base, average, ties, …")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Set an option of the strategy.")
@click.option(
    "--param",
    "parameters",
    multiple=True,
    metavar="GLOB",
    help="Use the strategy for these parameters, in conflict or not; else it's for all that is in conflict.",
)
@click.option(
    "--versions", is_flag=True, help="Write base, ours and theirs beside the file, for a merge by hand."
)
def command(
    model: str, strategy: str | None, settings: tuple[str, ...], parameters: tuple[str, ...], versions: bool
) -> int:
    """Decide what a merge couldn't, and stage the merged checkpoint.

    After a conflict, the work tree has ours as a valid checkpoint. Each use of this command adds a decision.
    When all is decided, the merged file is written and staged; then commit as usual.

    What else can be done: take a side as a whole with `git checkout --theirs -- MODEL` and `git add MODEL`,
    or overwrite MODEL by a file of your own and `git add` it, or `git merge --abort`.
    """
    rule = rule_of(strategy, settings, parameters)
    if versions and rule:
        raise UsageError("--versions decides nothing, so it goes without a strategy")
    git = Git()
    path = work_tree_path(git, model)
    repository = Repository(git).at_top()
    with Workspace(repository) as workspace:
        found = conflict_versions(repository, workspace.cleaners, path)
        if versions:
            for name in write_versions(repository, workspace.known_files, found):
                say(f"Wrote {printable(name)}")
            say(f"Overwrite {printable(path)} by your result, then: git add")
            return 0
        decisions = [rule] if rule else []
        rules, fallback = (decisions, []) if parameters else ([], decisions)
        merged = resolve(workspace, found, rules, fallback)
    if merged.manifest is not None:
        say(f"{printable(path)}: {summary(merged, found.operation)}")
        say("Written and staged.")
        return 0
    say(f"{printable(path)}: {plural(len(merged.conflicts), 'conflict')} left")
    for conflict in merged.conflicts[:_SHOWN]:
        say(f"  {conflict_name(conflict)}: {conflict.reason}")
    if len(merged.conflicts) > _SHOWN:
        say(f"  and {len(merged.conflicts) - _SHOWN:,} more")
    return 1
