"""Stage a model that the sides sharded in different ways as if all had the shards of ours.

Git then has a conflict for each shard that is to be merged, with the versions of base, ours and theirs, and
`git theta resolve` merges them as it does any file.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import replace

from git_theta.checkpoint_file import fingerprint
from git_theta.clean import same_content
from git_theta.errors import UsageError
from git_theta.git.merge.resharded import ShardPlaces, merged_places, resharded
from git_theta.git.merge.sharded_sides import ShardedSides, SideVersion
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.notices import note
from git_theta.git.plumbing.work_file import WorkFile, work_file
from git_theta.git.remote.fetch import ensure_values
from git_theta.git.repository.conflict_records import (
    ConflictRecord,
    current_record,
    remove_record,
    write_record,
)
from git_theta.git.repository.given_rules import given_rules
from git_theta.git.repository.operation import interrupted_operation
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.smudge_filter import smudge
from git_theta.git.worktree.stage import NewVersion, index_line, write_and_stage
from git_theta.git.worktree.workspace import Workspace
from git_theta.merging.purpose import Operation
from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import valid_manifest
from git_theta.report.text import printable
from git_theta.runtime.atomic_write import Replacement, atomic_write
from git_theta.sharding.index_file import MAX_INDEX, ShardIndex, parse_index
from git_theta.sharding.merged_index import index_bytes, merge_indexes

#: The beginning of a conflict in a text that Git merged.
_MARKER = b"<<<<<<< "

_MODE = "100644"


def restage(
    workspace: Workspace, sides: ShardedSides, given: Sequence[str] = (), *, every_shard: bool = False
) -> list[str]:
    """Stage the model in the shards of ours, and write its index.

    Args:
        workspace: The repository's parts, with Git at the top of the work tree.
        sides: The model.
        given: The rules given for the operation, as texts; those of records of conflicts count, too.
        every_shard: Whether shards that only one side changed are to be merged, too.

    Returns:
        Paths of the shards that are to be merged; they are in conflict now, and the work tree has ours.

    Raises:
        UsageError: The work tree has something else than the merge left there.
        ThetaError: The model can't be sharded as ours; nothing has changed then.
    """
    repository, git = workspace.repository, workspace.repository.git
    ours = sides.ours.model
    places = merged_places(sides.base.model if sides.base else None, ours, sides.theirs.model)
    base, theirs = (
        resharded(repository, side.model, ours, places) if side else {} for side in (sides.base, sides.theirs)
    )
    left = _work_tree(workspace, sides)
    operation, rules = _operation(repository, sides, given)
    records, settled = [], []
    for path, mine, own in zip(ours.parts.files, ours.manifests, sides.ours.oids, strict=True):
        ids = (_blob(git, base.get(path)), own, _blob(git, theirs[path]))
        if ids[2] in ids[:2] and not every_shard:
            settled.append((path, mine))
        else:
            records.append(ConflictRecord(path, ids, (), operation=operation, given=rules))
            now = left.get(path)
            if now is None or not same_content(now, mine):
                _write(workspace, path, mine)
    gone = sides.paths - {*ours.parts.files, ours.parts.index}
    _update_index(git, [*gone, *(path for path, _ in settled)], records)
    for path in gone:
        remove_record(repository, path)
        if os.path.lexists(git.path(path)):
            os.unlink(git.path(path))
    versions = [NewVersion(path, _MODE, mine, b"", lambda: None) for path, mine in settled]
    write_and_stage(repository, workspace.known_files, versions)
    for record in records:
        write_record(repository, record)
    _write_index(git, sides, places)
    return [record.path for record in records]


def _operation(
    repository: Repository, sides: ShardedSides, given: Sequence[str]
) -> tuple[Operation, tuple[str, ...]]:
    """The operation, and the rules that were given for it."""
    for path in sorted(sides.paths):
        record = current_record(repository, path)
        if record and record.operation:
            return record.operation, (*record.given, *(text for text in given if text not in record.given))
    operation = interrupted_operation(repository)
    found = [str(rule) for rule in given_rules(repository, operation)]
    return operation, (*found, *(text for text in given if text not in found))


def _blob(git: Git, manifest: Manifest | None) -> str:
    if manifest is None:
        return ""
    return git.run("hash-object", "-w", "--stdin", stdin=manifest.to_bytes()).decode().strip()


def _update_index(git: Git, gone: Iterable[str], records: Sequence[ConflictRecord]) -> None:
    none = "0" * len(git.line("hash-object", "-t", "tree", os.devnull))
    lines = [index_line(path, "0", none) for path in (*gone, *(record.path for record in records))]
    for record in records:
        stages = enumerate(record.ids, 1)
        lines += [index_line(record.path, _MODE, oid, stage) for stage, oid in stages if oid]
    git.run("update-index", "-z", "--index-info", stdin=b"".join(lines))


def _write(workspace: Workspace, path: str, manifest: Manifest) -> None:
    """Write a version into the work tree; the index isn't touched."""
    repository = workspace.repository
    ensure_values(repository, manifest.all_entries())
    with Replacement(repository.git.path(path)) as new:
        smudge(repository, workspace.known_files, manifest, new.handle)
        new.commit()


def _work_tree(workspace: Workspace, sides: ShardedSides) -> dict[str, Manifest]:
    """The manifest of each shard in the work tree, by path.

    Raises:
        UsageError: A file has something that isn't stored: neither of a version, nor made by the merge.
    """
    git = workspace.repository.git
    found: dict[str, Manifest] = {}
    indexes = {side.model.parts.index for side in sides.versions}
    versions = [manifest for side in sides.versions for manifest in side.model.manifests]
    known = {entry.digest for manifest in versions for entry in manifest.all_entries()}
    for path in sorted(sides.paths):
        with work_file(git.path(path)) as file:
            if file is None:
                continue
            if path in indexes:
                stored = _is_stored_index(git, sides, path, bytes(file.data))
            else:
                found[path] = now = _manifest_of(workspace, file, versions)
                source = workspace.known_files.source
                stored = all(entry.digest in known or source(entry.digest) for entry in now.all_entries())
        if not stored:
            quoted = shlex.quote(path)
            raise UsageError(
                f"{path} in the work tree isn't as the merge left it",
                f"move it away, then: git checkout HEAD -- {quoted}, or remove it",
            )
    return found


def _manifest_of(workspace: Workspace, file: WorkFile, versions: Sequence[Manifest]) -> Manifest:
    """The manifest of a file in the work tree."""
    repository = workspace.repository
    return (
        valid_manifest(file.data)
        or workspace.known_files.manifest(file)
        or fingerprint(
            file.data,
            repository.settings.thread_count,
            repository.store.temporary_file,
            tuple(versions),
            repository.store,
        )
    )


def _is_stored_index(git: Git, sides: ShardedSides, path: str, text: bytes) -> bool:
    """Whether a text is that of a version, or of the index of Git, or one that Git merged with conflicts."""
    if _MARKER in text or any(text == side.index for side in sides.versions):
        return True
    with Blobs(git.cwd) as blobs:
        return text == blobs.read(f":{path}", MAX_INDEX)


def _write_index(git: Git, sides: ShardedSides, places: ShardPlaces) -> None:
    """Write and stage the index of the shards, if ours has one."""
    path, text = sides.ours.model.parts.index, sides.ours.index
    if not path or text is None:
        return
    versions = [sides.base, sides.ours, sides.theirs]
    like = parse_index(text, path)
    base, ours, theirs = (_resharded_index(side, like, places) for side in versions)
    assert ours is not None  # noqa: S101
    merged = merge_indexes(base, ours, theirs or ours, [_sizes(side) for side in versions])
    atomic_write(git.path(path), index_bytes(merged.document, text))
    git.run("add", "--", f":(top,literal){path}")
    for reason in merged.conflicts:
        note(f"{printable(path)}: {printable(reason)}; it's as in ours")


def _resharded_index(side: SideVersion | None, ours: ShardIndex, places: ShardPlaces) -> ShardIndex | None:
    """The index of a version, with other places; for a version without, one that is as ours but for these."""
    if side is None:
        return None
    names = {name: os.path.basename(file) for name, file in places.of.items() if name in side.places()}
    if side.index is None:
        return replace(ours, places=names)
    index = parse_index(side.index, side.model.parts.index)
    return replace(index, places={name: names[name] for name in index.places if name in names})


def _sizes(side: SideVersion | None) -> dict[str, int]:
    manifests = side.model.manifests if side else ()
    return {entry.name: entry.spec.nbytes for manifest in manifests for entry in manifest.entries}
