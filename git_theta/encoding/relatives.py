"""Relatives: entries of another type that a parameter may be made of, such as the parts of a fused matrix."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from git_theta.encoding.candidates import NewParameter
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.tensor import TensorSpec

#: Relatives of one parameter at most, and their elements together, as a multiple of the parameter's.
_MAX_RELATIVES = 1024
_MAX_SHARE = 3.0

#: Larger entries that a parameter may be a part of: the nearest by name.
_MAX_LARGER = 3

#: Bytes of the smallest parameter that has relatives.
_SMALLEST = 1 << 10

_NUMBER = re.compile(r"\d+")
_SEPARATORS = re.compile(r"[./_]")


def relatives(
    wanted: Sequence[NewParameter], manifest: Manifest, matched: Mapping[str, Entry]
) -> dict[str, list[Entry]]:
    """The relatives of parameters that have no counterpart, the nearest by name first.

    These are the entry of the same name, and those entries of the same layer that have no counterpart either;
    names of a layer have the same first number.

    Args:
        wanted: Parameters of the new file.
        manifest: An earlier version of the file, or a related checkpoint.
        matched: The counterparts that were found, by the parameter's name.
    """
    alone = [item for item in wanted if item.name not in matched and item.spec.nbytes >= _SMALLEST]
    if not alone:
        return {}
    taken = {entry.name for entry in matched.values()} | {item.name for item in wanted}
    layers: dict[str, list[Entry]] = defaultdict(list)
    for entry in manifest.entries:
        if entry.name not in taken and entry.spec.nbytes >= _SMALLEST // 16:
            layers[_layer(entry.name)].append(entry)
    found = {}
    for item in alone:
        same = manifest.by_name.get(item.name)
        others = [
            entry
            for entry in layers[_layer(item.name)]
            if _is_compatible(item.spec.as_bytes, entry.spec.as_bytes)
        ]
        ranked = sorted(others, key=lambda entry, name=item.name: _unlikeness(name, entry.name))  # type: ignore[misc]
        near = list(_bounded(item.spec, ([same] if same else []) + ranked))
        if near:
            found[item.name] = near
    return found


def _layer(name: str) -> str:
    """The first number in a name, mostly that of the layer; empty if there's none."""
    number = _NUMBER.search(name)
    return number[0] if number else ""


def _unlikeness(name: str, other: str) -> tuple[int, int]:
    """Small for names that end and begin alike."""
    words, others = _SEPARATORS.split(name), _SEPARATORS.split(other)
    shared = 0
    for one, two in zip(words, others, strict=False):
        if one != two:
            break
        shared += 1
    return int(words[-1] != others[-1]), -shared


def _is_compatible(spec: TensorSpec, base: TensorSpec) -> bool:
    """Whether rows of one may be rows, or columns, of the other."""
    if len(spec.shape) == len(base.shape) == 1:
        return True
    last, other = spec.shape[-1:], base.shape[-1:]
    return bool(last and other) and (other[0] in spec.shape or last[0] in base.shape)


def _bounded(spec: TensorSpec, entries: Sequence[Entry]) -> Iterator[Entry]:
    """Entries, as many as are worth reading."""
    left, larger = int(_MAX_SHARE * spec.count), _MAX_LARGER
    for entry in entries[:_MAX_RELATIVES]:
        if entry.spec.count > spec.count:
            larger -= 1
            if larger >= 0:
                yield entry
        elif entry.spec.count <= left:
            left -= entry.spec.count
            yield entry
