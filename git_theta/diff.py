"""Diff: the difference of two manifests, by the digests alone; no tensor is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from git_theta.model.manifest import Entry, Manifest
from git_theta.model.name_pairs import pair_by_end
from git_theta.sharding.joined import ModelVersion, shard_label

#: The same parameter, or value, in the old and in the new version.
Pair = tuple[Entry, Entry]


@dataclass(frozen=True, slots=True)
class Diff:
    """The difference of two versions of a checkpoint.

    Attributes:
        added: Parameters whose names only the new version has.
        removed: Parameters whose names only the old version has.
        changed: Pairs (old, new) of parameters whose value, dtype or shape differs.
        unchanged: How many parameters are the same.
        layout: Whether the rest of the file changed: metadata, scalars, the order of tensors.
        renamed: Pairs of `removed` and `added` with the same value.
        format: The old and the new format, if they differ.
        moved: Name of a parameter that is in another shard → the old and the new file. Its value may be the
            same; then it's one of those that are unchanged.
        sharding: The files before and after in words, such as `2 shards` and `1 file`, if there are others.
    """

    added: tuple[Entry, ...]
    removed: tuple[Entry, ...]
    changed: tuple[Pair, ...]
    unchanged: int
    layout: bool
    renamed: tuple[Pair, ...] = ()
    format: tuple[str, str] | None = None
    moved: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    sharding: tuple[str, str] | None = None

    def __bool__(self) -> bool:
        has_changes = self.added or self.removed or self.changed or self.layout
        return bool(has_changes or self.moved or self.sharding)

    @property
    def same_parameters(self) -> bool:
        """Whether every parameter is in both versions, with the same value."""
        return not (self.added or self.removed or self.changed)

    @property
    def modified(self) -> tuple[Pair, ...]:
        """Pairs in `changed` of one dtype and shape, with other values."""
        return tuple((old, new) for old, new in self.changed if old.spec == new.spec)

    @property
    def retyped(self) -> tuple[Pair, ...]:
        """Pairs in `changed` of another dtype, and maybe another shape."""
        return tuple((old, new) for old, new in self.changed if old.spec.dtype != new.spec.dtype)

    @property
    def reshaped(self) -> tuple[Pair, ...]:
        """Pairs in `changed` of another shape and the same dtype."""
        return tuple(
            (old, new)
            for old, new in self.changed
            if old.spec.dtype == new.spec.dtype and old.spec.shape != new.spec.shape
        )

    @property
    def appeared(self) -> tuple[Entry, ...]:
        """Parameters in `added` that aren't renamed ones."""
        known = {new.name for _, new in self.renamed}
        return tuple(entry for entry in self.added if entry.name not in known)

    @property
    def vanished(self) -> tuple[Entry, ...]:
        """Parameters in `removed` that aren't renamed ones."""
        known = {old.name for old, _ in self.renamed}
        return tuple(entry for entry in self.removed if entry.name not in known)


def diff(old: Manifest | None, new: Manifest | None) -> Diff:
    """Compare two manifests; `None` stands for a file that isn't there."""
    before = old.by_name if old else {}
    after = new.by_name if new else {}
    both = [(before[name], entry) for name, entry in after.items() if name in before]
    changed = tuple((a, b) for a, b in both if (a.digest, a.spec) != (b.digest, b.spec))
    added = tuple(entry for name, entry in after.items() if name not in before)
    removed = tuple(entry for name, entry in before.items() if name not in after)
    return Diff(
        added=added,
        removed=removed,
        changed=changed,
        unchanged=len(both) - len(changed),
        layout=(old.layout.digest if old else None) != (new.layout.digest if new else None),
        renamed=tuple(_renamed(removed, added)),
        format=(old.format, new.format) if old and new and old.format != new.format else None,
    )


def model_diff(old: ModelVersion | None, new: ModelVersion | None) -> Diff:
    """Compare two versions of a model, whose files may be others; `None` stands for one that isn't there.

    Files of which only the shares of parameters differ count as unchanged besides that.

    Raises:
        UsageError: The shards of a version aren't of one model.
    """
    found = diff(old.manifest if old else None, new.manifest if new else None)
    if old is None or new is None or not (old.parts.is_sharded or new.parts.is_sharded):
        return found
    sharding, moved = _sharding(old, new), _moved(old, new)
    same_places = sharding is None and not moved and not found.added and not found.removed
    return replace(found, layout=found.layout and same_places, moved=moved, sharding=sharding)


def _sharding(old: ModelVersion, new: ModelVersion) -> tuple[str, str] | None:
    """The files of two versions in words; `None` if they have the same names."""
    names = [[file.rpartition("/")[2] for file in version.parts.files] for version in (old, new)]
    if names[0] == names[1] or not (old.parts.is_sharded or new.parts.is_sharded):
        return None
    before, after = old.parts.sharding, new.parts.sharding
    return before, after if before != after else f"{after} of other names"


def _moved(old: ModelVersion, new: ModelVersion) -> dict[str, tuple[str, str]]:
    """Parameters that are in another shard; none if a version is one file."""
    if min(len(old.manifests), len(new.manifests)) < 2:
        return {}
    homes = ((name, home.file, new.homes[name].file) for name, home in old.homes.items() if name in new.homes)
    return {
        name: (before, after) for name, before, after in homes if shard_label(before) != shard_label(after)
    }


def _renamed(removed: Iterable[Entry], added: Iterable[Entry]) -> Iterator[Pair]:
    """Pairs with the same value. Of several, names that end alike are a pair."""
    found: dict[object, tuple[list[Entry], list[Entry]]] = {}
    for side, entries in enumerate((removed, added)):
        for entry in entries:
            if entry.spec.count:
                found.setdefault((entry.digest, entry.spec), ([], []))[side].append(entry)
    for olds, news in found.values():
        pairs = pair_by_end([entry.name for entry in olds], [entry.name for entry in news])
        yield from ((olds[at], news[other]) for at, other in pairs)
