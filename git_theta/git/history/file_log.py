"""Journal: the commits that touched one file, across its renames."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from git_theta.errors import GitError, UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.raw_diff import parse_raw_diff, raw_change, raw_changes
from git_theta.git.repository.manifest_reader import Manifests
from git_theta.git.repository.repository import Repository

#: What `git log` writes of a commit; none of these can have a NUL.
_FIELDS = ("%H", "%T", "%P", "%aI", "%aN", "%aE", "%s")

#: What users may have configured otherwise.
_PLAIN = ("--no-color", "--no-relative", "--no-show-signature", "--no-follow", "--encoding=UTF-8")

#: A new file comes from one that its commit removed if at least this share of the parameters is the same
#: by name, dtype and shape.
_KIN = 0.5


@dataclass(frozen=True, slots=True)
class Record:
    """A commit.

    Attributes:
        oid: Its id.
        tree: Its tree's id.
        parents: Ids of its parents; where a history of one file was asked for, the nearest ancestors that
            matter to that file.
        date: When it was written: ISO 8601 with the author's time zone.
        author: Who wrote it.
        email: Their address.
        subject: The first line of its message.
    """

    oid: str
    tree: str
    parents: tuple[str, ...]
    date: str
    author: str
    email: str
    subject: str


@dataclass(frozen=True, slots=True)
class Visit:
    """A commit that touched a file, compared with its first parent.

    Attributes:
        record: The commit.
        path: The file's path in it, from the top; where it removed the file, the path until then.
        before: The path in the first parent; another one if the commit renamed the file.
        old: The blob in the first parent; `None` if the file isn't there.
        new: The blob in the commit; `None` if it removed the file.
    """

    record: Record
    path: str
    before: str
    old: str | None
    new: str | None


def path_from_top(git: Git, path: str) -> str:
    """The path from the top of the work tree of what a user calls `path` in this folder.

    Raises:
        UsageError: It's outside of the repository.
    """
    inside = git.line("rev-parse", "--is-inside-work-tree") == "true"
    prefix = git.line("rev-parse", "--show-prefix") if inside else ""
    found = os.path.normpath(os.path.join(prefix, path))
    if not path or found.startswith(("../", "/")) or found in (".", ".."):
        raise UsageError(f"{path!r} isn't a path of a file in this repository", "give one inside of it")
    return found


def commit_of(git: Git, rev: str) -> str:
    """The id of the commit that a name means.

    Raises:
        UsageError: There's no such commit.
    """
    if not rev.startswith("-"):
        try:
            return git.line("rev-parse", "-q", "--verify", f"{rev}^{{commit}}")
        except GitError:
            pass
    raise _no_revision(git, rev)


def commits_of(git: Git, revs: str) -> tuple[list[str], frozenset[str] | None]:
    """What a range of revisions means.

    Returns:
        The commits that it goes back from, and the commits that are in it; `None` for all that are
        reachable from the former.

    Raises:
        UsageError: There's no such range.
    """
    try:
        said = [] if revs.startswith("-") else git.line("rev-parse", "--revs-only", revs).split()
    except GitError:
        said = []
    tips = [commit_of(git, oid) for oid in said if not oid.startswith("^")]
    if not tips:
        raise _no_revision(git, revs)
    if len(tips) == len(said):
        return tips, None
    return tips, frozenset(git.line("rev-list", *said, "--").split())


def visits(git: Git, manifests: Manifests, tip: str, path: str) -> Iterator[Visit]:
    """Commits that touched a file, the newest first, along first parents and back through renames.

    A merge is compared with its first parent: it did what it brought to the branch that it's on.

    Args:
        git: Git in the repository.
        manifests: Tells by parameters which file another was, where the text of neither does.
        tip: Where to begin: a commit's id.
        path: The file's path from the top.
    """
    start: str | None = tip
    while start:
        text = git.run(
            *("log", "--first-parent", "--diff-merges=first-parent", "--root", "--raw", "-z"),
            *("--no-abbrev", "--no-renames", *_PLAIN, f"--format=format:{'%x00'.join(_FIELDS)}%x00"),
            *(start, "--", f":(top,literal){path}"),
        )
        start = None
        for record, changes in _records(os.fsdecode(text)):
            if path not in changes:
                # The path was a folder then.
                continue
            visit = Visit(record, path, path, *changes[path])
            if visit.old is None and visit.new and record.parents:
                source = renamed_from(git, manifests, record.parents[0], record.oid, path)
                if source:
                    yield Visit(record, path, *source, visit.new)
                    start, path = record.parents[0], source[0]
                    break
            yield visit


def ancestry(git: Git, tip: str, path: str) -> list[Record]:
    """The commits that a file's content comes from, each before its parents, merges included.

    It's what `git log --parents` shows: a merge that took one side's version as it is leads to that side
    only. The first one has the version that `tip` has.
    """
    text = git.run(
        *("log", "--parents", "--topo-order", "-z", *_PLAIN),
        *(f"--format=tformat:{'%x00'.join(_FIELDS)}", tip, "--", f":(top,literal){path}"),
    )
    fields = os.fsdecode(text).split("\0")
    return [_record(fields[at : at + len(_FIELDS)]) for at in range(0, len(fields) - 1, len(_FIELDS))]


def blobs_at(git: Git, trees: list[str], path: str) -> dict[str, str]:
    """Trees → the blob at a path, for those that have one there."""
    empty = git.line("hash-object", "-t", "tree", os.devnull)
    pairs = "".join(f"{empty} {tree}\n" for tree in trees if tree != empty)
    raw = git.run(
        *("diff-tree", "--stdin", "-r", "-z", "--raw", "--no-abbrev", "--no-renames"),
        *("--", f":(top,literal){path}"),
        stdin=pairs.encode(),
    )
    found = {}
    fields = iter(os.fsdecode(raw).split("\0"))
    tree = ""
    # Each pair is repeated on a line of its own, and its changes follow: several, where the path is a folder.
    for field in fields:
        pairs, _, head = field.rpartition("\n")
        tree = pairs.rpartition(" ")[2] or tree
        if head:
            change = raw_change(head, fields)
            if change.new_path == path:
                found[tree] = change.new_oid
    return found


def real_parents(git: Git, records: list[Record]) -> dict[str, tuple[str, ...]]:
    """Commits → all of their parents; none at the boundary of a shallow clone."""
    asked = "".join(f"{record.oid}\n" for record in records)
    text = git.run("rev-list", "--no-walk=unsorted", "--parents", "--stdin", stdin=asked.encode())
    return {oid: tuple(parents) for oid, *parents in (line.split() for line in text.decode().splitlines())}


def renamed_from(
    git: Git, manifests: Manifests, parent: str, commit: str, path: str
) -> tuple[str, str] | None:
    """Which file of a parent became a file that is new in a commit: path and blob.

    Git knows by the text of the manifests. Where every parameter got another value, it's the removed file
    with the same parameters.
    """
    raw = git.run("diff-tree", "-r", "-z", "--raw", "--no-abbrev", "-M", "--diff-filter=ARD", parent, commit)
    removed = []
    target: str | None = None
    for change in parse_raw_diff(raw):
        if change.status == "R":
            if change.new_path == path:
                return change.old_path, change.old_oid
        elif change.status == "D":
            removed.append((change.old_path, change.old_oid))
        elif change.new_path == path:
            target = change.new_oid
    made = manifests.get(target) if target and removed else None
    if not made:
        return None
    wanted = {(entry.name, entry.spec) for entry in made.entries}
    best, source = 0.0, None
    for name, oid in removed:
        manifest = manifests.get(oid)
        if manifest:
            shared = sum((entry.name, entry.spec) in wanted for entry in manifest.entries)
            likeness = shared / max(len(wanted), len(manifest.entries), 1)
            if likeness > best:
                best, source = likeness, (name, oid)
    return source if best >= _KIN else None


def shallow(repository: Repository) -> frozenset[str]:
    """Commits at which a shallow clone's history ends; empty for a whole clone."""
    try:
        return frozenset((repository.common_dir / "shallow").read_text().split())
    except OSError:
        return frozenset()


def _record(fields: list[str]) -> Record:
    oid, tree, parents, date, author, email, subject = fields
    return Record(oid, tree, tuple(parents.split()), date, author, email, subject)


def _records(text: str) -> Iterator[tuple[Record, dict[str, tuple[str | None, str | None]]]]:
    """Commits with the old and the new blob of each path that they changed."""
    fields = iter(text.split("\0"))
    while len(head := [*islice(fields, len(_FIELDS))]) == len(_FIELDS):
        changes = raw_changes(fields)
        blobs = {change.new_path: (change.old_oid or None, change.new_oid or None) for change in changes}
        yield _record(head), blobs


def _no_revision(git: Git, rev: str) -> UsageError:
    if rev == "HEAD" and not git.ok("rev-parse", "-q", "--verify", "HEAD"):
        return UsageError("there are no commits here yet", "commit something first")
    return UsageError(f"{rev!r} isn't a revision", "`git log --oneline --all` lists commits")
