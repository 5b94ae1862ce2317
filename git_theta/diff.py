"""Diff: two manifests → what changed, by the digests alone; no tensor is read."""

from __future__ import annotations

from dataclasses import dataclass

from git_theta.model.manifest import Entry, Manifest


@dataclass(frozen=True, slots=True)
class Diff:
    """What changed between two versions of a checkpoint.

    Attributes:
        added: Parameters that only the new version has.
        removed: Parameters that only the old version has.
        changed: Pairs (old, new) of parameters whose value, dtype or shape differs.
        unchanged: How many parameters are the same.
        layout: Whether the rest of the file changed: metadata, scalars, the order of things.
    """

    added: tuple[Entry, ...]
    removed: tuple[Entry, ...]
    changed: tuple[tuple[Entry, Entry], ...]
    unchanged: int
    layout: bool

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.layout)


def diff(old: Manifest | None, new: Manifest | None) -> Diff:
    """Compare two manifests; `None` stands for a file that isn't there."""
    before = old.by_name if old else {}
    after = new.by_name if new else {}
    both = [(before[name], entry) for name, entry in after.items() if name in before]
    changed = tuple((a, b) for a, b in both if (a.digest, a.spec) != (b.digest, b.spec))
    return Diff(
        added=tuple(entry for name, entry in after.items() if name not in before),
        removed=tuple(entry for name, entry in before.items() if name not in after),
        changed=changed,
        unchanged=len(both) - len(changed),
        layout=(old.layout.digest if old else None) != (new.layout.digest if new else None),
    )
