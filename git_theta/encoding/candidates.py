"""Candidate bases: the earlier parameter that a changed one may be an update of."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from git_theta.encoding.choice import BaseSource
from git_theta.encoding.decode import decode_verified, read_value
from git_theta.encoding.kept_input import KeptInput
from git_theta.encoding.stored_input import StoredInput
from git_theta.model.manifest import Entry, Manifest, Source
from git_theta.model.name_pairs import pair_by_end
from git_theta.model.sizes import SizeOf, source_bytes
from git_theta.model.tensor import TensorSpec
from git_theta.settings import DEPTH_FACTOR
from git_theta.store.base import Store
from git_theta.updates import RESHAPING
from git_theta.updates.base import Base, Input, Pieces

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
        source: How the value is obtained: a stored one, one of the same file, or one made of stored values.
        at_limit: Whether the source's chain has as many updates as it should have at most.
        begins_chain: Whether it's the first link of the chain of the candidate before it: they're much alike.
        distant: Whether sampled elements all over it have nothing in common with those of the new value.
    """

    base: Base
    source: BaseSource
    at_limit: bool = False
    begins_chain: bool = False
    distant: bool = False


@dataclass(frozen=True, slots=True)
class NewParameter:
    """Name and type of a parameter of a file that is being added."""

    name: str
    spec: TensorSpec


def match_parameters(
    wanted: Iterable[NewParameter], manifest: Manifest, accepts: Accepts
) -> dict[str, Entry]:
    """The entry of a manifest that each parameter probably comes from, by the parameter's name.

    An equal name decides, if the type is equal, reshaped, or accepted. A model may have been wrapped or
    renamed since: otherwise, of the unmatched entries of equal dtype and shape, the one that shares the
    longest suffix of the name's words is taken, and of several such the first in the manifest's order. Then
    entries of an accepted dtype and equal shape are matched likewise. Parameters without a counterpart are
    left out.

    Args:
        wanted: Parameters of the new file.
        manifest: An earlier version of the file, or a related checkpoint.
        accepts: Tells whether an entry of another type will do.
    """

    def fits(spec: TensorSpec, base: TensorSpec) -> bool:
        spec, base = spec.as_bytes, base.as_bytes
        return base.is_reshaped(spec) or accepts(spec, base)

    found: dict[str, Entry] = {}
    others = []
    for item in wanted:
        entry = manifest.by_name.get(item.name)
        if entry and fits(item.spec, entry.spec):
            found[item.name] = entry
        else:
            others.append(item)
    # Names of equal types first: a model may have both a master copy and one of another dtype.
    for kind in (_dtype_and_shape, _shape_alone):
        if others:
            taken = {entry.name for entry in found.values()}
            free = [entry for entry in manifest.entries if entry.name not in taken]
            found.update(_by_suffix(others, free, kind, fits))
            others = [item for item in others if item.name not in found]
    return found


def byte_overlap(wanted: Sequence[NewParameter], manifest: Manifest) -> float:
    """The share of the parameters' bytes whose shape occurs in the manifest too, from 0 to 1."""
    shared, seen = 0, Counter[tuple[int, ...]]()
    for item in wanted:
        shape = item.spec.shape
        seen[shape] += 1
        if seen[shape] <= manifest.shape_counts[shape]:
            shared += item.spec.nbytes
    return shared / max(1, sum(item.spec.nbytes for item in wanted))


def usable_bases(source: Source, nbytes: int, depth: int, size_of: SizeOf) -> list[tuple[Source, bool]]:
    """The sources that an update may apply to, each with a flag: whether the chain is at its depth limit.

    These are the base itself, or the nearest link of its chain that may be extended, and the root of the
    chain: its first link of the same dtype and shape. The root keeps chains short. A base at the depth limit
    is for updates that are much cheaper there than on the root, such as an adapter that was merged into a
    fine-tuned model.

    Args:
        source: Source of the base.
        nbytes: Size of the base's value.
        depth: Number of updates that a chain should have at most, the dense root included.
        size_of: Gives the size of an object in bytes.
    """
    if depth < 2:
        return []
    nearest = source
    while _has_base(nearest) and (
        nearest.depth >= DEPTH_FACTOR * depth or _is_dear(nearest, nbytes, size_of)
    ):
        nearest = nearest.inputs[0]
    root = nearest
    while _has_base(root):
        root = root.inputs[0]
    links = (nearest,) if root is nearest else (nearest, root)
    depths = ((link, link.depth) for link in links)
    return [
        (link, links_below >= depth) for link, links_below in depths if links_below < DEPTH_FACTOR * depth
    ]


def _is_dear(source: Source, nbytes: int, size_of: SizeOf) -> bool:
    """Whether the payloads of a chain have so many bytes that it isn't extended."""
    sources = [*source.sources()]
    # Of a bundle, a value counts its own size at most.
    if len(sources) <= _MAX_ENCODED_RATIO and all(one.place is not None for one in sources):
        return False
    return source_bytes(source, nbytes, size_of) > _MAX_ENCODED_RATIO * nbytes


def _has_base(source: Source) -> bool:
    """Whether a source applies to a value of the same dtype and shape."""
    return bool(source.inputs) and source.update not in RESHAPING


def candidate_from(store: Store, entry: Entry, source: Source, at_limit: bool = False) -> BaseCandidate:
    """The candidate that an entry is, or the root of its chain if `source` is that.

    Reading it fails with a CorruptError rather than give unchecked bytes: an update of damaged bytes would
    be lost once they're repaired.
    """
    if source == entry.source:
        whole: Input = partial(_whole_value, entry, store)
    else:
        whole = partial(decode_verified, source, store)
    base = Base(entry.spec.as_bytes, StoredInput(source, store, KeptInput(whole), verified=True))
    return BaseCandidate(base, source, at_limit)


def _whole_value(entry: Entry, store: Store, _nbytes: int) -> Pieces:
    return read_value(entry, store)


def _dtype_and_shape(spec: TensorSpec) -> Hashable:
    return spec


def _shape_alone(spec: TensorSpec) -> Hashable:
    return spec.shape


def _by_suffix(
    wanted: Sequence[NewParameter],
    free: Iterable[Entry],
    kind: Callable[[TensorSpec], Hashable],
    fits: Accepts,
) -> dict[str, Entry]:
    """Pairs of parameters and entries of one kind whose names share a suffix of words, longest first."""
    groups: dict[Hashable, tuple[list[NewParameter], list[Entry]]] = defaultdict(lambda: ([], []))
    for item in wanted:
        groups[kind(item.spec)][0].append(item)
    for entry in free:
        if kind(entry.spec) in groups:
            groups[kind(entry.spec)][1].append(entry)
    found = {}
    for items, entries in groups.values():
        # A short match never takes the entry of a longer one.
        pairs = pair_by_end(
            [_words(item.name) for item in items], [_words(entry.name) for entry in entries], least=1
        )
        for at, other in pairs:
            if fits(items[at].spec, entries[other].spec):
                found[items[at].name] = entries[other]
    return found


def _words(name: str) -> list[str]:
    return _SEPARATORS.split(name)
