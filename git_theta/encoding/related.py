"""Nearest: for a new file, the checkpoints here that it was probably made from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from git_theta.encoding.candidates import Named, match, overlap
from git_theta.encoding.selection import base_of, likeness
from git_theta.model.manifest import Manifest
from git_theta.store.base import Store

#: Gives the logical bytes of a parameter of the new file.
ValueOf = Callable[[str], memoryview]

#: At least this share of the bytes must have a counterpart.
_OVERLAP = 0.5

#: So many checkpoints are compared by value, on so many parameters.
_COMPARED = 6
_PARAMETERS = 3

#: Parameters of these sizes are compared, if there are any: large enough to tell, cheap to read.
_TELLING = range(16 << 10, 16 << 20)

#: A checkpoint is related if its deltas are expected to cost at most this share of dense values.
_RELATED = 0.95

#: Where the first parameter costs as much as this, the others aren't looked at.
_STRANGE = 0.99


def nearest(
    wanted: Sequence[Named], value_of: ValueOf, candidates: Iterable[Manifest], store: Store, count: int = 2
) -> list[Manifest]:
    """The most closely related of some checkpoints, the closest first; none if none is.

    Shapes and names choose what is compared, sampled values decide: models of one architecture that were
    trained independently have nothing in common.
    """
    shares = [(overlap(wanted, manifest), manifest) for manifest in candidates]
    promising = sorted((pair for pair in shares if pair[0] >= _OVERLAP), key=lambda pair: -pair[0])
    costs = []
    for share, manifest in promising[:_COMPARED]:
        cost = _cost(wanted, value_of, manifest, store)
        if cost <= _RELATED:
            costs.append((cost / share, manifest))
    return [manifest for _, manifest in sorted(costs, key=lambda pair: pair[0])[:count]]


def _cost(wanted: Sequence[Named], value_of: ValueOf, manifest: Manifest, store: Store) -> float:
    """The mean likeness of some parameters, spread over the file; of the first, if that has none."""
    matched = match(wanted, manifest)
    same = [item for item in wanted if item.name in matched and matched[item.name].spec == item.spec]
    telling = [item for item in same if item.spec.nbytes in _TELLING] or same
    picked = telling[:: max(1, len(telling) // _PARAMETERS)][:_PARAMETERS]
    if not picked:
        return 1.0
    found: list[float] = []
    for item in picked:
        entry = matched[item.name]
        found.append(likeness(value_of(item.name), item.spec, base_of(entry, entry.source, store)))
        if found[0] >= _STRANGE:
            break
    return sum(found) / len(found)
