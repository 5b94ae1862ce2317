"""The table of alternative sources: a manifest of values that no file has together, under a ref of its own.

Each parameter of the table is named by the digest of its value. So the objects of alternative sources are
sent, fetched, checked and kept like those of files, and by older versions of the program, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from git_theta.errors import GitError, ManifestError
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.notices import note
from git_theta.model.layout import Layout, Placement
from git_theta.model.manifest import Entry, Manifest, Source
from git_theta.model.manifest_text import parse_if_manifest

#: The ref of the table.
REF = "refs/theta/sources"

#: The format that its manifests name.
FORMAT = "sources"

#: Lines in a file of the table, and files in a table.
_MAX_LINES = 50_000
_MAX_FILES = 100

#: The author of the table's commits.
_AUTHOR = ("-c", "user.name=git-theta", "-c", "user.email=git-theta")


@dataclass(frozen=True, slots=True)
class SourceTable:
    """Alternative sources.

    Attributes:
        commit: Id of the commit that they're from; empty for none.
        entries: Digest of a value → an entry of that name, with dtype, shape and the alternative source.
        problem: The reason why a part of the table can't be read; empty if there's none.
    """

    commit: str = ""
    entries: Mapping[str, Entry] = field(default_factory=dict)
    problem: str = ""

    @property
    def sources(self) -> dict[str, Source]:
        """The sources by digest."""
        return {digest: entry.source for digest, entry in self.entries.items()}


def is_source_table(manifest: Manifest) -> bool:
    """Whether a manifest is a part of a table, and not one of a file."""
    return manifest.format == FORMAT


def may_have_table(common_dir: Path) -> bool:
    """Whether a repository may have a table, without running Git."""
    if (common_dir / REF).is_file() or (common_dir / "reftable").is_dir():
        return True
    with suppress(OSError):
        return REF.encode() in (common_dir / "packed-refs").read_bytes()
    return False


def read_table(git: Git, rev: str = REF) -> SourceTable:
    """The table of a commit, without files that aren't valid: anybody who can push may have written them.

    Args:
        git: Git in the repository.
        rev: The commit; there needn't be any.
    """
    try:
        commit = git.line("rev-parse", "-q", "--verify", f"{rev}^{{commit}}")
        listing = list(_blobs(git, commit))
    except GitError:
        return SourceTable()
    entries: dict[str, Entry] = {}
    problem = "" if len(listing) <= _MAX_FILES else f"it has more than {_MAX_FILES} files"
    with Blobs(git.cwd) as blobs:
        for oid in listing[:_MAX_FILES]:
            try:
                manifest = parse_if_manifest(blobs.read(oid) or b"")
            except ManifestError as error:
                problem = error.message
                continue
            if manifest is None or not is_source_table(manifest):
                problem = f"blob {oid[:10]} is no part of it"
                continue
            entries.update((entry.digest, entry) for entry in manifest.entries if entry.name == entry.digest)
    return SourceTable(commit, entries, problem)


def load_sources(git: Git) -> dict[str, Source]:
    """The alternative sources of a repository, with a notice if some can't be read."""
    table = read_table(git)
    if table.problem:
        note(f"a part of {REF} isn't used: {table.problem}")
    return table.sources


def table_parts(entries: Iterable[Entry]) -> Iterator[tuple[Layout, tuple[Entry, ...]]]:
    """The parts of a table of some entries, each with the layout of its virtual file: all values in a row.

    Args:
        entries: Entries with other names than those in the table, perhaps.
    """
    named = {entry.digest: Entry(entry.digest, entry.spec, entry.digest, entry.source) for entry in entries}
    digests = sorted(named)
    for start in range(0, len(digests), _MAX_LINES):
        part = tuple(named[digest] for digest in digests[start : start + _MAX_LINES])
        placements, end = [], 0
        for entry in part:
            placements.append(Placement(entry.name, end))
            end += entry.spec.nbytes
        yield Layout(end, tuple(placements), (), ()), part


def commit_table(git: Git, parts: Iterable[Manifest], parents: Iterable[str], message: str) -> str:
    """Make a commit of a table; returns its id. No ref is changed.

    Args:
        git: Git in the repository.
        parts: Its manifests.
        parents: Ids of the commits of the tables that it replaces.
        message: The commit's message.
    """
    lines = []
    for number, part in enumerate(parts):
        oid = git.run("hash-object", "-w", "--stdin", stdin=part.to_bytes()).decode().strip()
        lines.append(f"100644 blob {oid}\t{number:03}\n")
    tree = git.run("mktree", stdin="".join(lines).encode()).decode().strip()
    options = [word for parent in parents for word in ("-p", parent)]
    return git.run(*_AUTHOR, "commit-tree", tree, *options, "-m", message).decode().strip()


def move_ref(git: Git, new: str, old: str) -> bool:
    """Let the ref point to a new table; returns `False` if another command was faster.

    Args:
        git: Git in the repository.
        new: Id of the new table's commit.
        old: Id of the commit that the ref should still point to; empty if there should be no ref.
    """
    return git.ok("update-ref", "-m", "git theta compact", REF, new, old or "0" * len(new))


def _blobs(git: Git, commit: str) -> Iterator[str]:
    """Ids of the blobs at the top of a commit's tree."""
    for record in git.records("ls-tree", "-z", commit):
        mode, kind, oid = record.partition(b"\t")[0].decode().split(" ")
        if kind == "blob" and mode.startswith("100"):
            yield oid
