"""Merges that are made again by their recipes: each parameter from the new versions of the merged models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_

from git_theta.cascade.recipe_inputs import with_new_inputs
from git_theta.encoding.decode import decode_source
from git_theta.encoding.new_manifest import completed
from git_theta.encoding.stored_value import finalize
from git_theta.encoding.value_writer import ValueWriter
from git_theta.git.cascade.computed_model import ComputedModel, OutdatedModel
from git_theta.git.remote.fetch import ensure_values
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.workspace import Workspace
from git_theta.merging.manifest_parts import parameter_entries
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.strided import joined
from git_theta.model.tensor import TensorSpec
from git_theta.runtime.progress import progress
from git_theta.settings import DEPTH_FACTOR
from git_theta.store.batch import Batch
from git_theta.updates.rounding import ARITHMETIC, widen


@dataclass(frozen=True, slots=True)
class _Parents:
    """Parents that have changed: name of a parameter → its old and its new version in each."""

    versions: tuple[tuple[Mapping[str, Entry], Mapping[str, Entry]], ...]

    def of(self, name: str) -> list[tuple[Entry, Entry]]:
        return [(old[name], new[name]) for old, new in self.versions if name in old and name in new]


def merge_again(repository: Repository, model: OutdatedModel) -> ComputedModel:
    """Merge again by the recipes of a merge.

    Args:
        repository: The repository, with Git at the top.
        model: The merge.

    Raises:
        ThetaError: A parameter isn't stored as a recipe of its parents, or a value can't be read.
    """
    parents = _Parents(tuple((_by_name(each.old), _by_name(each.new)) for each in model.parents))
    with Workspace(repository) as workspace:
        made = {path: _merged(workspace, path, manifest, parents) for path, manifest in model.files.items()}
    return ComputedModel(model.name, made, model.parents)


def _by_name(manifests: Iterable[Manifest]) -> dict[str, Entry]:
    return reduce(or_, (manifest.by_name for manifest in manifests), {})


def _merged(workspace: Workspace, path: str, manifest: Manifest, parents: _Parents) -> Manifest:
    """The manifest of a file whose parameters are merged again."""
    repository = workspace.repository
    changed: dict[str, Entry] = {}
    for entry in parameter_entries(manifest):
        source = with_new_inputs(entry, parents.of(entry.name))
        if source != entry.source:
            changed[entry.name] = replace(entry, source=source)
    ensure_values(repository, changed.values())
    with progress(f"merging {path}", sum(each.spec.nbytes for each in changed.values())) as advance:
        made = _stored(workspace, path, changed.values(), parents, advance)
    entries = tuple(made.get(entry.name, entry) for entry in manifest.entries)
    return completed(replace(manifest, entries=entries), repository.store)


def _stored(
    workspace: Workspace,
    path: str,
    entries: Iterable[Entry],
    parents: _Parents,
    advance: Callable[[int], object],
) -> dict[str, Entry]:
    """Parameters with the digests of their new values; values that can't be recipes are stored.

    Args:
        workspace: The repository's parts.
        path: The file's path, for how it's stored.
        entries: The parameters with new sources, and the digests of before.
        parents: The parents.
        advance: Called with the number of bytes of each finished parameter.
    """
    store, depth = workspace.repository.store, workspace.repository.settings.depth
    made: dict[str, Entry] = {}
    updates = workspace.cleaners.allowed_updates(path)
    with Batch(store) as batch:
        writer = ValueWriter(store, batch, {}, workspace.known_files.sources, updates, depth)
        written = []
        for entry in entries:
            spec = entry.spec
            value = joined(decode_source(entry.source, spec.nbytes, store), spec.nbytes, store.temporary_file)
            if entry.source.depth <= DEPTH_FACTOR * depth and not _has_nan(value, spec):
                made[entry.name] = replace(entry, digest=digest(value))
            else:
                bases = [new for _, new in parents.of(entry.name)]
                written.append(writer.write(entry.name, spec, value, bases))
            advance(spec.nbytes)
        stored = finalize(written, batch)
    return made | {each.name: each for each in stored}


def _has_nan(value: memoryview, spec: TensorSpec) -> bool:
    """Whether a value has a NaN, whose bits depend on the processor if it's computed."""
    import numpy as np

    if spec.dtype not in ARITHMETIC:
        return False
    words = np.frombuffer(value, f"<u{spec.word_size}")
    step = 1 << 20
    return any(np.isnan(widen(words[at : at + step], spec.dtype)).any() for at in range(0, len(words), step))
