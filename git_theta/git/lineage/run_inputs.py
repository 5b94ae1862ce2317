"""The inputs and parents that a command reads, and whether they stay as they are while it runs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from git_theta.git.lineage.run_program import RunError
from git_theta.git.lineage.run_request import RunRequest
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.dirty_paths import dirty_paths
from git_theta.git.plumbing.pathspec import literal
from git_theta.git.repository.repository import Repository
from git_theta.lineage.record import BLOB, RecordedParent


def files_read(repository: Repository, request: RunRequest) -> list[str]:
    """Paths of all files that a command reads: inputs, and the files of its parents."""
    files = _files_of_parents(repository, request).values()
    return list(dict.fromkeys((*request.inputs, *(path for paths in files for path in paths))))


def _files_of_parents(repository: Repository, request: RunRequest) -> dict[str, tuple[str, ...]]:
    """Name of a parent → paths of its files; none if the parent is elsewhere."""
    with LineageTree(repository) as tree:
        return {
            parent.name: tree.models[parent.path].files if parent.path in tree.models else ()
            for parent in request.parents
        }


def recorded_inputs(repository: Repository, request: RunRequest) -> dict[str, str]:
    """Path → id of the blob with the content of each input, as it's in the work tree and in records.

    Raises:
        RunError: An input isn't there any more.
    """
    if not request.inputs:
        return {}
    listing = repository.git.records("ls-files", "-s", "-z", "--", *literal(request.inputs))
    blobs = {}
    for record in listing:
        head, _, name = record.partition(b"\t")
        blobs[os.fsdecode(name)] = head.split(b" ")[1].decode()
    for path in dirty_paths(repository.git, request.inputs):
        if not (repository.root / path).is_file():
            raise RunError(f"input {path} isn't in the work tree any more: the record would be wrong")
        blobs[path] = repository.git.line("hash-object", "--", str(repository.root / path))
    return {path: f"{BLOB}{blobs[path]}" for path in sorted(request.inputs)}


def read_versions(repository: Repository, request: RunRequest) -> tuple[RecordedParent, ...]:
    """The parents with the versions that the command reads; those of files unlike the index are unknown."""
    files = _files_of_parents(repository, request)
    dirty = {*dirty_paths(repository.git, [path for paths in files.values() for path in paths])}
    return tuple(
        replace(parent, model="") if dirty.intersection(files[parent.name]) else parent
        for parent in request.parents
    )


def check_unchanged(
    repository: Repository,
    request: RunRequest,
    inputs: Mapping[str, str],
    parents: Sequence[RecordedParent],
) -> None:
    """Check that what a command read is as it was before.

    Args:
        repository: The repository.
        request: The command.
        inputs: Path → blob of each input, before.
        parents: The parents with the versions that were there before.

    Raises:
        RunError: An input or a parent has another content.
    """
    now = recorded_inputs(repository, request)
    for path, blob in inputs.items():
        if now[path] != blob:
            raise RunError(f"input {path} was changed while the command ran: the record would be wrong")
    with LineageTree(repository) as tree:
        names = [parent.path for parent in parents if parent.path in tree.models]
        models = {name: facts.model for name in names if (facts := tree.facts_or_none(name))}
    dirty = {parent.path for parent in read_versions(repository, request) if not parent.model}
    for parent in parents:
        is_known = parent.path and parent.model
        if is_known and (parent.path in dirty or models.get(parent.path) != parent.model):
            raise RunError(
                f"parent {parent.path} was changed while the command ran: the record would be wrong"
            )
