"""The log of a file's parameters: what each commit changed, and what that cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from git_theta.diff import Diff, diff
from git_theta.git.history.file_log import FileRevision
from git_theta.git.repository.manifest_reader import ManifestReader
from git_theta.model.manifest import Manifest, ObjectRef
from git_theta.model.sizes import SizeOf, added_payloads, payload_bytes

#: Whether a parameter of this name is chosen.
_IsChosen = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class ParameterChanges:
    """The changes that a commit made to the chosen parameters of a file.

    Attributes:
        revision: The commit, and the file's paths.
        diff: The changes; `None` if the version isn't a valid manifest.
        total: The number of chosen parameters in the version or, if the file was removed, in the one before.
        nbytes: Raw bytes of the added parameters and of the new values.
        stored: Bytes of payloads that the version needs and the one before it doesn't.
        note: The problem of the version or, if it's valid, of the one that it should have been compared
            with; empty if there's none.
    """

    revision: FileRevision
    diff: Diff | None
    total: int
    nbytes: int
    stored: int
    note: str


def parameter_changes(
    revisions: Sequence[FileRevision],
    manifests: ManifestReader,
    size_of: SizeOf,
    is_chosen: _IsChosen | None = None,
) -> Iterator[ParameterChanges]:
    """The changes of each commit, the newest first. Manifests are read as far as the result is.

    A version that isn't a valid manifest is passed over: the one after it is compared with the one before.

    Args:
        revisions: The log of the file, the newest first.
        manifests: Reads manifests.
        size_of: Sizes of objects in bytes.
        is_chosen: Whether a parameter of this name counts. With it, commits that changed no such parameter
            are left out; without it, changes of the rest of the file count, and of how values are stored.
    """
    for index, revision in enumerate(revisions):
        new = manifests.get(revision.new_blob) if revision.new_blob else None
        if revision.new_blob and not new:
            yield ParameterChanges(revision, None, 0, 0, 0, manifests.problem(revision.new_blob))
            continue
        old = _last_valid(revisions[index:], manifests)
        found = diff(chosen_parameters(old, is_chosen), chosen_parameters(new, is_chosen))
        if is_chosen and found.same_parameters:
            continue
        counted = chosen_parameters(new or old, is_chosen)
        yield ParameterChanges(
            revision,
            found,
            total=len(counted.entries) if counted else 0,
            nbytes=sum(entry.spec.nbytes for entry in (*found.appeared, *(now for _, now in found.changed))),
            stored=payload_bytes(added_payloads_of(old, new, is_chosen), size_of) if new else 0,
            note=manifests.problem(revision.old_blob) if revision.old_blob else "",
        )


def _last_valid(revisions: Sequence[FileRevision], manifests: ManifestReader) -> Manifest | None:
    """The last valid version before the first of some revisions."""
    for revision in revisions:
        if revision.old_blob is None:
            return None
        found = manifests.get(revision.old_blob)
        if found:
            return found
    return None


def chosen_parameters(manifest: Manifest | None, is_chosen: _IsChosen | None) -> Manifest | None:
    """A manifest with the chosen parameters alone."""
    if not manifest or not is_chosen:
        return manifest
    return replace(manifest, entries=tuple(entry for entry in manifest.entries if is_chosen(entry.name)))


def added_payloads_of(old: Manifest | None, new: Manifest, is_chosen: _IsChosen | None) -> set[ObjectRef]:
    """Payloads that the chosen parameters need and the version before doesn't."""
    added = added_payloads(old, new)
    if not is_chosen:
        return added
    return added & {ref for e in new.entries if is_chosen(e.name) for ref in e.source.payloads()}
