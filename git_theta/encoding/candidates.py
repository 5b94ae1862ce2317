"""Candidate bases: the earlier parameter that a changed one may be an update of."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from git_theta.encoding.decode import decode_verified, read_value
from git_theta.model.manifest import Entry, Manifest, Source
from git_theta.model.name_pairs import pair_by_end
from git_theta.model.sizes import SizeOf, payload_bytes
from git_theta.model.tensor import TensorSpec
from git_theta.settings import DEPTH_FACTOR
from git_theta.store.base import Store
from git_theta.updates.base import Base

_SEPARATORS = re.compile(r"[./]")

#: A chain isn't extended once its payloads have more bytes than this many times the value.
_MAX_ENCODED_RATIO = 2.0


#: Whether a value of one dtype and shape may be an update of a base of another.
Accepts = Callable[[TensorSpec, TensorSpec], bool]


@dataclass(frozen=True, slots=True)
class BaseCandidate:
    """A stored value that another may be an update of.

    Attributes:
        base: The value; reading it raises CorruptError for damaged objects.
        source: How the value is obtained.
        at_limit: Whether the source's chain has as many updates as it should have at most.
    """

    base: Base
    source: Source
    at_limit: bool = False


@dataclass(frozen=True, slots=True)
class NewParameter:
    """Name and type of a parameter of a file that is being added."""

    name: str
    spec: TensorSpec


def match_parameters(
    wanted: Iterable[NewParameter], manifest: Manifest, accepts: Accepts
) -> dict[str, Entry]:
    """The entry of a manifest that each parameter probably comes from, by the parameter's name.

    An equal name decides, if the type is equal or accepted. A model may have been wrapped or renamed since:
    otherwise, of the unmatched entries of equal dtype and shape, the one that shares the longest suffix of
    the name's words is taken, and of several such the first in the manifest's order. Parameters without a
    counterpart are left out.

    Args:
        wanted: Parameters of the new file.
        manifest: An earlier version of the file, or a related checkpoint.
        accepts: Tells whether an entry of the same name but of another type will do.
    """
    found: dict[str, Entry] = {}
    others = []
    for item in wanted:
        entry = manifest.by_name.get(item.name)
        if entry and (entry.spec == item.spec or accepts(item.spec, entry.spec)):
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


def byte_overlap(wanted: Sequence[NewParameter], manifest: Manifest) -> float:
    """The share of the parameters' bytes whose dtype and shape occur in the manifest too, from 0 to 1."""
    shared = sum(
        spec.nbytes * min(count, manifest.spec_counts[spec])
        for spec, count in Counter(item.spec for item in wanted).items()
    )
    return shared / max(1, sum(item.spec.nbytes for item in wanted))


def usable_bases(source: Source, nbytes: int, depth: int, size_of: SizeOf) -> list[tuple[Source, bool]]:
    """The sources that an update may apply to, each with a flag: whether the chain is at its depth limit.

    These are the base itself, or the nearest link of its chain that may be extended, and the root of the
    chain. The root keeps chains short. A base at the depth limit is for updates that are much cheaper
    there than on the root, such as an adapter that was merged into a fine-tuned model.

    Args:
        source: Source of the base.
        nbytes: Size of the base's value.
        depth: Number of updates that a chain should have at most, the dense root included.
        size_of: Gives the size of an object in bytes.
    """
    if depth < 2:
        return []
    nearest = source
    while nearest.inputs and (
        nearest.depth >= DEPTH_FACTOR * depth
        or payload_bytes(nearest.payloads(), size_of) > _MAX_ENCODED_RATIO * nbytes
    ):
        nearest = nearest.inputs[0]
    root = nearest
    while root.inputs:
        root = root.inputs[0]
    return [(link, link.depth >= depth) for link in dict.fromkeys((nearest, root))]


def candidate_from(entry: Entry, source: Source, store: Store, at_limit: bool = False) -> BaseCandidate:
    """The candidate that an entry is, or the root of its chain if `source` is that.

    Reading it fails with a CorruptError rather than give unchecked bytes: an update of damaged bytes would
    be lost once they're repaired.
    """
    if source == entry.source:
        base = Base(entry.spec, lambda _nbytes: read_value(entry, store))
    else:
        base = Base(entry.spec, partial(decode_verified, source, store))
    return BaseCandidate(base, source, at_limit)


def _by_spec(items: Iterable[NewParameter]) -> dict[TensorSpec, list[NewParameter]]:
    groups: dict[TensorSpec, list[NewParameter]] = defaultdict(list)
    for item in items:
        groups[item.spec].append(item)
    return groups


def _by_suffix(items: list[NewParameter], free: list[Entry]) -> dict[str, Entry]:
    """Pairs of items and entries of one type whose names share a suffix of words, longest suffixes first."""
    # A short match never takes the entry of a longer one.
    pairs = pair_by_end(
        [_words(item.name) for item in items], [_words(entry.name) for entry in free], least=1
    )
    return {items[at].name: free[other] for at, other in pairs}


def _words(name: str) -> list[str]:
    return _SEPARATORS.split(name)
