"""`git theta resolve`."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from functools import partial

import click

from git_theta.cli.rule import form_options, form_rules, rule_options, rules_of
from git_theta.errors import ThetaError, UsageError
from git_theta.git.merge.conflict_versions import ConflictVersions, conflict_versions, write_versions
from git_theta.git.merge.keep_or_remove import keep_or_remove
from git_theta.git.merge.pattern_check import check_matches
from git_theta.git.merge.resolve import resolve
from git_theta.git.merge.restage import restage
from git_theta.git.merge.settled_index import settle_indexes
from git_theta.git.merge.sharded_conflicts import is_below, other_paths, sharded_conflicts, shards_by_name
from git_theta.git.merge.sharded_sides import ShardedSides
from git_theta.git.merge.unmerged_files import UnmergedFile, chosen_files, refuse_plain, unmerged_files
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.paths import work_tree_path
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.workspace import Workspace
from git_theta.merging.rules import MergeRule
from git_theta.report.merge_summary import conflict_name, counter_advice, merge_lines
from git_theta.report.text import plural
from git_theta.runtime.output import say

#: So many conflicts of one file are listed, and of each of all files.
_SHOWN, _LISTED = 20, 3

_EPILOG = """\b
Examples:
  git theta resolve                                         all files in conflict
  git theta resolve model.safetensors                       what is to be decided
  git theta resolve model.safetensors -s theirs             for all of that, take theirs
  git theta resolve model.safetensors -s ours --param 'embeddings.*'
  git theta resolve model.safetensors -s ties --set density=0.3 --param '*.weight'
  git theta resolve model.safetensors --rename 'module.*=*'
  git theta resolve --all -s ours                           models/ would be those in a folder
  git theta resolve model.safetensors --versions            write all three, to merge by hand
"""


@click.command("resolve", epilog=_EPILOG, short_help="Settle checkpoints that are in conflict.")
@click.argument("models", type=click.Path(), nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Decide about all checkpoints in conflict.")
@click.option("-s", "--strategy", help="How to decide: ours, theirs, base, average, ties, …")
@rule_options(
    "Use the strategy for these parameters, in conflict or not; else it's for all that is in conflict."
)
@form_options()
@click.option(
    "--versions", is_flag=True, help="Write base, ours and theirs beside the file, for a merge by hand."
)
def command(
    models: tuple[str, ...],
    everything: bool,
    strategy: str | None,
    settings: tuple[str, ...],
    parameters: tuple[str, ...],
    rules: tuple[str, ...],
    renames: tuple[str, ...],
    dtype: str | None,
    rows: str | None,
    versions: bool,
) -> int:
    """Decide what a merge couldn't, and stage the merged checkpoints.

    Without arguments, all files in conflict are listed with what each needs. MODELS are files, or folders
    with all their files in conflict.

    After a conflict, the work tree has ours as a valid checkpoint. Each use of this command adds a decision.
    When all is decided, the merged file is written and staged; then commit as usual. What isn't in conflict
    is merged as the merge itself would have done: by the strategy that it was given.

    A model that the sides sharded in different ways keeps the shards of ours: name its index, its folder, or
    the path that it would have as one file. Its index is merged with it.

    A checkpoint that one side removed is kept or removed by `-s ours` or `-s theirs`: as that side has it.

    What else can be done: take a side as a whole with `git checkout --theirs -- MODEL` and `git add MODEL`,
    or overwrite MODEL by a file of your own and `git add` it, or `git merge --abort`.
    """
    decisions = rules_of(strategy, settings, parameters, rules)
    # Decisions for some parameters are for these, in conflict or not; others for all that is in conflict.
    count = 1 if parameters else 0
    forms = form_rules(renames, dtype, rows)
    particular = [*decisions[:count], *(rule for rule in decisions[count:] if not rule.is_for("")), *forms]
    general = [rule for rule in decisions[count:] if rule.is_for("")]
    decided = bool(decisions or forms)
    if versions and decided:
        raise UsageError("--versions decides nothing, so it goes without a strategy")
    if models and everything:
        raise UsageError("--all goes without names of files")
    git = Git()
    paths = [work_tree_path(git, model) for model in models]
    repository = Repository(git).at_top()
    unmerged = unmerged_files(repository)
    sharded = sharded_conflicts(repository, unmerged)
    if not paths and not everything:
        if decided or versions:
            raise UsageError("which files?", "name files or folders, or: --all")
        return _list(unmerged, sharded)
    chosen = [model for model in sharded if everything or any(map(model.is_named_by, paths))]
    if chosen:
        paths = [*other_paths(chosen, paths), *_restaged(repository, chosen)]
        unmerged = unmerged_files(repository)
    named = [each.path for each in unmerged if everything or is_below(each.path, paths)]
    settled = settle_indexes(repository, named)
    for path in settled:
        say(f"{path}: merged by the shards that it lists. Written and staged.")
        unmerged = [each for each in unmerged if each.path != path]
    if everything:
        files = [each for each in unmerged if each.is_checkpoint]
    else:
        files = chosen_files(repository.git, unmerged, shards_by_name(repository.git, paths))
    if not (files or chosen or settled):
        say(f"{', '.join(paths)} isn't in conflict" if len(paths) == 1 else "Nothing of that is in conflict.")
    with Workspace(repository) as workspace:
        failed = _each(workspace, files, particular, general, versions=versions)
    for file in unmerged if everything else ():
        if not file.is_checkpoint:
            failed = True
            say(f"{file.path}: {file.need}")
    return 1 if failed else 0


def _restaged(repository: Repository, models: Sequence[ShardedSides]) -> list[str]:
    """Stage models in the shards of ours; returns the shards that are to be merged."""
    found = []
    with Workspace(repository) as workspace:
        for model in models:
            found += restage(workspace, model)
            say(f"{model.title}: staged in the shards of ours")
    return found


def _list(unmerged: Sequence[UnmergedFile], sharded: Sequence[ShardedSides]) -> int:
    """Say what each file in conflict needs; returns the exit code, 1 if there are any."""
    for model in sharded:
        how = " and ".join(dict.fromkeys(each.model.parts.sharding for each in (model.ours, model.theirs)))
        say(f"{model.name}: sharded in two ways ({how}): git theta resolve {shlex.quote(model.name)}")
    paths = {path for model in sharded for path in model.paths}
    for file in (each for each in unmerged if each.path not in paths):
        say(f"{file.path}: {file.need}")
        if file.error and file.error.hint:
            say(f"  hint: {file.error.hint}")
        say(*(f"  {line}" for line in file.advice))
        for conflict in file.conflicts[:_LISTED]:
            say(f"  {conflict_name(conflict)}: {conflict.reason}")
        if len(file.conflicts) > _LISTED:
            say(f"  and {len(file.conflicts) - _LISTED:,} more: git theta resolve {shlex.quote(file.path)}")
    if not unmerged:
        say("Nothing is in conflict.")
    return 1 if unmerged else 0


def _each(
    workspace: Workspace,
    files: Sequence[UnmergedFile],
    rules: Sequence[MergeRule],
    fallback: Sequence[MergeRule],
    *,
    versions: bool,
) -> bool:
    """Decide about files in conflict; returns whether something is left.

    An error about one of several files doesn't keep the others from being settled.
    """
    failed = False
    found: list[ConflictVersions] = []

    def tried(action: Callable[[], bool], path: str) -> bool:
        try:
            return action()
        except ThetaError as error:
            if len(files) == 1:
                raise
            say(f"{path}: {error.message}")
            return True

    def read(file: UnmergedFile) -> bool:
        refuse_plain(file)
        found.append(conflict_versions(workspace.repository, workspace.cleaners, file.path))
        return False

    for file in files:
        if file.is_checkpoint and file.missing:
            failed |= tried(partial(_keep_or_remove, workspace, file, rules, fallback), file.path)
        else:
            failed |= tried(partial(read, file), file.path)
    if rules or fallback:
        manifests = [manifest for each in found for manifest in each.by_name.values()]
        check_matches((*rules, *fallback), manifests, workspace.repository.store)
    for each in found:
        if versions:
            failed |= tried(partial(_write_versions, workspace, each), each.path)
        else:
            failed |= tried(partial(_decide, workspace, each, rules, fallback), each.path)
    return failed


def _keep_or_remove(
    workspace: Workspace, file: UnmergedFile, rules: Sequence[MergeRule], fallback: Sequence[MergeRule]
) -> bool:
    """Settle a file that isn't in both sides; returns whether it's still in conflict."""
    if not rules and not fallback:
        say(f"{file.path}: {file.need}", *(f"  {line}" for line in file.advice))
        return True
    kept = keep_or_remove(workspace, file, fallback)
    say(f"{file.path}: kept as in {fallback[-1].strategy}, and staged" if kept else f"{file.path}: removed")
    return False


def _write_versions(workspace: Workspace, versions: ConflictVersions) -> bool:
    for name in write_versions(workspace.repository, workspace.known_files, versions):
        say(f"Wrote {name}")
    say(f"Overwrite {versions.path} by your result, then: git add")
    return False


def _decide(
    workspace: Workspace,
    versions: ConflictVersions,
    rules: Sequence[MergeRule],
    fallback: Sequence[MergeRule],
) -> bool:
    """Add decisions about a file; returns whether it's still in conflict."""
    merged = resolve(workspace, versions, rules, fallback)
    if merged.manifest is not None:
        for line in merge_lines(merged, versions.operation):
            say(f"{versions.path}: {line}")
        say("Written and staged.")
        return False
    say(f"{versions.path}: {plural(len(merged.conflicts), 'conflict')} left")
    for conflict in merged.conflicts[:_SHOWN]:
        say(f"  {conflict_name(conflict)}: {conflict.reason}")
    if len(merged.conflicts) > _SHOWN:
        say(f"  and {len(merged.conflicts) - _SHOWN:,} more")
    for line in counter_advice(versions.path, merged.conflicts):
        say(line)
    return True
