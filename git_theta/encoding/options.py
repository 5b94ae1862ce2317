"""Options: the ways to store a value on one base, each with its expected size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from git_theta import updates
from git_theta.encoding.allowed_updates import accepts_base
from git_theta.encoding.candidates import BaseCandidate
from git_theta.encoding.choice import BaseSource, EncodingChoice
from git_theta.encoding.estimates import estimates, is_partly_near
from git_theta.encoding.other_form import GOOD, on_derived, on_other_form
from git_theta.encoding.samples import BaseComparison, Samples
from git_theta.encoding.target import Option, Target
from git_theta.errors import CorruptError, MissingObjectError, PluginError
from git_theta.model.manifest import Source
from git_theta.model.tensor import is_bytes
from git_theta.updates.base import Base, UnsuitableError, is_patching
from git_theta.updates.delta import Delta
from git_theta.updates.gather import SMALLEST_VALUE, Gather
from git_theta.updates.moved_slices import may_have_moved

#: Slices are looked for in other places unless an update costs at most this share of the dense payload.
_WORTH_MOVING = 0.7

#: Factor for the cost of an update on a base whose chain is at its depth limit.
_DEPTH_PENALTY = 2.0

#: Where an update is expected to need less than this share of the bytes, stretches at other places aren't
#: looked for.
_CHEAP = 0.01

#: Mean bits of a step by which a base may be further away than another one, and a delta of it no longer.
_AS_NEAR = 0.1


def options_on(
    target: Target, candidate: BaseCandidate, comparison: BaseComparison, nearest: float = float("inf")
) -> Iterator[Option]:
    """The ways to store a value on a candidate that are expected to pay; none if it can't be read.

    Args:
        target: The value.
        candidate: The base, and how it's obtained.
        comparison: The value beside that base.
        nearest: Mean bits of the steps from another base that the value may be a delta of.
    """
    base, source, spec = candidate.base, candidate.source, target.spec
    factor = _DEPTH_PENALTY if candidate.at_limit else 1
    if isinstance(source, EncodingChoice):
        options = on_derived(target, base, source)
    elif is_bytes(spec) and is_bytes(base.spec):
        options = _on_bytes(target, base, source, comparison)
    elif base.spec.is_reshaped(spec):
        options = _on_same_form(target, source, comparison, nearest)
    else:
        options = on_other_form(target, base, source)
    try:
        for cost, choice in options:
            yield Option(cost * factor, choice)
    except (CorruptError, MissingObjectError, PluginError, UnsuitableError):
        return


def _on_same_form(
    target: Target, source: BaseSource, comparison: BaseComparison, nearest: float
) -> Iterator[Option]:
    """Options on a base as it is; if none is good, also those with its slices in other places."""
    if comparison.first is None:
        return
    found = list(_in_place(target, source, comparison, nearest))
    yield from found
    best = min((option.cost for option in found), default=1.0)
    spec = target.spec
    if comparison.base.spec != spec or best <= GOOD:
        return
    movers = {update.name for update in target.updates if accepts_base(update, spec, spec)}
    if not movers or (movers == {Gather.name} and spec.nbytes < SMALLEST_VALUE):
        return
    if found and best <= _WORTH_MOVING * target.dense_share:
        return
    if not comparison.is_near_throughout():
        moved = may_have_moved(target.value, comparison.all_over.samples)
        allowed = [each for each in target.updates if moved or each.name != Gather.name]
        yield from on_other_form(replace(target, updates=allowed), comparison.base, source)


def _in_place(
    target: Target, source: BaseSource, comparison: BaseComparison, nearest: float = float("inf")
) -> Iterator[Option]:
    """Options on a base of the value's dtype and number of elements, which differs from it."""
    sample = comparison.first
    if sample is None:
        return
    skipped = (Delta.name,) if comparison.bits > nearest + _AS_NEAR else ()
    found = estimates(target, Samples((sample,), 1.0), skipped)
    if not found and not sample.whole:
        # A large value may have been replaced in part, and the first difference is in that part.
        samples = comparison.all_over
        if is_partly_near(samples):
            found = estimates(target, samples, skipped)
    for estimate in found:
        yield Option(estimate.cost, estimate.choice(target, comparison.decoded_base, source))


def _on_bytes(target: Target, base: Base, source: BaseSource, comparison: BaseComparison) -> Iterator[Option]:
    """Options for bytes without a shape on a base of any size."""
    from git_theta.encoding.archives import expanded_choice
    from git_theta.updates.patch import Patch

    if base.spec == target.spec:
        found = list(_in_place(target, source, comparison))
        yield from found
        if any(option.cost < _CHEAP for option in found):
            return
    for update in filter(is_patching, target.updates):
        try:
            with updates.registry().guard(update.name):
                if not update.accepts(target.spec, base.spec):
                    continue
                prepared = update.prepare(target.value, target.spec, base)
        except PluginError as error:
            target.failed(error)
            continue
        if prepared.cost < target.limit:
            yield Option(prepared.cost, EncodingChoice(update.name, prepared.payload, (source,)))
        if prepared.cost >= _CHEAP and update.name == Patch.name and isinstance(source, Source):
            expanded = expanded_choice(target.value, target.spec, base, source)
            if expanded and expanded[0] < target.limit:
                yield Option(*expanded)
