"""Objects that pushed versions name, and that alternative sources have replaced here and everywhere else."""

from __future__ import annotations

from collections.abc import Iterable

from git_theta.encoding.readable import is_complete
from git_theta.git.repository.manifest_walk import ManifestBlob, reachable_manifests
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.source_table import read_table
from git_theta.store.local import LocalStore


def lost_objects(store: LocalStore, versions: Iterable[ManifestBlob], absent: frozenset[str]) -> set[str]:
    """Objects, of some, that a value needs which no alternative source gives from what is here.

    Args:
        store: The store.
        versions: Manifests that are pushed.
        absent: Objects that are neither here nor at the remote.
    """
    lost: set[str] = set()
    for version in versions:
        for entry in version.manifest.all_entries() if version.manifest else ():
            lacking = {ref.oid for ref in entry.source.payloads()} & absent
            other = store.alternatives.get(entry.digest) if lacking and store.alternatives else None
            if lacking and not (other and is_complete(other, store.keeps)):
                lost |= lacking
    return lost


def table_objects(repository: Repository) -> set[str]:
    """Names of the objects of this repository's table of alternative sources."""
    table = read_table(repository.git)
    if not table.commit:
        return set()
    tree = repository.git.line("rev-parse", f"{table.commit}^{{tree}}")
    parts = reachable_manifests(repository.git, [tree]).values()
    return {oid for part in parts if part.manifest for oid in part.manifest.oids()}
