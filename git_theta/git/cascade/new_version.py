"""New versions of models that a cascade has computed: written, accepted, staged, and recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from git_theta.git.cascade.old_files import check_unchanged, files_of_step, index_lines
from git_theta.git.cascade.parents import old_record
from git_theta.git.lineage.edit_record import write_record
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.change_index import add_files
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.stage import NewVersion, write_and_stage
from git_theta.git.worktree.workspace import Workspace
from git_theta.lineage.record import RecordedParent
from git_theta.model.manifest import Manifest
from git_theta.runtime.progress import progress


def write_new_version(
    repository: Repository,
    model: str,
    made: Mapping[str, Manifest],
    parents: Mapping[str, str],
    accept: Callable[[], object],
    *,
    is_moved: bool,
) -> None:
    """Write the files of a model's new version, stage them, and write and stage its record.

    Args:
        repository: The repository, with Git at the top.
        model: The model.
        made: Path → manifest, of each of its files.
        parents: Path → recorded version, of the parents whose versions of now the model stands on. The record
            keeps the versions of others.
        accept: Called when the files are staged and the record is written. If it raises an error, the caller
            puts files and index entries back.
        is_moved: Whether the model isn't what its recorded command would make.

    Raises:
        ThetaError: A file was changed meanwhile or can't be written, or the index is locked.
    """
    git = repository.git
    with LineageTree(repository) as tree:
        before = dict(zip(tree.models[model].files, tree.manifests(model), strict=True))
        lines = index_lines(git, files_of_step(tree, [model]))
    entries = {line.partition("\t")[2]: line for line in lines}
    changed = {path: manifest for path, manifest in made.items() if manifest != before[path]}
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
            parents=tuple(_current(tree, parent, parents) for parent in old.parents),
            is_moved=(is_moved or old.is_moved) and old.run is not None,
        )
        path = write_record(tree, model, record)
    # Tests read the version of the parent that the record names.
    accept()
    add_files(git, [path])


def _current(tree: LineageTree, recorded: RecordedParent, parents: Mapping[str, str]) -> RecordedParent:
    """A recorded parent, with its path and version of now if it's one of some parents."""
    for name, version in parents.items():
        has_moved = recorded.path not in tree.models and recorded.model == version
        if recorded.path == name or has_moved:
            return replace(recorded, path=name, model=tree.facts(name).model)
    return recorded
