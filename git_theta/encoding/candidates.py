"""Bases: which earlier parameter a changed one may be an update of."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from git_theta.model.manifest import Entry, Manifest, Source
from git_theta.model.sizes import SizeOf, payload_bytes
from git_theta.model.tensor import TensorSpec
from git_theta.settings import DEEPEST

_SEPARATORS = re.compile(r"[./]")

#: A chain whose payloads have more bytes than this many times the value isn't made longer.
_MOST_ENCODED = 2.0


@dataclass(frozen=True, slots=True)
class Named:
    """A parameter of a file that is being added."""

    name: str
    spec: TensorSpec


def match(wanted: Iterable[Named], manifest: Manifest) -> dict[str, Entry]:
    """For each parameter the one of a manifest that it probably comes from, if any.

    The same name counts first. A model may have been wrapped or renamed since: otherwise, of the
    entries of equal dtype and shape that nobody has taken, it's the one with the longest common end of
    the name, and of several such the next in order.
    """
    found: dict[str, Entry] = {}
    others = []
    for item in wanted:
        entry = manifest.by_name.get(item.name)
        if entry and _compatible(item.spec, entry.spec):
            found[item.name] = entry
        else:
            others.append(item)
    if others:
        taken = {entry.name for entry in found.values()}
        free: dict[TensorSpec, list[Entry]] = defaultdict(list)
        for entry in manifest.entries:
            if entry.name not in taken:
                free[entry.spec].append(entry)
        for spec, items in _by_spec(others).items():
            found.update(_by_suffix(items, free.get(spec, [])))
    return found


def overlap(wanted: Sequence[Named], manifest: Manifest) -> float:
    """The share of the bytes of parameters whose dtype and shape the manifest has too."""
    shared = sum(
        spec.nbytes * min(count, manifest.spec_counts[spec])
        for spec, count in Counter(item.spec for item in wanted).items()
    )
    return shared / max(1, sum(item.spec.nbytes for item in wanted))


def usable(source: Source, nbytes: int, depth: int, size_of: SizeOf) -> list[tuple[Source, bool]]:
    """What an update may be put on: the source and the beginning of its chain, and for each if it's deep.

    The beginning is farther away, but keeps the chain short. What already is as deep as it should be is for
    updates that are much cheaper than on the beginning: an adapter that was merged into a fine-tuned model.

    Args:
        source: Of the base.
        nbytes: Size of the value.
        depth: How many updates should stand on each other at most.
        size_of: Sizes of objects.
    """
    if depth < 2:
        return []
    near = source
    while near.inputs and (
        near.depth >= DEEPEST * depth or payload_bytes(near.payloads(), size_of) > _MOST_ENCODED * nbytes
    ):
        near = near.inputs[0]
    first = near
    while first.inputs:
        first = first.inputs[0]
    return [(part, part.depth >= depth) for part in dict.fromkeys((near, first))]


def _compatible(one: TensorSpec, other: TensorSpec) -> bool:
    """Equal, or equal but for the number of rows."""
    return one == other or (
        one.dtype == other.dtype
        and len(one.shape) == len(other.shape) > 1
        and one.shape[1:] == other.shape[1:]
        and min(one.nbytes, other.nbytes) > 0
    )


def _by_spec(items: Iterable[Named]) -> dict[TensorSpec, list[Named]]:
    groups: dict[TensorSpec, list[Named]] = defaultdict(list)
    for item in items:
        groups[item.spec].append(item)
    return groups


def _by_suffix(items: list[Named], free: list[Entry]) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    ends: dict[tuple[str, ...], list[Entry]] = defaultdict(list)
    for entry in free:
        words = _words(entry.name)
        for start in range(len(words)):
            ends[words[start:]].append(entry)
    taken: set[str] = set()
    # Longest ends first, over all items, so that a weak likeness never takes what a strong one needs.
    tries = sorted(
        ((len(_words(item.name)) - start, place, start) for place, item in enumerate(items)
         for start in range(len(_words(item.name)))),
        key=lambda key: (-key[0], key[1]),
    )  # fmt: skip
    for _, place, start in tries:
        item = items[place]
        if item.name in found:
            continue
        for entry in ends.get(_words(item.name)[start:], ()):
            if entry.name not in taken:
                found[item.name] = entry
                taken.add(entry.name)
                break
    return found


def _words(name: str) -> tuple[str, ...]:
    return tuple(_SEPARATORS.split(name))
