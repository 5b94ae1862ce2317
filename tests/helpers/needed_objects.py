"""Needed objects whose names are single letters, and manifests that name one object."""

from __future__ import annotations

from git_theta.git.maintenance.reachability import NeededObjects
from tests.helpers.repo import Repo

#: The name of an object.
OID = "ab" * 32


def needed(complete: bool = True, **names: str) -> NeededObjects:
    """Objects by what needs them; each letter of a text is the name of one."""
    groups = ("in_use", "recent", "unpushed", "sources", "pushed", "named")
    return NeededObjects(**{group: frozenset(names.get(group, "")) for group in groups}, complete=complete)


def write_manifest(repo: Repo, text: str = "git-theta manifest 1\n", oid: str = OID) -> str:
    """A blob that claims to be a manifest, and names an object."""
    return repo.run("git", "hash-object", "-w", "--stdin", stdin=f"{text}{oid}\n".encode()).stdout.strip()
