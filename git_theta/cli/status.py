"""`git theta status`."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import click

from git_theta.cli.render import print_json
from git_theta.diff import Diff
from git_theta.git.merge.merge_in_progress import changes_of_merge
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.stronger_lines import advice, described, encoding_lines
from git_theta.git.worktree.known_files import KnownFiles
from git_theta.git.worktree.model_states import ModelState, model_states
from git_theta.git.worktree.status import WorkState, file_states
from git_theta.merging.possible_conflicts import SideChanges
from git_theta.report.merge_summary import conflict_name
from git_theta.report.possible_conflicts import possible_conflict_lines
from git_theta.report.text import borrowed_text, plural, printable
from git_theta.runtime.output import say

#: The number of names and of conflicts that are shown.
_SHOWN = 5
_CONFLICTS = 20

_HINTS = {
    WorkState.PENDING: "still a manifest; write it with: git theta checkout",
    WorkState.PLAIN: "in Git as a whole file; convert it with: git add --renormalize . && git commit",
    WorkState.STAND_IN: "only a pointer of git-lfs, or metadata of git-theta 0.2; convert it with: "
    "git theta migrate import",
    WorkState.DELETED: "deleted in the work tree",
    WorkState.CONFLICT: "in conflict; settle it with: git theta resolve",
    WorkState.SPARSE: "outside the sparse checkout",
}


@click.command("status", short_help="Show what changed, parameter by parameter.")
@click.option("--files", "by_file", is_flag=True, help="Show every file, also shards of a model.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(by_file: bool, as_json: bool) -> None:
    """Show each tracked model: what is staged, and what changed in the work tree since.

    The shards of a model are told together, unless one of them is in conflict. It's also told if the index of
    the shards doesn't list what they have.

    During a merge, possible conflicts are told, too: modules that different sides changed, and that feed each
    other, such as consecutive layers. What comes of both changes together, only tests can say.

    Nothing is stored. A file that hasn't changed since it was last read isn't read again.
    """
    repository = Repository(Git()).at_top()
    with closing(KnownFiles(repository)) as known_files:
        files = list(file_states(repository, known_files))
    found = [ModelState(each) for each in files] if by_file else list(model_states(repository, files))
    merged = changes_of_merge(repository, [(each.state.path, each.files) for each in found])
    if as_json:
        print_json([_as_json(each, merged.get(each.state.path)) for each in found])
        return
    for each in found:
        _print(each, merged.get(each.state.path), lazy=repository.settings.lazy)
    for line in encoding_lines(repository):
        say(f"Warning: {printable(described(line))}", advice(line))
    if not found:
        say("No tracked checkpoints yet. Track some: git theta track '*.safetensors', then git add them")


def _print(model: ModelState, merged: SideChanges | None, *, lazy: bool) -> None:
    state = model.state
    lines = []
    if state.work is WorkState.REMOVED:
        lines.append("staged: removed")
    elif state.staged:
        lines += _describe("staged", state.staged)
    if state.changes:
        lines += _describe("modified", state.changes)
    elif state.work is WorkState.MODIFIED:
        lines.append("modified: now empty, a damaged manifest, or no regular file")
    if state.work is WorkState.PENDING and state.missing:
        needed = plural(state.missing, "object")
        lines.append(f"still a manifest; fetch {needed} and write it with: git theta pull")
    elif state.work in _HINTS:
        lines.append(_HINTS[state.work])
    lines += [
        f"    {conflict_name(conflict)}: {conflict.reason}" for conflict in state.conflicts[:_CONFLICTS]
    ]
    if len(state.conflicts) > _CONFLICTS:
        lines.append(f"    … and {len(state.conflicts) - _CONFLICTS:,} more")
    if state.missing and state.work is not WorkState.PENDING:
        usual = lazy or state.work is WorkState.SPARSE
        todo = "fetch with: git theta fetch" if usual else "see git theta fsck"
        lines.append(f"{plural(state.missing, 'object')} missing from the store; {todo}")
    if state.borrowed:
        lines.append(borrowed_text(state.borrowed, "git theta fetch"))
    lines += map(printable, model.notes)
    lines += possible_conflict_lines(merged) if merged else ()
    say(f"{printable(model.title)}:" + ("" if lines else " unmodified"))
    for line in lines:
        say(f"    {line}")


def _describe(word: str, changes: Diff) -> list[str]:
    if not (changes.removed or changes.changed or changes.unchanged):
        return [f"{word}: new, {plural(len(changes.added), 'parameter')}"]
    total = changes.unchanged + len(changes.changed) + len(changes.removed)
    parts = []
    if changes.changed:
        parts.append(f"{len(changes.changed):,} of {plural(total, 'parameter')} changed")
    if changes.added:
        parts.append(f"{len(changes.added):,} added")
    if changes.removed:
        parts.append(f"{len(changes.removed):,} removed")
    moved = len(changes.moved.keys() - {entry.name for _, entry in changes.changed})
    if moved:
        parts.append(f"{moved:,} moved" if parts else f"{plural(moved, 'parameter')} moved")
    if changes.sharding:
        parts.append(" -> ".join(changes.sharding))
    if changes.layout:
        parts.append("the rest of the file changed" if parts else "only metadata or scalars changed")
    names = [
        *(f"+ {entry.name}" for entry in changes.added),
        *(f"- {entry.name}" for entry in changes.removed),
        *(f"~ {entry.name}" for _, entry in changes.changed),
    ]
    lines = [
        f"{word}: {', '.join(parts)}",
        *(f"    {printable(name)}" for name in names[:_SHOWN]),
    ]
    if len(names) > _SHOWN:
        lines.append(f"    … and {len(names) - _SHOWN:,} more")
    return lines


def _as_json(model: ModelState, merged: SideChanges | None) -> dict[str, Any]:
    state = model.state
    more: dict[str, Any] = (
        {"files": list(model.parts.files), "notes": list(model.notes)} if model.parts else {}
    )
    if merged:
        pairs = merged.possible_conflicts()
        more["possible_conflicts"] = [{"source": each.source, "target": each.target} for each in pairs]
    return {
        "path": state.path,
        "work": state.work.name.lower(),
        "staged": _diff_json(state.staged),
        "changes": _diff_json(state.changes),
        "missing_objects": state.missing,
        "borrowed_objects": state.borrowed,
        "conflicts": [{"name": conflict.name, "reason": conflict.reason} for conflict in state.conflicts],
        **more,
    }


def _diff_json(changes: Diff | None) -> dict[str, Any] | None:
    if changes is None:
        return None
    return {
        "added": [entry.name for entry in changes.added],
        "removed": [entry.name for entry in changes.removed],
        "changed": [entry.name for _, entry in changes.changed],
        "unchanged": changes.unchanged,
        "layout": changes.layout,
    }
