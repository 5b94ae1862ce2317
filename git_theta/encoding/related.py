"""Related checkpoints: those of a repository that a new file was probably made from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from git_theta.encoding.candidates import (
    Accepts,
    NewParameter,
    byte_overlap,
    candidate_from,
    match_parameters,
)
from git_theta.encoding.samples import first_difference
from git_theta.encoding.shards import group_shards, join_shards
from git_theta.errors import CorruptError, MissingObjectError, PluginError
from git_theta.model.manifest import Manifest
from git_theta.model.tensor import TensorSpec
from git_theta.store.base import Store
from git_theta.updates.base import Base
from git_theta.updates.cast import Cast, cast_to
from git_theta.updates.delta import Delta
from git_theta.updates.dense import Dense

#: Gives the logical bytes of a parameter of the new file, by name.
ValueOf = Callable[[str], memoryview]

#: The least share of the bytes of a file, or of a smaller checkpoint, that have parameters of equal shape in
#: both; and the least share of the file's bytes.
_MIN_OVERLAP = 0.5
_MIN_SHARE = 1 / 64

#: How many bytes the checkpoints that are compared may have bases for, as a multiple of the file's; and
#: the number of parameters that are compared in each.
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
    count: int = 4,
) -> list[Manifest]:
    """The most closely related checkpoints, the closest first; empty if all are unrelated.

    Names and shapes only choose the parameters to compare; sampled values decide, as models of one
    architecture that were trained independently have no values in common. Shards are joined, as the file may
    be made from all of them.

    Args:
        wanted: Parameters of the new file.
        value_of: Gives their values.
        candidates: Checkpoints to choose from.
        store: Where the checkpoints' objects are.
        accepts: As for `match_parameters`.
        count: Number of checkpoints to return at most.
    """
    total = sum(item.spec.nbytes for item in wanted)
    shares = [(byte_overlap(wanted, manifest), manifest) for manifest in candidates]
    promising = [pair for pair in shares if pair[0] >= max(_MIN_SHARE, _MIN_OVERLAP * _size(pair[1], total))]
    related, compared = [], 0.0
    for share, manifest in sorted(promising, key=lambda pair: -pair[0]):
        cost = _cost(wanted, value_of, manifest, store, accepts)
        if cost <= _RELATED_COST:
            related.append(_Related(manifest, share, cost))
        compared += share
        if compared >= _MAX_COMPARED:
            break
    return [join_shards(model) for model in _by_model(related)[:count]]


@dataclass(frozen=True, slots=True)
class _Related:
    """A checkpoint that is related to a file.

    Attributes:
        manifest: The checkpoint.
        share: The share of the file's bytes that it may have bases for, from 0 to 1.
        cost: The expected size of deltas from it, as a share of dense values.
    """

    manifest: Manifest
    share: float
    cost: float


def _by_model(related: Sequence[_Related]) -> list[list[Manifest]]:
    """Related checkpoints by the model that they're shards of, the model with the closest first."""
    found = {id(each.manifest): each for each in sorted(related, key=lambda each: each.cost)}

    def cost(model: Sequence[Manifest]) -> float:
        shards = [found[id(shard)] for shard in model]
        share = sum(shard.share for shard in shards)
        return sum(shard.cost * shard.share for shard in shards) / share / min(1, share)

    return sorted(group_shards(each.manifest for each in found.values()), key=cost)


def _size(manifest: Manifest, total: int) -> float:
    """The size of a checkpoint's parameters as a share of those of a file, at most 1.

    Args:
        manifest: The checkpoint.
        total: Bytes of the file's parameters.
    """
    return min(1.0, sum(entry.spec.nbytes for entry in manifest.entries) / max(total, 1))


def _cost(
    wanted: Sequence[NewParameter], value_of: ValueOf, manifest: Manifest, store: Store, accepts: Accepts
) -> float:
    """The mean relative cost of deltas on a few parameters all over the file; 1 if none can be compared."""
    matched = match_parameters(wanted, manifest, accepts)
    found = [item for item in wanted if item.name in matched]
    alike = [item for item in found if _is_comparable(item.spec, matched[item.name].spec)]
    suitable = [item for item in alike if item.spec.nbytes in _COMPARED_SIZES] or alike
    picked = suitable[:: max(1, len(suitable) // _COMPARED_PARAMETERS)][:_COMPARED_PARAMETERS]
    if not picked:
        return 1.0
    costs: list[float] = []
    for item in picked:
        entry = matched[item.name]
        spec = item.spec.as_bytes
        base = cast_to(candidate_from(store, entry, entry.source).base, spec.dtype)
        costs.append(_relative_delta_cost(value_of(item.name), spec, base))
        if costs[0] >= _UNRELATED_COST:
            break
    return sum(costs) / len(costs)


def _relative_delta_cost(value: memoryview, spec: TensorSpec, base: Base) -> float:
    """The expected size of a value as a delta of a base, as a share of its dense size; at most 1."""
    try:
        sample = first_difference(value, spec, base)
    except (CorruptError, MissingObjectError, PluginError):
        return 1.0
    if sample is None:
        return 0.0
    return min(1.0, Delta().estimate(sample) / Dense().share(sample))


def _is_comparable(spec: TensorSpec, base: TensorSpec) -> bool:
    """Whether deltas from a base of that type tell, itself or cast."""
    return base.is_reshaped(spec) or Cast().accepts(spec, base)
