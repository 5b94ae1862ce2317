"""Related checkpoints: those of a repository that a new file was probably made from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from git_theta.encoding.candidates import (
    Accepts,
    NewParameter,
    byte_overlap,
    candidate_from,
    match_parameters,
)
from git_theta.encoding.selection import relative_delta_cost
from git_theta.model.manifest import Manifest
from git_theta.store.base import Store
from git_theta.updates.cast import cast_to

#: Gives the logical bytes of a parameter of the new file, by name.
ValueOf = Callable[[str], memoryview]

#: The least share of a file's bytes that a checkpoint must have parameters of equal shape for.
_MIN_OVERLAP = 0.5

#: Number of checkpoints that are compared by value, and of parameters that are compared in each.
_MAX_COMPARED = 6
_COMPARED_PARAMETERS = 3

#: Sizes in bytes of the parameters that are compared, if there are any: representative, and cheap to read.
_COMPARED_SIZES = range(16 << 10, 16 << 20)

#: A checkpoint is related if deltas from it are expected to cost at most this share of dense values.
_RELATED_COST = 0.95

#: From this cost of the first parameter on, the others aren't compared.
_UNRELATED_COST = 0.99


def related_checkpoints(
    wanted: Sequence[NewParameter],
    value_of: ValueOf,
    candidates: Iterable[Manifest],
    store: Store,
    accepts: Accepts,
    count: int = 2,
) -> list[Manifest]:
    """The most closely related checkpoints, the closest first; empty if all are unrelated.

    Names and shapes only choose the parameters to compare; sampled values decide, as models of one
    architecture that were trained independently have no values in common.

    Args:
        wanted: Parameters of the new file.
        value_of: Gives their values.
        candidates: Checkpoints to choose from.
        store: Where the checkpoints' objects are.
        accepts: As for `match_parameters`.
        count: Number of checkpoints to return at most.
    """
    shares = [(byte_overlap(wanted, manifest), manifest) for manifest in candidates]
    promising = sorted((pair for pair in shares if pair[0] >= _MIN_OVERLAP), key=lambda pair: -pair[0])
    costs = []
    for share, manifest in promising[:_MAX_COMPARED]:
        cost = _cost(wanted, value_of, manifest, store, accepts)
        if cost <= _RELATED_COST:
            costs.append((cost / share, manifest))
    return [manifest for _, manifest in sorted(costs, key=lambda pair: pair[0])[:count]]


def _cost(
    wanted: Sequence[NewParameter], value_of: ValueOf, manifest: Manifest, store: Store, accepts: Accepts
) -> float:
    """The mean relative cost of deltas on a few parameters all over the file; 1 if none can be compared."""
    matched = match_parameters(wanted, manifest, accepts)
    same = [
        item for item in wanted if item.name in matched and matched[item.name].spec.is_reshaped(item.spec)
    ]
    suitable = [item for item in same if item.spec.nbytes in _COMPARED_SIZES] or same
    picked = suitable[:: max(1, len(suitable) // _COMPARED_PARAMETERS)][:_COMPARED_PARAMETERS]
    if not picked:
        return 1.0
    costs: list[float] = []
    for item in picked:
        entry = matched[item.name]
        base = cast_to(candidate_from(entry, entry.source, store).base, item.spec.dtype)
        costs.append(relative_delta_cost(value_of(item.name), item.spec, base))
        if costs[0] >= _UNRELATED_COST:
            break
    return sum(costs) / len(costs)
