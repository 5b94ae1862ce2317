"""A version of a model in the shards of another version, so that both can be merged file by file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from git_theta.encoding.new_manifest import completed
from git_theta.encoding.stored_value import finalize
from git_theta.encoding.value_writer import ValueWriter
from git_theta.errors import UsageError
from git_theta.formats.base import FileVersion
from git_theta.formats.compose import compose_file
from git_theta.git.remote.fetch import ensure_values
from git_theta.git.repository.repository import Repository
from git_theta.merging.file_version import stored_version
from git_theta.merging.manifest_parts import parameter_entries, structure_entries
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.name_escapes import sort_key
from git_theta.model.tensor import TensorSpec
from git_theta.sharding.joined import ModelVersion
from git_theta.store.batch import Batch

#: A part of the names of scalars that number the shards in GGUF.
_NUMBERING = "split."


@dataclass(frozen=True, slots=True)
class ShardPlaces:
    """The shards in which parameters of all versions are to be.

    Attributes:
        files: Paths of the shards, in order.
        of: Name of a parameter → the shard.
    """

    files: Sequence[str]
    of: Mapping[str, str]


def merged_places(base: ModelVersion | None, ours: ModelVersion, theirs: ModelVersion) -> ShardPlaces:
    """The places of all parameters in the shards of ours.

    A parameter that ours doesn't have is in the shard of the name that it has there; or else in the last one.
    """
    files = ours.parts.files
    places: dict[str, str] = {}
    for version in (ours, theirs, *([base] if base else [])):
        for file, manifest in zip(version.parts.files, version.manifests, strict=True):
            for entry in parameter_entries(manifest):
                places.setdefault(entry.name, file if file in files else files[-1])
    return ShardPlaces(files, places)


def resharded(
    repository: Repository, version: ModelVersion, ours: ModelVersion, places: ShardPlaces
) -> dict[str, Manifest]:
    """The manifests of a version as it would be in other shards, by path; all that's new is stored.

    A shard that has the same parameters in both stays as it is.

    Args:
        repository: The repository.
        version: The version.
        ours: The version whose shards these are.
        places: The shard of each parameter.

    Raises:
        ComposeError: There's no such file in the format.
        UsageError: The versions have different formats.
        ThetaError: A layout can't be fetched, or the store can't be written.
    """
    _check_formats(version, ours)
    entries: dict[str, dict[str, Entry]] = {file: {} for file in places.files}
    for manifest in version.manifests:
        for entry in parameter_entries(manifest):
            entries[places.of[entry.name]][entry.name] = entry
    own = dict(zip(version.parts.files, version.manifests, strict=True))
    found = {}
    for file, like in zip(ours.parts.files, ours.manifests, strict=True):
        known = own.get(file)
        if known is not None and {entry.name for entry in parameter_entries(known)} == entries[file].keys():
            found[file] = known
        else:
            found[file] = _composed(repository, version, like, entries[file])
    return found


def _check_formats(version: ModelVersion, ours: ModelVersion) -> None:
    names = {manifest.format for each in (version, ours) for manifest in each.manifests}
    if len(names) > 1:
        raise UsageError(
            f"{ours.parts.name} has different formats on the sides: {', '.join(sorted(names))}",
            "take one side: git checkout --ours (or --theirs), then git add",
        )


def _composed(
    repository: Repository, version: ModelVersion, like: Manifest, entries: Mapping[str, Entry]
) -> Manifest:
    """A new shard of a version, numbered as one of ours."""
    sources = [
        manifest
        for manifest in version.manifests
        if any(entry.name in entries for entry in parameter_entries(manifest))
    ] or list(version.manifests)
    specs = {name: entry.spec for name, entry in entries.items()}
    sides = [_read(repository, manifest) for manifest in (like, *sources)]

    def prefer(name: str) -> int:
        return 0 if _NUMBERING in name else 1

    composed = compose_file(like.format, None, sides, specs, prefer)
    layout = composed.layout.to_bytes()
    store = repository.store
    with Batch(store) as batch:
        writer = ValueWriter(store, batch, {})
        parts = (("layout", layout), *composed.stretches.items())
        written = [
            writer.write(name, TensorSpec("U8", (len(data),)), memoryview(data)) for name, data in parts
        ]
        new_layout, *stretches = finalize(written, batch)
    everything = sorted((*entries.values(), *stretches), key=lambda entry: sort_key(entry.name))
    made = Manifest(like.format, composed.layout.size, new_layout, tuple(everything))
    return completed(made, store, version.manifests)


def _read(repository: Repository, manifest: Manifest) -> FileVersion:
    ensure_values(repository, structure_entries(manifest))
    return stored_version(manifest, repository.store)
