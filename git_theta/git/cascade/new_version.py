"""New versions of models that a cascade has computed: written, accepted, staged, and recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from git_theta.git.cascade.computed_model import ComputedModel
from git_theta.git.cascade.old_files import check_unchanged, files_of_step, index_lines
from git_theta.git.cascade.parents import ParentVersions, old_record
from git_theta.git.lineage.edit_record import write_record
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.change_index import add_files
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.stage import NewVersion, write_and_stage
from git_theta.git.worktree.workspace import Workspace
from git_theta.lineage.record import RecordedParent
from git_theta.runtime.progress import progress


def write_new_version(repository: Repository, computed: ComputedModel, accept: Callable[[], object]) -> None:
    """Write the files of a model's new version, stage them, and write and stage its record.

    The record keeps the versions of parents that the new version doesn't stand on.

    Args:
        repository: The repository, with Git at the top.
        computed: The new version.
        accept: Called when the files are staged and the record is written. If it raises an error, the caller
            puts files and index entries back.

    Raises:
        ThetaError: A file was changed meanwhile or can't be written, or the index is locked.
    """
    git, model = repository.git, computed.name
    with LineageTree(repository) as tree:
        before = dict(zip(tree.models[model].files, tree.manifests(model), strict=True))
        lines = index_lines(git, files_of_step(tree, [model]))
    entries = {line.partition("\t")[2]: line for line in lines}
    changed = {path: manifest for path, manifest in computed.files.items() if manifest != before[path]}
    with progress(f"writing {model}", sum(each.size for each in changed.values())) as advance:
        versions = [
            NewVersion(
                path,
                entries[path].partition(" ")[0],
                manifest,
                entries[path].encode("utf-8", "surrogateescape") + b"\0",
                lambda: check_unchanged(git, lines),
                advance,
            )
            for path, manifest in changed.items()
        ]
        with Workspace(repository) as workspace:
            write_and_stage(repository, workspace.known_files, versions)
    with LineageTree(repository) as tree:
        old = old_record(tree, model)
        record = replace(
            old,
            model=tree.facts(model).model,
            parents=tuple(_current(tree, parent, computed.parents) for parent in old.parents),
            is_moved=(computed.is_moved or old.is_moved) and old.run is not None,
        )
        path = write_record(tree, model, record)
    # Tests read the version of the parent that the record names.
    accept()
    add_files(git, [path])


def _current(
    tree: LineageTree, recorded: RecordedParent, parents: Sequence[ParentVersions]
) -> RecordedParent:
    """A recorded parent, with its path and version of now if it's one of some parents."""
    for parent in parents:
        has_moved = recorded.path not in tree.models and recorded.model == parent.recorded
        if recorded.path == parent.name or has_moved:
            return replace(recorded, path=parent.name, model=tree.facts(parent.name).model)
    return recorded
