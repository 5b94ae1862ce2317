"""Payloads that manifests still need, moved out of packs that nothing else does.

A staged version has its small payloads in packs. Where the large ones are replaced, a few of the small ones
would keep all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace

from git_theta.encoding.stored_payload import read_payload
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.manifest_walk import index_manifests, revision_manifests
from git_theta.model.manifest import Entry, Manifest, ObjectRef, Source
from git_theta.store.batch import Batch
from git_theta.store.local import LocalStore
from git_theta.store.packs import pack


def needed_objects(git: Git, replaced: Collection[str]) -> set[str]:
    """Names of the objects that HEAD and the index need, without the files that are about to be replaced.

    Args:
        git: Git at the top of the work tree.
        replaced: Paths of these files, from there.
    """
    staged = [version for version in index_manifests(git) if version.path not in replaced]
    has_head = git.ok("rev-parse", "-q", "--verify", "HEAD")
    committed = revision_manifests(git, "HEAD") if has_head else []
    manifests = (version.manifest for version in (*staged, *committed))
    return {oid for manifest in manifests if manifest for oid in manifest.oids()}


def repacked(manifests: Sequence[Manifest], needed: Collection[str], store: LocalStore) -> list[Manifest]:
    """Manifests whose payloads are in packs that they need as a whole, or that others need.

    Args:
        manifests: The manifests.
        needed: Names of the objects that are kept anyway.
        store: Has the objects, and gets the new packs.

    Raises:
        ThetaError: The store can't be read or written.
    """
    parts: dict[str, set[ObjectRef]] = defaultdict(set)
    for manifest in manifests:
        for entry in manifest.all_entries():
            for ref in entry.source.payloads():
                if ref.length is not None and ref.oid not in needed:
                    parts[ref.oid].add(ref)
    moved = [ref for oid, refs in parts.items() if _is_partly_used(oid, refs, store) for ref in refs]
    if not moved:
        return list(manifests)
    with Batch(store) as batch:
        ordered = sorted(moved, key=lambda ref: (ref.oid, ref.offset))
        buffered = {ref: batch.buffer.put(bytes(read_payload(ref, store))) for ref in ordered}
        packed = pack(buffered.values(), batch)
    places = {ref: packed[payload] for ref, payload in buffered.items()}

    def new_source(source: Source) -> Source:
        payload = places.get(source.payload, source.payload) if source.payload else None
        return replace(source, payload=payload, inputs=tuple(map(new_source, source.inputs)))

    def new_entry(entry: Entry) -> Entry:
        return replace(entry, source=new_source(entry.source))

    return [
        replace(each, layout=new_entry(each.layout), entries=tuple(map(new_entry, each.entries)))
        for each in manifests
    ]


def _is_partly_used(oid: str, refs: Collection[ObjectRef], store: LocalStore) -> bool:
    """Whether an object that is here has bytes that no reference needs."""
    size = store.size(oid)
    return size is not None and sum(ref.length or 0 for ref in refs) < size
