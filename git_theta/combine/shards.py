"""One model of several files, each with a part of the parameters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from git_theta.checkpoint_file import NOT_STORED
from git_theta.combine.model import Model
from git_theta.errors import UsageError
from git_theta.formats.base import FileVersion
from git_theta.formats.blank import blank
from git_theta.formats.compose import compose_file
from git_theta.merging.manifest_parts import parameter_entries
from git_theta.model.digest import digest
from git_theta.model.layout import Layout
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.name_escapes import sort_key
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Pieces


def joined(name: str, shards: Sequence[Model]) -> Model:
    """The model of all shards, as one file would have it.

    Args:
        name: Name for messages.
        shards: At least one.

    Raises:
        UsageError: Shards have different formats or a parameter twice.
        ComposeError: There's no file that has all parameters.
    """
    if len(shards) == 1:
        return shards[0]
    formats = {shard.manifest.format for shard in shards}
    if len(formats) > 1:
        raise UsageError(f"the shards of {name} have different formats: {', '.join(sorted(formats))}")
    owners: dict[str, Model] = {}
    entries: list[Entry] = []
    for shard in shards:
        for entry in parameter_entries(shard.manifest):
            if entry.name in owners:
                raise UsageError(
                    f"parameter {entry.name!r} is in {owners[entry.name].name} and in {shard.name}"
                )
            owners[entry.name] = shard
            entries.append(entry)
    wanted = {entry.name: entry.spec for entry in entries}
    composed = compose_file(formats.pop(), None, [shard.version() for shard in shards], wanted, lambda _: 0)
    by_digest = {entry.digest: owners[entry.name] for entry in entries}

    def read(entry: Entry) -> Pieces:
        return by_digest[entry.digest].read(entry)

    def prepare(wanted: Iterable[Entry]) -> int:
        wanted = list(wanted)
        return max(
            shard.prepare([entry for entry in wanted if by_digest.get(entry.digest) is shard])
            for shard in shards
        )

    layout = composed.layout.to_bytes()
    manifest = Manifest(
        shards[0].manifest.format,
        composed.layout.size,
        Entry("layout", TensorSpec("U8", (len(layout),)), digest(layout), NOT_STORED),
        tuple(sorted(entries, key=lambda entry: sort_key(entry.name))),
    )
    if composed.stretches:
        raise UsageError(f"the shards of {name} have too much beside their tensors")
    return Model(
        name,
        manifest,
        lambda: FileVersion(composed.layout, _skeleton(composed.layout)),
        read,
        prepare,
        shards[0].settings,
    )


def _skeleton(layout: Layout) -> memoryview:
    data = blank(layout.size)
    for literal in layout.literals:
        data[literal.offset : literal.offset + len(literal.data)] = literal.data
    return data
