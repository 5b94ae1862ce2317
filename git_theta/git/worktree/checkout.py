"""Checkout: fetch what chosen checkpoints need, for all of them at once, then write them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

from git_theta.errors import ThetaError, UsageError
from git_theta.git.plumbing.notices import explain
from git_theta.git.remote.fetch import ensure_values, fetch_values
from git_theta.git.repository.manifest_walk import index_manifests
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.known_files import KnownFiles
from git_theta.git.worktree.materialise import materialise
from git_theta.git.worktree.pending_files import pending_files
from git_theta.model.parameter_names import select
from git_theta.runtime.progress import progress

_TRACKED = "attr:filter=theta,top"


@dataclass(frozen=True, slots=True)
class CheckpointChoice:
    """The tracked checkpoints that a command is for.

    Attributes:
        paths: Files or folders, from the top of the work tree, which is the empty path; all when empty.
        include: Only files that match one of these; all when empty. Patterns as in `.gitignore` at the top:
            without a slash, they match a name in any folder; a folder stands for everything in it.
        exclude: No files that match one of these patterns.
    """

    paths: Sequence[str] = ()
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class CheckoutResult:
    """The files that were written, and those that couldn't be.

    Attributes:
        written: How many files were written.
        failed: Paths of files that couldn't be written.
    """

    written: int
    failed: Sequence[str]


def check_out(
    repository: Repository, known_files: KnownFiles, choice: CheckpointChoice, report: Callable[[str], object]
) -> CheckoutResult:
    """Write the chosen files that are only manifests, and fetch what they need first.

    A file that was changed isn't touched. A failure to fetch is reported on stderr, and doesn't keep files
    from being written whose objects are here.

    Args:
        repository: The repository, with Git at the top of its work tree.
        known_files: Remembers each file that is written.
        choice: The files.
        report: Called with a line about what was fetched, if anything was.

    Raises:
        UsageError: No checkpoint is chosen.
    """
    began = time.time_ns()
    chosen = _chosen(repository, choice)
    pending = [item for item in pending_files(repository, choice.paths) if item.path in chosen]
    try:
        entries = chain.from_iterable(item.manifest.all_entries() for item in pending)
        ensure_values(repository, entries, report)
    except ThetaError as error:
        explain(None, error)
    with progress("writing checkpoints", sum(item.manifest.size for item in pending)) as advance:
        failed = materialise(repository, known_files, pending, began, advance)
    return CheckoutResult(len(pending) - len(failed), failed)


def fetch_parameters(
    repository: Repository, choice: CheckpointChoice, params: Sequence[str], report: Callable[[str], object]
) -> int:
    """Fetch only the objects that some parameters of the chosen files need; returns their number.

    Args:
        repository: The repository, with Git at the top of its work tree.
        choice: The files.
        params: Names, or patterns such as `encoder/*`; each must match a parameter of some file.
        report: Called with a line about what was fetched, if anything was.

    Raises:
        UsageError: No checkpoint is chosen, or no parameter.
        ThetaError: As for `fetch_values`.
    """
    paths = _chosen(repository, choice)
    found = [
        each.manifest for each in index_manifests(repository.git) if each.manifest and each.path in paths
    ]
    names = set(select({n for manifest in found for n in manifest.by_name}, params, "the chosen checkpoints"))
    entries = [entry for manifest in found for entry in manifest.entries if entry.name in names]
    done = fetch_values(repository, entries, keep=True)
    if done.count:
        report(str(done))
    return len(entries)


def _chosen(repository: Repository, choice: CheckpointChoice) -> set[str]:
    """The paths of all tracked files that are chosen, whatever the work tree has of them."""
    wanted = [f":({_TRACKED},literal){path}" for path in choice.paths]
    found = _listed(repository, *(wanted or [f":({_TRACKED})"]))
    if choice.include or choice.exclude:
        include = [f":({_TRACKED},glob){glob}" for glob in _globs(choice.include or ["**"])]
        exclude = [f":(exclude,top,glob){glob}" for glob in _globs(choice.exclude)]
        found &= _listed(repository, *include, *exclude)
        if not found:
            raise UsageError("no tracked checkpoint matches", "`git theta ls-files` lists them")
    return found


def _globs(patterns: Sequence[str]) -> list[str]:
    """Patterns of `.gitignore` as Git's globs, which always begin at the top and match files only."""
    found = []
    for pattern in patterns:
        bare = pattern.strip("/")
        if not bare:
            raise UsageError(f"{pattern!r} isn't a pattern", "for example: 'models/*.safetensors'")
        start = bare if "/" in pattern.rstrip("/") else f"**/{bare}"
        found += [f"{start}/**"] if pattern.endswith("/") else [start, f"{start}/**"]
    return found


def _listed(repository: Repository, *pathspecs: str) -> set[str]:
    listing = repository.git.run("ls-files", "-z", "--", *pathspecs)
    return {os.fsdecode(name) for name in listing.split(b"\0") if name}
