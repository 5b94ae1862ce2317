"""The merge of an index of shards: three versions become one, name by name."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from git_theta.model.three_way import trivial_merge
from git_theta.sharding.index_file import ShardIndex

_ABSENT = object()

#: Spaces before a line of the next level, as libraries write indexes; `None` for a single line.
_INDENTS = (2, 4, None, 1)


@dataclass(frozen=True, slots=True)
class MergedIndex:
    """The outcome of a merge of indexes.

    Attributes:
        document: The merged JSON.
        conflicts: Reasons why it isn't right as it is: places and other keys that both sides changed
            differently, of which the document has ours.
    """

    document: Mapping[str, Any]
    conflicts: tuple[str, ...]


def merge_indexes(
    base: ShardIndex | None,
    ours: ShardIndex,
    theirs: ShardIndex,
    sizes: Sequence[Mapping[str, int]] | None = None,
) -> MergedIndex:
    """Merge the places of parameters by name, and all else by key; totals are counted again.

    Args:
        base: The merge base; `None` if both sides added the file.
        ours: Our version.
        theirs: Their version.
        sizes: Name of a parameter → its bytes, for base, ours and theirs; `None` if they aren't known.
    """
    conflicts: list[str] = []
    old = base.places if base else {}
    places: dict[str, str] = {}
    for name in dict.fromkeys((*ours.places, *theirs.places)):
        sides = [ours.places.get(name), theirs.places.get(name)]
        index = trivial_merge(old.get(name), sides)
        place = sides[index or 0]
        if index is None:
            conflicts.append(f"{name!r}: {_place(sides[0])} in ours, {_place(sides[1])} in theirs")
        if place is not None:
            places[name] = place
    if list(ours.places) == sorted(ours.places):
        places = dict(sorted(places.items()))
    before = base.document if base else {}
    document = _merged(before, ours.document, theirs.document, "", conflicts)
    document["weight_map"] = places
    metadata = document.get("metadata")
    if isinstance(metadata, dict):
        document["metadata"] = {**metadata, **_totals(base, ours, theirs, places, sizes)}
    return MergedIndex(document, tuple(conflicts))


def index_bytes(document: Mapping[str, Any], like: bytes) -> bytes:
    """The JSON of an index, written in the style of another one's.

    Args:
        document: The content.
        like: The other index, whose indent and last line break are kept.
    """
    end = b"\n" if like.endswith(b"\n") else b""
    known = json.loads(like)
    for indent in _INDENTS:
        for ascii_only in (True, False):
            if _text(known, indent, ascii_only) == like.strip():
                return _text(document, indent, ascii_only) + end
    return _text(document, _INDENTS[0], False) + end


def _text(document: Mapping[str, Any], indent: int | None, ascii_only: bool) -> bytes:
    return json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")


def _place(shard: str | None) -> str:
    return f"in {shard}" if shard else "nowhere"


def _merged(
    base: Mapping[str, Any],
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    path: str,
    conflicts: list[str],
) -> dict[str, Any]:
    """Keys by equality, or else ours; the map of places is left to the caller, and so are totals."""
    found: dict[str, Any] = {}
    for key in dict.fromkeys((*ours, *theirs)):
        sides = [ours.get(key, _ABSENT), theirs.get(key, _ABSENT)]
        old = base.get(key, _ABSENT)
        if not path and key == "weight_map":
            found[key] = {}
            continue
        if all(isinstance(side, dict) for side in sides):
            before = old if isinstance(old, dict) else {}
            found[key] = _merged(before, sides[0], sides[1], f"{path}{key}/", conflicts)
            continue
        index = trivial_merge(old, sides)
        if index is None and not _is_total(key, sides):
            conflicts.append(f"{path}{key}: changed to different values on both sides")
        if sides[index or 0] is not _ABSENT:
            found[key] = sides[index or 0]
    return found


def _is_total(key: str, values: Sequence[Any]) -> bool:
    return key.startswith("total_") and all(type(value) is int for value in values)


def _totals(
    base: ShardIndex | None,
    ours: ShardIndex,
    theirs: ShardIndex,
    places: Mapping[str, str],
    sizes: Sequence[Mapping[str, int]] | None,
) -> dict[str, int]:
    """The totals in the metadata: counted if ours is what a count gives, and else by the differences."""
    tables = [_integers(index) for index in (base, ours, theirs)]
    totals = {}
    for key in tables[1].keys() & tables[2].keys():
        counted = None
        if (
            key == "total_size"
            and sizes
            and tables[1][key] == sum(sizes[1].get(name, 0) for name in ours.places)
        ):
            counted = sum(_size(name, sizes) for name in places)
        before = tables[0].get(key, 0)
        totals[key] = tables[1][key] + tables[2][key] - before if counted is None else counted
    return totals


def _integers(index: ShardIndex | None) -> dict[str, int]:
    metadata = index.document.get("metadata") if index else None
    found = metadata.items() if isinstance(metadata, dict) else ()
    return {key: value for key, value in found if _is_total(key, [value])}


def _size(name: str, sizes: Sequence[Mapping[str, int]]) -> int:
    """Bytes of a merged parameter: those of the side that changed them, or else ours."""
    base, *sides = (table.get(name) for table in sizes)
    there = [side for side in sides if side is not None]
    return there[trivial_merge(base, there) or 0] if there else 0
