"""Commits that are made from files, without a work tree."""

from __future__ import annotations

from git_theta.git.plumbing.command import Git


class Commits:
    """Makes commits in a repository."""

    def __init__(self, git: Git) -> None:
        self._git = git

    def __call__(self, files: dict[str, str], *parents: str) -> str:
        """The id of a commit of these files, by path at the top, with these parents."""
        lines = []
        for name, text in sorted(files.items()):
            oid = self._git.run("hash-object", "-w", "--stdin", stdin=text.encode()).decode().strip()
            lines.append(f"100644 blob {oid}\t{name}\n")
        tree = self._git.run("mktree", stdin="".join(lines).encode()).decode().strip()
        words = [word for parent in parents for word in ("-p", parent)]
        return self._git.run("commit-tree", tree, *words, stdin=b"a commit").decode().strip()


def commit_of_nested_trees(git: Git, blob: str, *parents: str) -> str:
    """The id of a commit of thirty trees and 2^30 paths of one blob, such as `0/1/1/…/0`."""
    kind, oid = "100644 blob", blob
    for _ in range(30):
        listing = "".join(f"{kind} {oid}\t{name}\n" for name in range(2))
        kind, oid = "040000 tree", git.run("mktree", stdin=listing.encode()).decode().strip()
    words = [word for parent in parents for word in ("-p", parent)]
    return git.run("commit-tree", oid, *words, stdin=b"nested").decode().strip()
