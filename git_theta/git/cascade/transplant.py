"""Models that are made again in weight space: their changes of a parent's old version, on the new one.

Each parameter becomes child + (new parent - old parent), as in the merge of a picked change. Such a sum is
computed in float64 and rounded once, and stored as a recipe where that's cheaper than the value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from git_theta.cascade.plan import CascadeStep
from git_theta.errors import ThetaError
from git_theta.git.cascade.new_version import write_new_version
from git_theta.git.cascade.parents import ParentVersions, changed_parents
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.merge.merger import merger_of
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.workspace import Workspace
from git_theta.merging.manifest_parts import parameter_entries
from git_theta.merging.outcome import non_finite_text
from git_theta.merging.purpose import Purpose
from git_theta.merging.rules import PICK_DEFAULT, MergeRule, MergeRules
from git_theta.model.manifest import Entry, Manifest
from git_theta.report.text import plural
from git_theta.runtime.progress import progress
from git_theta.updates.rounding import ARITHMETIC

#: Relations whose models have parameters of their own, and none of the parent's.
_ADAPTER = "adapter"

#: Relations whose models mean the same as their parent in other numbers: none of them may stay as it was.
_COPIES = frozenset(("quantized",))

#: Names that a message lists.
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class _Move:
    """A parameter of a model, and the versions of a parent's parameter between which it's moved."""

    entry: Entry
    old: Entry
    new: Entry


def transplant(
    repository: Repository,
    step: CascadeStep,
    replaced: Mapping[str, Sequence[tuple[str, ...]]],
    accept: Callable[[], object],
) -> str:
    """Make a model again in weight space, write and stage it and its record.

    Args:
        repository: The repository, with Git at the top.
        step: The step, of one model.
        replaced: Path → ids of the manifests of versions that the index had before.
        accept: Called when the new version is in the work tree. If it raises an error, the caller puts files
            and index entries back.

    Returns:
        A sentence about parameters that stay as they are; may be empty.

    Raises:
        ThetaError: The model can't be moved; the message says why.
    """
    with LineageTree(repository) as tree:
        files = dict(zip(tree.models[step.name].files, tree.manifests(step.name), strict=True))
        parents = changed_parents(tree, step.name, step.changed, replaced)
    moves = moved_parameters(files.values(), parents, step.name, step.relation)
    with Workspace(repository) as workspace:
        made = {
            path: _moved(workspace, path, manifest, moves) if moves else manifest
            for path, manifest in files.items()
        }
    write_new_version(
        repository,
        step.name,
        made,
        {each.name: each.recorded for each in parents},
        accept,
        is_moved=bool(moves),
    )
    return _note(files.values(), moves, parents)


def moved_parameters(
    files: Iterable[Manifest], parents: Sequence[ParentVersions], model: str, relation: str
) -> dict[str, _Move]:
    """Name → move, of each parameter that a model shares with the first parent that has it.

    Args:
        files: The manifests of the model's files.
        parents: The parents that have changed.
        model: The model's path for messages.
        relation: The kind of derivation.

    Raises:
        ThetaError: The model has none of its parents' parameters and isn't an adapter, or has them in a form
            that can't be added to.
    """
    moves: dict[str, _Move] = {}
    left: list[str] = []
    mine = {entry.name: entry for manifest in files for entry in parameter_entries(manifest)}
    for parent in parents:
        old, new = _by_name(parent.old), _by_name(parent.new)
        for name in old:
            before, after, entry = old[name], new.get(name), mine.get(name)
            if name in moves:
                continue
            if entry and after and entry.spec.shape == before.spec.shape == after.spec.shape:
                moves[name] = _Move(entry, before, after)
            elif after is None or _content(before) != _content(after):
                left.append(name)
    if relation == _ADAPTER and not moves:
        return {}
    hint = "record its command: git theta run"
    if not moves:
        raise ThetaError(f"{model} has no parameters in common with {parents[0].name}", hint)
    if relation in _COPIES and left:
        raise ThetaError(f"{model} has {_shown(left)} in another form than {parents[0].name}", hint)
    for name, move in moves.items():
        dtypes = {each.spec.dtype for each in (move.entry, move.old, move.new)}
        if _content(move.old) != _content(move.new) and len(dtypes) > 1 and not dtypes <= set(ARITHMETIC):
            raise ThetaError(f"{name} of {model} is in another form than that of {parents[0].name}", hint)
    return moves


def _by_name(manifests: Iterable[Manifest]) -> dict[str, Entry]:
    return {entry.name: entry for manifest in manifests for entry in parameter_entries(manifest)}


def _content(entry: Entry) -> object:
    return entry.spec, entry.digest


def _moved(workspace: Workspace, path: str, manifest: Manifest, moves: Mapping[str, _Move]) -> Manifest:
    """The manifest of a file whose parameters are moved. All but these is as it was."""
    old = _with_entries(manifest, {name: move.old for name, move in moves.items()})
    new = _with_entries(manifest, {name: move.new for name, move in moves.items()})
    rules = MergeRules((MergeRule("", dtype="ours"),), default=PICK_DEFAULT, purpose=Purpose.PICK)
    with progress(f"moving {path}", manifest.size) as advance:
        merged = merger_of(workspace, path, advance).merge(old, [manifest, new], rules)
    if merged.manifest is None:
        first = merged.conflicts[0]
        raise ThetaError(f"{first.name or path} can't be moved: {first.reason}")
    if merged.non_finite:
        worst = merged.non_finite[0]
        raise ThetaError(f"parameter {worst.name!r} can't be moved: {non_finite_text(worst)}")
    return merged.manifest


def _with_entries(manifest: Manifest, found: Mapping[str, Entry]) -> Manifest:
    """A manifest with the values that a parent has of some parameters."""
    return replace(
        manifest,
        entries=tuple(
            replace(found[entry.name], name=entry.name, extra=entry.extra) if entry.name in found else entry
            for entry in manifest.entries
        ),
    )


def _note(files: Iterable[Manifest], moves: Mapping[str, _Move], parents: Sequence[ParentVersions]) -> str:
    if not moves:
        return f"an adapter: its parameters are as they were, for the new {parents[0].name}"
    kept = [
        entry.name for manifest in files for entry in parameter_entries(manifest) if entry.name not in moves
    ]
    if not kept:
        return ""
    return f"{plural(len(kept), 'parameter')} not in {parents[0].name} stay: {_shown(kept)}"


def _shown(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
