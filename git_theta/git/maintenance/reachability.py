"""Needs: which objects are needed by what, from Git's own data and without the network.

A manifest isn't parsed for that. Whatever looks like an object's name in it counts, so that a damaged
manifest, one with conflict markers, or one of a newer version keeps its objects as well. The digests of
values look the same; they name nothing in the store.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.oid_scan import names_in
from git_theta.model.manifest import MAGIC_BYTES, MAX_TEXT_BYTES, VERSION, is_manifest

#: A commit in one of Git's own files, perhaps abbreviated.
_COMMIT = re.compile(rb"(?<![0-9a-f])[0-9a-f]{7,64}(?![0-9a-f])")

#: A line of FETCH_HEAD for a branch that was fetched along with others.
_ALONG = b"\tnot-for-merge\t"

#: Refs that Git keeps beside HEAD while something is going on. Mostly they're files, but needn't be.
_PSEUDO = ("HEAD", "ORIG_HEAD", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "REBASE_HEAD", "AUTO_MERGE")

#: Folders where Git keeps what a rebase, `am` or a sequence of picks still has to do.
_DOING = ("rebase-merge", "rebase-apply", "sequencer")

_LOCKS = ("index*.lock", "next-index*.lock")

#: A larger file in these isn't a list of commits.
_MOST_STATE = 1 << 20

_KNOWN_VERSION = MAGIC_BYTES + str(VERSION).encode()


class Manifests:
    """Every manifest in Git's database, whether or not anything leads to it.

    Args:
        git: Git in the repository.

    Attributes:
        names: Names of objects by the id of the manifest that has them.
        known: Whether all manifests are of a version that's known here.
    """

    def __init__(self, git: Git) -> None:
        self.git = git.originals()
        self.names: dict[str, frozenset[str]] = {}
        self.known = True
        self._seen: set[str] = set()

    def refresh(self) -> None:
        """Read those that are new.

        Raises:
            GitError: The database can't be listed.
        """
        listing = self.git.run("cat-file", "--batch-all-objects", "--batch-check", "--unordered")
        with Blobs(self.git.cwd) as blobs:
            for line in listing.splitlines():
                oid, kind, size = line.decode().split()
                if kind != "blob" or oid in self._seen or not len(MAGIC_BYTES) <= int(size) <= MAX_TEXT_BYTES:
                    continue
                self._seen.add(oid)
                text = blobs.read(oid)
                if text is None:
                    self.known = False
                elif is_manifest(text):
                    self.names[oid] = names_in(text)
                    self.known &= text.partition(b"\n")[0] == _KNOWN_VERSION

    def named(self, blobs: Iterable[str]) -> frozenset[str]:
        """Names of objects that some manifests have; ids of anything else don't matter."""
        return frozenset().union(*(self.names[blob] for blob in set(blobs) if blob in self.names))


@dataclass(frozen=True, slots=True)
class Needs:
    """Names of objects, by what needs them.

    Attributes:
        now: HEAD, the index, the stash, or something unfinished, in any work tree.
        recent: A commit, or an entry of a reflog, that's young enough.
        unpushed: A commit, or anything reachable, that the remote's branches don't have.
        pushed: Anything that the remote's branches have.
        named: Any manifest that Git has, also if nothing leads to it any more.
        complete: Whether Git has all manifests that ever were, as far as it can tell, and they're of a
            version that's known here. If not, what isn't `named` may still be needed.
    """

    now: frozenset[str]
    recent: frozenset[str]
    unpushed: frozenset[str]
    pushed: frozenset[str]
    named: frozenset[str]
    complete: bool


def survey(manifests: Manifests, common_dir: Path, remote: str, young: float) -> Needs:
    """Find what is needed, now.

    Args:
        manifests: Those of the repository; they're refreshed.
        common_dir: The repository's common folder.
        remote: The remote whose branches count as pushed; empty for none.
        young: Commits of this time or later are recent, in seconds since 1970.

    Raises:
        GitError: History can't be read.
    """
    git = manifests.git
    manifests.refresh()
    reachable = manifests.named(_reachable(git, "--all", "--reflog", "--indexed-objects"))
    pushed: frozenset[str] = frozenset()
    unpushed = reachable
    if remote:
        pushed = manifests.named(_reachable(git, f"--remotes={remote}"))
        ahead = git.run("rev-list", "--all", "--reflog", "--not", f"--remotes={remote}", "--")
        # Also what such a commit has in common with pushed ones: whoever goes back to it needs it whole.
        unpushed = (reachable - pushed) | manifests.named(_trees(git, ahead.decode().split()))
    return Needs(
        now=in_use(manifests, common_dir),
        recent=manifests.named(_trees(git, _young(git, young))),
        unpushed=unpushed,
        pushed=pushed,
        named=manifests.named(manifests.names),
        complete=manifests.known and not _partial(git),
    )


def in_use(manifests: Manifests, common_dir: Path) -> frozenset[str]:
    """Names of objects that HEAD, the index, the stash or something unfinished needs, in any work tree."""
    git = manifests.git
    folders = git_dirs(common_dir)
    tips = {tip for folder in folders for tip in _doing(folder)}
    for folder in folders:
        place = "main-worktree" if folder == common_dir else f"worktrees/{folder.name}"
        tips.update(f"{place}/{name}" for name in _PSEUDO)
    if git.ok("rev-parse", "-q", "--verify", "refs/stash"):
        # The work tree's commit, and its parents: the base, the index, the files that weren't tracked.
        tips.update(
            git.line("log", "-g", "--no-show-signature", "--format=%H %P", "refs/stash", "--").split()
        )
    found = set(manifests.named(_trees(git, _exist(git, tips), "--indexed-objects")))
    for folder in folders:
        for path in (folder / "theta" / "conflicts").glob("*.json"):
            with suppress(OSError):
                found.update(names_in(path.read_bytes()))
    return frozenset(found)


def git_dirs(common_dir: Path) -> list[Path]:
    """Git's folders of all work trees, also of those that aren't there at the moment."""
    return [common_dir, *sorted(path for path in (common_dir / "worktrees").glob("*") if path.is_dir())]


def _doing(folder: Path) -> Iterator[str]:
    """Commits that are named by what a command left unfinished in a work tree."""
    files = list(folder.glob("*_HEAD"))
    for name in _DOING:
        files += (folder / name).glob("*")
    for path in files:
        with suppress(OSError):
            if path.is_file() and path.stat().st_size <= _MOST_STATE:
                lines = path.read_bytes().splitlines()
                text = b"\n".join(line for line in lines if _ALONG not in line)
                yield from (match.decode() for match in _COMMIT.findall(text))


def _exist(git: Git, names: Iterable[str]) -> list[str]:
    """Those of some names that are of commits, tags or trees, as ids."""
    asked = "".join(f"{name}\n" for name in sorted(names)).encode()
    answers = (line.split() for line in git.run("cat-file", "--batch-check", stdin=asked).splitlines())
    return [a[0].decode() for a in answers if len(a) == 3 and a[1] in (b"commit", b"tag", b"tree")]


def _young(git: Git, young: float) -> list[str]:
    """Commits that were made lately, or that a ref or a HEAD came to lately."""
    found = []
    for line in git.run("rev-list", "--timestamp", "--all", "--").splitlines():
        when, oid = line.split()
        if int(when) >= young:
            found.append(oid.decode())
    moves = git.run(
        "log", "-g", "--all", "--date=unix", "--no-show-signature", "--no-color", "--format=%H %gd", "--"
    )
    for line in moves.splitlines():
        oid, _, selector = line.partition(b" ")
        when = selector.rpartition(b"@{")[2].removesuffix(b"}")
        # What can't be read counts as young.
        if not when.isdigit() or int(when) >= young:
            found.append(oid.decode())
    return found


def _trees(git: Git, tips: Iterable[str], *more: str) -> list[str]:
    """Ids of all that the trees of some commits have, without their history."""
    asked = "".join(f"{tip}\n" for tip in tips).encode()
    return _reachable(git, "--no-walk", *more, "--stdin", stdin=asked)


def _reachable(git: Git, *wanted: str, stdin: bytes | None = None) -> list[str]:
    # In a partial clone what isn't here must neither fail nor be fetched.
    end = () if stdin is not None else ("--",)
    listing = git.run(
        "rev-list", "--objects", "--no-object-names", "--missing=allow-any", *wanted, *end, stdin=stdin
    )
    return listing.decode().split()


def _partial(git: Git) -> bool:
    """Whether Git may lack manifests of versions that there are: a shallow or a partial clone."""
    if git.line("rev-parse", "--is-shallow-repository") == "true":
        return True
    return any(
        key == "extensions.partialclone" or (key.startswith("remote.") and key.endswith(".promisor"))
        for key in git.settings
    )


def lock_files(common_dir: Path) -> list[Path]:
    """Locks of commands that are changing an index at this moment, in any work tree.

    `git stash` and `git commit` with paths have indexes of their own beside the usual one.
    """
    return [path for folder in git_dirs(common_dir) for name in _LOCKS for path in sorted(folder.glob(name))]
