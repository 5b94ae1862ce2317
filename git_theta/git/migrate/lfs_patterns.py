"""The patterns of git-lfs that are for checkpoints; others stay as they are."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from git_theta.checkpoint_file import read_checkpoint
from git_theta.errors import ThetaError
from git_theta.git.migrate.attributes import pattern_at_top, patterns_of
from git_theta.git.migrate.commit_history import CommitHistory
from git_theta.git.migrate.selection import pattern_lookup
from git_theta.git.plumbing.command import Git
from git_theta.store.lfs.pointer import MAX_POINTER_BYTES, Pointer, parse_pointer
from git_theta.store.local import LocalStore

#: Endings that tell a checkpoint whose bytes aren't here.
_ENDINGS = (".safetensors", ".pt", ".pth", ".ckpt", ".bin", ".gguf", ".onnx", ".tflite", ".keras", ".h5")


def checkpoint_patterns(
    git: Git, history: CommitHistory, store: LocalStore, folder: Path
) -> tuple[set[tuple[str, str]], set[str]]:
    """The patterns of git-lfs that a checkpoint matches, in any commit.

    Args:
        git: Git in the repository.
        history: The commits.
        store: The objects of git-lfs.
        folder: A folder for a temporary file.

    Returns:
        Folder and pattern of each that a checkpoint matches; and all other patterns.
    """
    places = {place for commit in history.commits for place in history.attribute_files(commit.tree)}
    patterns = sorted(
        {
            (where, pattern)
            for where, oid in places
            for pattern in patterns_of(os.fsdecode(history.objects.read(oid).data), "lfs")
        }
    )
    if not patterns:
        return set(), set()
    names = {
        f"git-theta-{i}": [pattern_at_top(pattern, where)] for i, (where, pattern) in enumerate(patterns)
    }
    lookup = pattern_lookup(git, folder / "lfs", names)
    answers: dict[tuple[str, str], bool] = {}
    known: dict[bytes, tuple[str, ...]] = {}
    found: set[tuple[str, str]] = set()
    try:
        for path, entry in history.all_files():
            if path not in known:
                known[path] = lookup.get(path)
            fits = {patterns[i] for i, value in enumerate(known[path]) if value == "set"} - found
            ending = os.path.splitext(os.fsdecode(entry.name))[1]
            key = (entry.oid, ending)
            if fits and key not in answers:
                answers[key] = _is_checkpoint(history, entry.oid, ending, store)
            found |= fits if fits and answers[key] else set()
    finally:
        lookup.close()
    return found, {pattern for place, pattern in patterns if (place, pattern) not in found}


def _is_checkpoint(history: CommitHistory, oid: str, ending: str, store: LocalStore) -> bool:
    blob = history.objects.head(oid, MAX_POINTER_BYTES)
    pointer: Pointer | None = None
    with suppress(ThetaError):
        pointer = parse_pointer(blob.data) if blob.size == len(blob.data) else None
    if pointer is None or not store.has(pointer.oid):
        return bool(blob.size) and ending.lower() in _ENDINGS
    return not read_checkpoint(store.get(pointer.oid)).opaque
