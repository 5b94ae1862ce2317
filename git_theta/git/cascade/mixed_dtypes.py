"""Parameters that are moved between versions of a parent in another float dtype: values, and no recipes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from git_theta.cascade.moved_value import moved_value
from git_theta.encoding.decode import read_value
from git_theta.encoding.new_manifest import completed
from git_theta.encoding.stored_value import finalize
from git_theta.encoding.value_writer import ValueWriter
from git_theta.errors import ThetaError
from git_theta.git.cascade.moves import Move
from git_theta.git.remote.fetch import ensure_values
from git_theta.git.worktree.workspace import Workspace
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.strided import joined
from git_theta.store.batch import Batch
from git_theta.store.local import LocalStore
from git_theta.updates.base import Input


def moved_between_dtypes(
    workspace: Workspace, path: str, manifest: Manifest, moves: Sequence[Move]
) -> Manifest:
    """A manifest with the new values of some parameters, which are stored.

    Args:
        workspace: The repository's parts.
        path: The file's path.
        manifest: The manifest, in which these parameters are as they were.
        moves: The parameters.

    Raises:
        ThetaError: A value can't be read or stored, or isn't finite any more.
    """
    if not moves:
        return manifest
    repository = workspace.repository
    store, depth = repository.store, repository.settings.depth
    ensure_values(repository, [each for move in moves for each in (move.entry, move.old, move.new)])
    updates = workspace.cleaners.allowed_updates(path)
    with Batch(store) as batch:
        writer = ValueWriter(store, batch, {}, workspace.known_files.sources, updates, depth)
        written = []
        for move in moves:
            entry, spec = move.entry, move.entry.spec
            three = (entry, move.old, move.new)
            pieces = moved_value([_reader(each, store) for each in three], [each.spec for each in three])
            try:
                value = joined(pieces, spec.nbytes, store.temporary_file)
            except ThetaError as error:
                raise type(error)(f"parameter {entry.name!r}: {error.message}", error.hint) from error
            written.append(writer.write(entry.name, spec, value, [entry, move.new]))
        made = {each.name: each for each in finalize(written, batch)}
    entries = tuple(made.get(each.name, each) for each in manifest.entries)
    return completed(replace(manifest, entries=entries), store)


def _reader(entry: Entry, store: LocalStore) -> Input:
    return lambda _nbytes: read_value(entry, store)
