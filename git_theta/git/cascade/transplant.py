"""Models that are made again in weight space: their changes of a parent's old version, on the new one.

Each parameter becomes child + (new parent - old parent), as in the merge of a picked change. Such a sum is
computed in float64 and rounded once, and stored as a recipe where that's cheaper than the value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from git_theta.errors import ThetaError
from git_theta.git.cascade.computed_model import ComputedModel, OutdatedModel
from git_theta.git.cascade.mixed_dtypes import moved_between_dtypes
from git_theta.git.cascade.moves import Move, moved_parameters, shown
from git_theta.git.cascade.parents import ParentVersions
from git_theta.git.merge.merger import merger_of
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.workspace import Workspace
from git_theta.merging.manifest_parts import parameter_entries
from git_theta.merging.outcome import non_finite_text
from git_theta.merging.purpose import Purpose
from git_theta.merging.rules import PICK_DEFAULT, MergeRules
from git_theta.model.manifest import Entry, Manifest
from git_theta.report.text import plural
from git_theta.runtime.progress import progress


def transplant(repository: Repository, model: OutdatedModel) -> ComputedModel:
    """Make a model again in weight space; its note tells of parameters that stay as they are.

    Args:
        repository: The repository, with Git at the top.
        model: The model.

    Raises:
        ThetaError: The model can't be moved; the message says why.
    """
    files = model.files
    moves = moved_parameters(files.values(), model.parents, model.name, model.relation)
    with Workspace(repository) as workspace:
        made = {
            path: _moved(workspace, path, manifest, moves) if moves else manifest
            for path, manifest in files.items()
        }
    note = _note(files.values(), moves, model.parents)
    return ComputedModel(model.name, made, model.parents, bool(moves), note)


def _moved(workspace: Workspace, path: str, manifest: Manifest, moves: Mapping[str, Move]) -> Manifest:
    """The manifest of a file whose parameters are moved. All but these is as it was."""
    mine = {name: move for name, move in moves.items() if name in manifest.by_name}
    alike = {name: move for name, move in mine.items() if not move.is_between_dtypes}
    old = _with_entries(manifest, {name: move.old for name, move in alike.items()})
    new = _with_entries(manifest, {name: move.new for name, move in alike.items()})
    rules = MergeRules(default=PICK_DEFAULT, purpose=Purpose.PICK)
    with progress(f"moving {path}", manifest.size) as advance:
        merged = merger_of(workspace, path, advance).merge(old, [manifest, new], rules)
    if merged.manifest is None:
        first = merged.conflicts[0]
        raise ThetaError(f"{first.name or path} can't be moved: {first.reason}")
    if merged.non_finite:
        worst = merged.non_finite[0]
        raise ThetaError(f"parameter {worst.name!r} can't be moved: {non_finite_text(worst)}")
    return moved_between_dtypes(
        workspace, path, merged.manifest, [mine[name] for name in mine.keys() - alike]
    )


def _with_entries(manifest: Manifest, found: Mapping[str, Entry]) -> Manifest:
    """A manifest with the values that a parent has of some parameters."""
    return replace(
        manifest,
        entries=tuple(
            replace(found[entry.name], name=entry.name, extra=entry.extra) if entry.name in found else entry
            for entry in manifest.entries
        ),
    )


def _note(files: Iterable[Manifest], moves: Mapping[str, Move], parents: Sequence[ParentVersions]) -> str:
    if not moves:
        return f"an adapter: its parameters are as they were, for the new {parents[0].name}"
    kept = [
        entry.name for manifest in files for entry in parameter_entries(manifest) if entry.name not in moves
    ]
    if not kept:
        return ""
    return f"{plural(len(kept), 'parameter')} not in {parents[0].name} stay: {shown(kept)}"
