"""Manifests in the index, in trees and in history."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from git_theta.errors import ManifestError, UsageError
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.notices import note
from git_theta.git.plumbing.raw_diff import parse_raw_diff
from git_theta.git.repository.oid_scan import find_object_names
from git_theta.git.repository.revspec import check_revision
from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import MAX_TEXT_BYTES, parse_if_manifest

#: The minimum size of a manifest, in bytes.
_MIN_BYTES = 150

#: The number of manifests of one commit, by path.
_MAX_PATHS = 100_000


@dataclass(frozen=True, slots=True)
class ManifestBlob:
    """A blob that begins like a manifest.

    Attributes:
        path: Its path from the top of the work tree; empty if it was found without one.
        oid: The blob's id.
        manifest: The manifest; `None` if it isn't valid.
        error: The reason why it isn't valid.
        names: The words in an invalid manifest that look like names of objects.
    """

    path: str
    oid: str
    manifest: Manifest | None
    error: str = ""
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CommitBlobs:
    """A commit, and path and id of each wanted blob that no earlier commit has."""

    oid: str
    subject: str
    blobs: tuple[tuple[str, str], ...]


def index_manifests(git: Git) -> list[ManifestBlob]:
    """Manifests in the index, in the order of their paths."""
    listing = git.run("ls-files", "-s", "-z", "--full-name", "--", ":(attr:filter=theta,top)")
    found = []
    for record in filter(None, listing.split(b"\0")):
        head, _, name = record.partition(b"\t")
        mode, oid, stage = head.decode().split(" ")
        if stage == "0" and mode.startswith("100"):
            found.append((os.fsdecode(name), oid))
    return list(_read(git, found))


def removed_manifests(git: Git) -> list[ManifestBlob]:
    """Manifests of HEAD whose paths the index doesn't have any more, in the order of their paths."""
    if not git.ok("rev-parse", "-q", "--verify", "HEAD"):
        return []
    options = ("--cached", "--raw", "-z", "--no-abbrev", "--no-renames", "--diff-filter=D")
    removed = parse_raw_diff(git.run("diff-index", *options, "HEAD"))
    paths = {change.old_oid: change.old_path for change in removed if change.old_mode.startswith("100")}
    found = _manifests(git, _lines(paths))
    return [replace(version, path=paths[oid]) for oid, version in found.items()]


def revision_manifests(git: Git, rev: str) -> list[ManifestBlob]:
    """Manifests in a commit's tree.

    Raises:
        UsageError: There's no such revision, or it has too many manifests.
        GitError: It has more files than any repository.
    """
    check_revision(git, rev)
    paths: dict[str, list[str]] = {}
    for record in git.records("ls-tree", "-r", "-z", "--full-tree", rev):
        head, _, name = record.partition(b"\t")
        mode, kind, oid = head.decode().split(" ")
        if kind == "blob" and mode.startswith("100"):
            paths.setdefault(oid, []).append(os.fsdecode(name))
    found = _manifests(git, _lines(paths))
    if sum(len(paths[oid]) for oid in found) > _MAX_PATHS:
        raise UsageError(f"{rev} has more than {_MAX_PATHS:,} checkpoints")
    versions = (replace(version, path=path) for oid, version in found.items() for path in paths[oid])
    return sorted(versions, key=lambda version: os.fsencode(version.path))


def tree_objects(git: Git, tips: Iterable[str]) -> set[str]:
    """Ids of all objects in the trees of commits, without their history.

    Args:
        git: Git in the repository.
        tips: Ids of commits, tags or trees.
    """
    asked = _lines(tips)
    if not asked:
        return set()
    # In a partial clone, blobs that are absent count, too.
    options = ("--objects", "--no-object-names", "--no-walk", "--missing=allow-any")
    return set(git.originals().run("rev-list", *options, "--stdin", stdin=asked).decode().split())


def history_manifests(git: Git, revs: Iterable[str] = ()) -> dict[str, ManifestBlob]:
    """Blob id → manifest, for all manifests in history.

    Args:
        git: Git in the repository.
        revs: Revisions whose history counts; all refs, reflogs, stashes and the index when empty.
    """
    chosen = []
    for rev in revs:
        check_revision(git, rev)
        chosen.append(git.line("rev-parse", "-q", "--verify", rev))
    return (
        reachable_manifests(git, chosen) if chosen else _listed(git, "--all", "--reflog", "--indexed-objects")
    )


def remote_manifests(git: Git) -> dict[str, ManifestBlob]:
    """Blob id → manifest, for all manifests in the history of remote-tracking branches."""
    return _listed(git, "--remotes")


def reachable_manifests(git: Git, new: Iterable[str], old: Iterable[str] = ()) -> dict[str, ManifestBlob]:
    """Blob id → manifest, for all manifests that are reachable from `new` and not from `old`.

    Args:
        git: Git in the repository.
        new: Ids of commits, tags or trees.
        old: Ids of commits, tags or trees.
    """
    # There may be more refs than a command line has room for.
    asked = _lines(new)
    return _listed(git, "--stdin", stdin=asked + _lines(f"^{oid}" for oid in old)) if asked else {}


def object_sizes(
    versions: Iterable[ManifestBlob], is_here: Callable[[str], bool] = lambda _: False
) -> dict[str, int | None]:
    """Object name → size in bytes, for all objects that manifests need; `None` for an unknown size.

    Args:
        versions: The manifests.
        is_here: Whether the store has an object. Names in a manifest that can't be read count only if they're
            in the store: the others may be names of nothing, or of objects lost long ago.
    """
    found: dict[str, int | None] = {}
    for version in versions:
        if version.manifest:
            for oid, size in version.manifest.objects().items():
                found[oid] = size or found.get(oid)
        else:
            for oid in filter(is_here, version.names):
                found.setdefault(oid, None)
    return found


def note_unreadable(versions: Iterable[ManifestBlob]) -> None:
    """Print one notice about the manifests that can't be read."""
    found = [version for version in versions if version.manifest is None]
    if found:
        more = f"; {len(found) - 1:,} more can't, either" if len(found) > 1 else ""
        note(
            f"manifest {found[0].path or found[0].oid} can't be read: {found[0].error}{more}; "
            "what seems to be needed and is here is sent (to read newer ones: pip install -U git-theta)"
        )


def _lines(items: Iterable[str]) -> bytes:
    return "".join(f"{item}\n" for item in items).encode()


def _listed(git: Git, *options: str, stdin: bytes = b"") -> dict[str, ManifestBlob]:
    git = git.originals()
    return _manifests(git, git.run("rev-list", "--objects", "--no-object-names", *options, stdin=stdin))


def manifests_among(git: Git, paths: Mapping[str, str], most: int) -> list[ManifestBlob]:
    """The manifests among some blobs, in their order.

    Args:
        git: Git in the repository.
        paths: The path of each blob, by its id.
        most: Bytes of all blobs together that are read; those beyond are left out.
    """
    chosen = []
    for oid, size in _sized(git, _lines(paths)):
        most -= size
        if most < 0:
            break
        chosen.append((paths[oid], oid))
    return list(_read(git, chosen))


def _manifests(git: Git, oids: bytes) -> dict[str, ManifestBlob]:
    """Blob id → manifest, for all manifests among some objects, whose ids are lines."""
    return {version.oid: version for version in _read(git, [("", oid) for oid, _size in _sized(git, oids)])}


def _sized(git: Git, oids: bytes) -> Iterator[tuple[str, int]]:
    """Ids and sizes in bytes of those objects, whose ids are lines, that are as large as manifests."""
    kinds = git.originals().run(
        "cat-file", "--batch-check=%(objectname) %(objecttype) %(objectsize)", stdin=oids
    )
    for line in kinds.decode().splitlines():
        oid, kind, *size = line.split(" ")
        if kind == "blob" and _MIN_BYTES <= int(size[0]) <= MAX_TEXT_BYTES:
            yield oid, int(size[0])


def commit_blobs(git: Git, wanted: Container[str], revs: Iterable[str] = ()) -> list[CommitBlobs]:
    """The commits of a history, the oldest first, each with its new blobs.

    Args:
        git: Git in the repository.
        wanted: Ids of the blobs that count.
        revs: Revisions whose history counts; all refs and reflogs when empty.
    """
    chosen = list(revs)
    for rev in chosen:
        check_revision(git, rev)
    roots = chosen or ["--all", "--reflog"]
    if not git.run("rev-list", "-n1", *roots, "--"):
        return []
    # Each tree is listed once. To compare the trees of each commit with its parent would list all paths, and
    # some trees that contain each other have billions.
    lines = git.records(
        *("rev-list", "--reverse", "--topo-order", "--objects", "--in-commit-order", "--missing=allow-any"),
        # The mark keeps an empty subject from being an empty line.
        "--format=format:%x01%s",
        *roots,
        "--",
        end=b"\n",
    )
    commits: list[tuple[str, str]] = []
    found: dict[str, list[tuple[str, str]]] = {}
    for line in lines:
        word, _, rest = line.partition(b" ")
        if word == b"commit":
            commits.append((rest.decode(), os.fsdecode(next(lines)).removeprefix("\x01")))
        elif commits and (oid := word.decode()) in wanted:
            found.setdefault(commits[-1][0], []).append((os.fsdecode(rest), oid))
    whole = _whole_paths(git, found)
    return [CommitBlobs(oid, subject, tuple(whole.get(oid, ()))) for oid, subject in commits]


def _whole_paths(
    git: Git, found: Mapping[str, Sequence[tuple[str, str]]]
) -> dict[str, list[tuple[str, str]]]:
    """Paths and ids of blobs, by commit, with the whole of the paths that `rev-list` cuts at a line break."""
    asked = [(commit, path, oid) for commit, blobs in found.items() for path, oid in blobs]
    answers = git.originals().run(
        "cat-file",
        "--batch-check=%(objectname)",
        stdin=b"".join(os.fsencode(f"{commit}:{path}\n") for commit, path, _ in asked),
    )
    whole: dict[str, list[tuple[str, str]]] = {}
    for (commit, path, oid), answer in zip(asked, answers.splitlines(), strict=True):
        if answer.decode(errors="replace") != oid:
            path = _path_in_commit(git, commit, path, oid)
        whole.setdefault(commit, []).append((path, oid))
    return whole


def _path_in_commit(git: Git, commit: str, start: str, oid: str) -> str:
    """A blob's path in a commit that has it, by the path's first line."""
    for record in git.records("ls-tree", "-r", "-z", "--full-tree", commit):
        head, _, name = record.partition(b"\t")
        path = os.fsdecode(name)
        if head.endswith(oid.encode()) and path.startswith(f"{start}\n"):
            return path
    return start


def _read(git: Git, candidates: Iterable[tuple[str, str]]) -> Iterator[ManifestBlob]:
    with Blobs(git.cwd) as blobs:
        for path, oid in candidates:
            text = blobs.read(oid)
            if text is None:
                continue
            try:
                manifest = parse_if_manifest(text)
            except ManifestError as error:
                yield ManifestBlob(path, oid, None, error.message, find_object_names(text))
            else:
                if manifest:
                    yield ManifestBlob(path, oid, manifest)
