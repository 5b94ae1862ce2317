"""What each commit of a file's journal did to its parameters, and what that cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from git_theta.diff import Diff, diff
from git_theta.git.history.file_log import Visit
from git_theta.git.repository.manifest_reader import Manifests
from git_theta.model.manifest import Manifest, ObjectRef
from git_theta.model.sizes import SizeOf, added_payloads, payload_bytes

#: Tells which parameters are wanted, by name.
Wanted = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Change:
    """What a commit did to the wanted parameters of a file.

    Attributes:
        visit: The commit, and where the file was.
        diff: What changed; `None` if the version isn't a valid manifest.
        total: How many parameters were wanted, of those in the version or, where it's gone, the one before.
        nbytes: Raw bytes of the added parameters and of the new values.
        stored: Bytes of payloads that the version needs and the one before it doesn't.
        note: What is wrong with the version, or, if it's valid, with the one that it should have been
            compared with; empty for nothing.
    """

    visit: Visit
    diff: Diff | None
    total: int
    nbytes: int
    stored: int
    note: str


def changes(
    history: Sequence[Visit], manifests: Manifests, size_of: SizeOf, wanted: Wanted | None = None
) -> Iterator[Change]:
    """What commits did, the newest first; read as far as it's asked for.

    A version that isn't a valid manifest is passed over: the one after it is compared with the one before.

    Args:
        history: What `visits` gives.
        manifests: Where manifests are read.
        size_of: Sizes of objects.
        wanted: Which parameters count, and only commits that touched these; without it, all of them, the
            rest of the file, and commits that changed how values are stored.
    """
    for index, visit in enumerate(history):
        new = manifests.get(visit.new) if visit.new else None
        if visit.new and not new:
            yield Change(visit, None, 0, 0, 0, manifests.problem(visit.new))
            continue
        old = _before(history[index:], manifests)
        found = diff(_only(old, wanted), _only(new, wanted))
        if wanted and found.same_parameters:
            continue
        there = _only(new or old, wanted)
        yield Change(
            visit,
            found,
            total=len(there.entries) if there else 0,
            nbytes=sum(entry.spec.nbytes for entry in (*found.appeared, *(now for _, now in found.changed))),
            stored=payload_bytes(_brought(old, new, wanted), size_of) if new else 0,
            note=manifests.problem(visit.old) if visit.old else "",
        )


def _before(history: Sequence[Visit], manifests: Manifests) -> Manifest | None:
    """The last valid version that the first of some visits came upon."""
    for visit in history:
        if visit.old is None:
            return None
        found = manifests.get(visit.old)
        if found:
            return found
    return None


def _only(manifest: Manifest | None, wanted: Wanted | None) -> Manifest | None:
    if not manifest or not wanted:
        return manifest
    return replace(manifest, entries=tuple(entry for entry in manifest.entries if wanted(entry.name)))


def _brought(old: Manifest | None, new: Manifest, wanted: Wanted | None) -> set[ObjectRef]:
    """Payloads that the wanted parameters need and the version before doesn't."""
    brought = added_payloads(old, new)
    if not wanted:
        return brought
    return brought & {ref for e in new.entries if wanted(e.name) for ref in e.source.payloads()}
