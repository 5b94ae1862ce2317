"""Update data by the names that users write: a path, or REV:PATH of what a commit has."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from git_theta.adapters.factor_names import CONFIG
from git_theta.errors import UsageError
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.command import Git
from git_theta.git.remote.fetch import ensure_values
from git_theta.git.repository.paths import work_tree_path
from git_theta.git.repository.revspec import check_revision
from git_theta.git.worktree.smudge_filter import smudge
from git_theta.git.worktree.workspace import Workspace
from git_theta.model.manifest_text import parse_if_manifest

#: Names of an adapter's files in a folder.
_ADAPTER = (CONFIG, "adapter_model.safetensors", "adapter_model.bin")

#: Bytes of a file that Git stores as a whole, at most.
_MAX_FILE = 4 << 30


@contextmanager
def update_files(workspace: Workspace, name: str) -> Iterator[Path]:
    """The path of update data; files of a commit are written to a temporary folder for the time.

    Args:
        workspace: The repository's parts.
        name: A path, or `REV:PATH` of a file, or of the folder of an adapter. As everywhere in Git, that path
            is from the top unless it begins with `./` or `../`.

    Raises:
        UsageError: There's no such revision, or it has no such file.
        ThetaError: A file can't be written.
    """
    rev, colon, inside = name.partition(":")
    if not colon or os.path.exists(name):
        yield Path(name)
        return
    check_revision(workspace.repository.git, rev)
    inside = _from_top(inside)
    with tempfile.TemporaryDirectory(prefix="git-theta-") as folder:
        own = os.path.basename(inside)
        if own and _write(workspace, f"{rev}:{inside}", Path(folder) / own):
            beside = os.path.join(os.path.dirname(inside), CONFIG)
            _write(workspace, f"{rev}:{beside}", Path(folder) / CONFIG)
            yield Path(folder) / own
            return
        names = {each: os.path.join(inside, each) for each in _ADAPTER}
        if not [each for each in names if _write(workspace, f"{rev}:{names[each]}", Path(folder, each))]:
            raise UsageError(
                f"{rev} has no {inside or 'adapter at its top'}, or no adapter in it",
                f"look: git ls-tree -r {rev}",
            )
        yield Path(folder)


def _from_top(path: str) -> str:
    """The path in a commit, from its top; empty for the top itself.

    Raises:
        UsageError: It's outside of the work tree.
    """
    if path.startswith(("./", "../")) or path in (".", ".."):
        path = work_tree_path(Git(), path)
    found = os.path.normpath(path.strip("/")) if path.strip("/") else ""
    return "" if found == "." else found


def _write(workspace: Workspace, revspec: str, path: Path) -> bool:
    """Write a file of a commit as it is in a work tree; returns whether there's one."""
    repository = workspace.repository
    with Blobs(repository.git.cwd) as blobs:
        data = blobs.read(revspec, _MAX_FILE)
    if data is None:
        return False
    manifest = parse_if_manifest(data)
    if manifest is None:
        path.write_bytes(data)
        return True
    ensure_values(repository, manifest.all_entries())
    with path.open("wb+") as file:
        smudge(repository, workspace.known_files, manifest, file.fileno())
    return True
