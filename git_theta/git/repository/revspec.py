"""Revisions and versions of files by the names that users write: REV, PATH, REV:PATH and :PATH."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence

from git_theta.errors import ManifestError, UsageError
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.command import Git
from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import MAX_TEXT_BYTES, parse_if_manifest


def is_revision(git: Git, name: str) -> bool:
    """Whether a name stands for a commit, or for a tree."""
    return not name.startswith(("-", "^")) and git.ok("rev-parse", "-q", "--verify", f"{name}^{{tree}}")


def check_revision(git: Git, rev: str) -> None:
    """Check that a name stands for a commit, or for a tree.

    Raises:
        UsageError: There's no such revision.
    """
    if not is_revision(git, rev):
        raise UsageError(f"{rev!r} isn't a revision", "`git log --oneline --all` lists commits")


def find_manifest(git: Git, name: str) -> Manifest:
    """The manifest of a version of a file.

    Args:
        git: Git in the user's folder.
        name: `PATH` for the index, relative to the folder; `REV:PATH` or, for the index again, `:PATH`. As
            everywhere in Git, the path of these is from the top unless it begins with `./` or `../`.

    Raises:
        UsageError: There's no such version, or it isn't a tracked checkpoint.
        ManifestError: The manifest is damaged.
    """
    return find_manifests(git, [name])[0]


def find_manifests(git: Git, names: Sequence[str]) -> list[Manifest]:
    """The manifests of versions of files, in the given order; see `find_manifest`."""
    return [parsed_version(blob, name) for blob, name in zip(_find(git, names), names, strict=True)]


def find_version(git: Git, name: str) -> bytes:
    """The bytes that Git has of a version of a file, named as in `find_manifest`: a manifest or the file.

    Raises:
        UsageError: There's no such version.
    """
    return next(_find(git, [name]))


def _find(git: Git, names: Sequence[str]) -> Iterator[bytes]:
    prefix = prefix_of(git)
    with Blobs(git.cwd) as blobs:
        for name in names:
            found = (blobs.read(candidate, MAX_TEXT_BYTES) for candidate in version_names(prefix, name))
            blob = next((blob for blob in found if blob is not None), None)
            if blob is None:
                raise unknown_version(git, name)
            yield blob


def prefix_of(git: Git) -> str:
    """The user's folder from the top of the work tree, with a slash at its end; empty for the top."""
    return git.line("rev-parse", "--show-prefix") if _has_tree(git) else ""


def version_names(prefix: str, name: str) -> list[str]:
    """Names by which Git may know a version of a file, `REV:PATH` or `:PATH`, with the path from the top.

    Args:
        prefix: The user's folder, as `prefix_of` gives it.
        name: The name that the user wrote; see `find_manifest`.
    """
    own = f":{os.path.normpath(os.path.join(prefix, name))}"
    rev, colon, path = name.partition(":")
    if not colon:
        return [own]
    if path.startswith(("./", "../")):
        path = os.path.normpath(os.path.join(prefix, path))
    # The name of a file may have a colon too.
    return [f"{rev}:{path}", own]


def unknown_version(git: Git, name: str) -> UsageError:
    """The error about a name that's that of no version of a file."""
    rev, colon, path = name.partition(":")
    if os.path.isfile(git.path(name)):
        return UsageError(f"{name} isn't in Git yet", f"add it first: git add -- {shlex.quote(name)}")
    if colon and rev:
        check_revision(git, rev)
        return UsageError(f"there's no {path} in {rev}", f"`git theta ls-files {rev}` lists its checkpoints")
    return UsageError(f"there's no {path or name} in the index", "`git theta ls-files` lists checkpoints")


def _has_tree(git: Git) -> bool:
    return git.line("rev-parse", "--is-inside-work-tree") == "true"


def parsed_version(blob: bytes, name: str) -> Manifest:
    """The manifest in a blob.

    Args:
        blob: The blob's bytes.
        name: Its name for messages.

    Raises:
        UsageError: It's the file itself, which Git has as a whole.
        ManifestError: The manifest is damaged.
    """
    try:
        manifest = parse_if_manifest(blob)
    except ManifestError as error:
        raise ManifestError(f"{name}: {error.message}", error.hint) from error
    if manifest is None:
        raise UsageError(
            f"{name} is in Git as a whole file, not as a checkpoint",
            "track it (git theta track), then: git add --renormalize . && git commit",
        )
    return manifest
