"""Which objects are needed by what, found in Git's own data and without the network."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from git_theta.git.maintenance.manifest_index import ManifestIndex
from git_theta.git.maintenance.worktree_state import PSEUDO_REFS, git_dirs, unfinished_commits
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.partial_clone import is_partial_clone
from git_theta.git.repository.oid_scan import find_object_names
from git_theta.git.repository.source_table import REF

#: The mark that `git ls-files -t` gives to files that a sparse checkout leaves out.
_SKIPPED = b"S"

#: Options for all refs but those that aren't of versions.
_ALL = ("--exclude=refs/theta/*", "--all")


@dataclass(frozen=True, slots=True)
class NeededObjects:
    """Names of objects, by what needs them.

    Attributes:
        in_use: By HEAD, the index, the stash or an unfinished command, in any work tree.
        recent: By a recent commit, or a recent entry of a reflog.
        unpushed: By a commit, or anything reachable, that the remote's branches don't have.
        sources: By alternative sources.
        pushed: By anything that the remote's branches have.
        named: By any manifest in Git's database, also an unreachable one.
        complete: Whether Git has all manifests that ever were, as far as it can tell, and all are of a
            version that this program reads. If not, other objects than the `named` ones may be needed too.
    """

    in_use: frozenset[str]
    recent: frozenset[str]
    unpushed: frozenset[str]
    sources: frozenset[str]
    pushed: frozenset[str]
    named: frozenset[str]
    complete: bool


def find_needed_objects(
    manifests: ManifestIndex, common_dir: Path, remote: str, recent_since: float
) -> NeededObjects:
    """Find which objects are needed now.

    Args:
        manifests: The index of the repository's manifests; it's refreshed.
        common_dir: The repository's common folder.
        remote: The remote whose branches count as pushed; empty for none.
        recent_since: Commits of this time or later are recent, in seconds since 1970.

    Raises:
        GitError: History can't be read.
    """
    manifests.refresh()
    pushed, unpushed = _pushed_and_unpushed(manifests, remote)
    return NeededObjects(
        in_use=objects_in_use(manifests, common_dir),
        recent=manifests.objects_of(_in_trees(manifests.git, _recent_commits(manifests.git, recent_since))),
        unpushed=unpushed,
        sources=manifests.objects_of(_in_trees(manifests.git, _existing(manifests.git, [REF]))),
        pushed=pushed,
        named=manifests.all_objects(),
        complete=manifests.known and not _is_incomplete(manifests.git),
    )


def objects_in_use(manifests: ManifestIndex, common_dir: Path) -> frozenset[str]:
    """Names of objects that HEAD, the index, the stash or an unfinished command needs, in any work tree."""
    git = manifests.git
    folders = git_dirs(common_dir)
    names = {commit for folder in folders for commit in unfinished_commits(folder)}
    for folder in folders:
        prefix = "main-worktree" if folder == common_dir else f"worktrees/{folder.name}"
        names.update(f"{prefix}/{name}" for name in PSEUDO_REFS)
    names.update(_stashed_commits(git))
    found = set(manifests.objects_of(_in_trees(git, _existing(git, names), "--indexed-objects")))
    for folder in folders:
        for path in (folder / "theta" / "conflicts").glob("*.json"):
            with suppress(OSError):
                found.update(find_object_names(path.read_bytes()))
    return frozenset(found)


def checked_out_objects(manifests: ManifestIndex, common_dir: Path) -> frozenset[str]:
    """Names of objects that files in any work tree were written from, by its index.

    Files that a sparse checkout leaves out don't count, nor do commits that were only fetched, or that an
    unfinished command has still to write: their objects are fetched when they are written.
    """
    env = os.environ if manifests.git.env is None else manifests.git.env
    blobs = []
    for folder in git_dirs(common_dir):
        git = Git(manifests.git.cwd, {**env, "GIT_INDEX_FILE": str(folder / "index")})
        for record in git.run("ls-files", "-s", "-t", "-z").split(b"\0"):
            head = record.partition(b"\t")[0].split(b" ")
            if len(head) == 4 and head[0] != _SKIPPED:
                blobs.append(head[2].decode())
    return manifests.objects_of(blobs)


def _pushed_and_unpushed(manifests: ManifestIndex, remote: str) -> tuple[frozenset[str], frozenset[str]]:
    git = manifests.git
    reachable = manifests.objects_of(_reachable(git, *_ALL, "--reflog", "--indexed-objects"))
    if not remote:
        return frozenset(), reachable
    pushed = manifests.objects_of(_reachable(git, f"--remotes={remote}"))
    ahead = git.run("rev-list", *_ALL, "--reflog", "--not", f"--remotes={remote}", "--").decode().split()
    # Also objects that an unpushed commit shares with pushed ones: a checkout of it needs them all.
    return pushed, (reachable - pushed) | manifests.objects_of(_in_trees(git, ahead))


def _stashed_commits(git: Git) -> list[str]:
    """Commits of the stash, each with its parents: the base, the index and the untracked files."""
    if not git.ok("rev-parse", "-q", "--verify", "refs/stash"):
        return []
    return git.line("log", "-g", "--no-show-signature", "--format=%H %P", "refs/stash", "--").split()


def _recent_commits(git: Git, since: float) -> list[str]:
    """Commits that were made since a time, or that a ref or HEAD has come to since."""
    made = (line.split() for line in git.run("rev-list", "--timestamp", *_ALL, "--").decode().splitlines())
    found = [oid for when, oid in made if int(when) >= since]
    moves = git.run(
        "log", "-g", "--all", "--date=unix", "--no-show-signature", "--no-color", "--format=%H %gd", "--"
    )
    for line in moves.decode(errors="replace").splitlines():
        oid, _, selector = line.partition(" ")
        when = selector.rpartition("@{")[2].removesuffix("}")
        # An unreadable time counts as recent.
        if not (when.isascii() and when.isdigit()) or int(when) >= since:
            found.append(oid)
    return found


def _existing(git: Git, names: Iterable[str]) -> list[str]:
    """Ids of the commits, tags and trees among some names, which may not exist."""
    asked = "".join(f"{name}\n" for name in sorted(names)).encode()
    answers = (line.split() for line in git.run("cat-file", "--batch-check", stdin=asked).splitlines())
    return [a[0].decode() for a in answers if len(a) == 3 and a[1] in (b"commit", b"tag", b"tree")]


def _in_trees(git: Git, commits: Iterable[str], *more: str) -> list[str]:
    """Ids of all that the trees of some commits have, without their history."""
    asked = "".join(f"{commit}\n" for commit in commits).encode()
    return _reachable(git, "--no-walk", *more, "--stdin", stdin=asked)


def _reachable(git: Git, *revs: str, stdin: bytes | None = None) -> list[str]:
    # A partial clone lacks some; they must neither fail nor be fetched.
    end = () if stdin is not None else ("--",)
    listing = git.run(
        "rev-list", "--objects", "--no-object-names", "--missing=allow-any", *revs, *end, stdin=stdin
    )
    return listing.decode().split()


def _is_incomplete(git: Git) -> bool:
    """Whether Git may lack manifests that exist elsewhere: in a shallow or partial clone."""
    if git.line("rev-parse", "--is-shallow-repository") == "true":
        return True
    return is_partial_clone(git)
