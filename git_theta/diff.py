"""Diff: the difference of two manifests, by the digests alone; no tensor is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from git_theta.model.manifest import Entry, Manifest
from git_theta.model.name_pairs import pair_by_end

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
    """

    added: tuple[Entry, ...]
    removed: tuple[Entry, ...]
    changed: tuple[Pair, ...]
    unchanged: int
    layout: bool
    renamed: tuple[Pair, ...] = ()
    format: tuple[str, str] | None = None

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.layout)

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
