"""Estimates: the updates that are expected to pay on a base of the value's form, by samples of both."""

from __future__ import annotations

from collections.abc import Container
from functools import partial
from typing import NamedTuple

from git_theta import updates
from git_theta.encoding.choice import BaseSource, EncodingChoice, known_payload
from git_theta.encoding.samples import Samples
from git_theta.encoding.target import MAX_COST, Target
from git_theta.errors import PluginError
from git_theta.updates.base import ENOUGH, Automatic, Base, Sample, is_automatic
from git_theta.updates.delta import Delta
from git_theta.updates.dense import Dense
from git_theta.updates.sparse import Sparse
from git_theta.updates.stretches import may_be_near

#: Updates by the steps from a base, which are shorter than the value where some elements are near.
STEPWISE = frozenset({Delta.name, Sparse.name})


class Estimate(NamedTuple):
    """An update that is expected to pay.

    Attributes:
        cost: The expected share of the value's bytes.
        update: The update.
        payload: The payload, where the trial was of the whole value.
    """

    cost: float
    update: Automatic
    payload: bytes | None

    def choice(self, target: Target, base: Base, source: BaseSource) -> EncodingChoice:
        """The choice of the update on the base that it was estimated for."""
        if self.payload is None:
            payload = partial(target.encoded, self.update, base)
        else:
            payload = partial(known_payload, self.payload)
        return EncodingChoice(self.update.name, payload, (source,))


class _Trial(NamedTuple):
    """An update of a sample.

    Attributes:
        cost: Its size as a share of the sample's bytes.
        payload: The payload, if the sample is the whole value.
    """

    cost: float
    payload: bytes | None = None


def estimates(target: Target, samples: Samples, skipped: Container[str] = ()) -> list[Estimate]:
    """The updates that are expected to pay.

    Args:
        target: The value.
        samples: Samples of it and of a base.
        skipped: Names of updates that aren't tried.
    """
    near = is_partly_near(samples)
    found: list[Estimate] = []
    dense: list[float] = []
    for update in filter(is_automatic, target.updates):
        if update.name in skipped or (update.name in STEPWISE and not near):
            continue
        try:
            with updates.registry().guard(update.name):
                trials = [_tried(target, update, sample) for sample in samples.samples]
        except PluginError as error:
            target.failed(error)
            continue
        if all(trial is None for trial in trials):
            continue
        dense = dense or [_dense_share(target, sample) for sample in samples.samples]
        # Where an update doesn't suit, it takes as much as a dense value at least.
        costs = [
            whole if trial is None else min(trial.cost, whole)
            for trial, whole in zip(trials, dense, strict=True)
        ]
        if samples.share * sum(costs) < MAX_COST * sum(dense):
            payload = trials[0].payload if trials[0] else None
            found.append(Estimate(samples.share * sum(costs) / len(costs), update, payload))
    return found


def is_partly_near(samples: Samples) -> bool:
    """Whether some elements of a value may be equal to those of a base, or near."""
    return samples.share < 1 or any(
        may_be_near(sample.value, sample.base, sample.spec) for sample in samples.samples
    )


def _dense_share(target: Target, sample: Sample) -> float:
    return target.dense_share if sample.whole else Dense().share(sample)


def _tried(target: Target, update: Automatic, sample: Sample) -> _Trial | None:
    """An update of a sample; `None` if it's unsuitable."""
    if update.name == Delta.name and sample.whole and len(sample.value) <= ENOUGH:
        # A trial would encode all of the value, and be thrown away.
        base = Base(target.spec, lambda _nbytes: iter((sample.base.data.cast("B"),)))
        payload = b"".join(map(bytes, update.encode(target.value, target.spec, base)))
        return _Trial(len(payload) / target.spec.nbytes, payload)
    estimate = update.estimate(sample)
    return None if estimate is None else _Trial(estimate)
