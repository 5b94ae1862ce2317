"""Selection: the cheapest way to store a changed value, given the values that it may come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from git_theta.encoding.allowed_updates import OnFailure, accepts_base, load_updates
from git_theta.encoding.candidates import BaseCandidate
from git_theta.encoding.choice import EncodingChoice
from git_theta.encoding.decode import decode_verified
from git_theta.encoding.options import options_on
from git_theta.encoding.other_form import GOOD
from git_theta.encoding.samples import BaseComparison
from git_theta.encoding.target import Option, Target
from git_theta.errors import PluginError
from git_theta.model.manifest import Source
from git_theta.model.tensor import TensorSpec, is_bytes
from git_theta.store.base import Store
from git_theta.updates.base import Base, Payload, UnsuitableError, is_automatic
from git_theta.updates.delta import Delta
from git_theta.updates.dense import Dense

#: Values are looked for in another form unless a candidate costs at most `GOOD`, or this share of the dense
#: payload: strangers of one distribution may save a tenth.
_WORTH_DERIVING = 0.85

#: Bytes of the smallest value that is compared with the first version where it's a delta of the last one. Of
#: smaller ones, an adapter that is merged into the first version again saves little.
_COMPARED_AGAIN = 1 << 16

#: A value that costs at most this share of its bytes isn't computed from several others.
_NEARLY_EQUAL = 0.02

#: Bytes that an update gives for less than this share aren't looked for in other candidates, which are read
#: as a whole.
_NEARLY_NOTHING = 0.002

#: A payload below this share of the value's bytes isn't compared with the dense one.
_UNSUSPICIOUS = 0.25

#: The size of the dense payload is known about as exactly as this.
_TOLERANCE = 1.02

#: Bytes of a payload that may be a header.
_LONGEST_HEADER = 256

#: The size, in bytes, up to which a value is dense. The manifest names the base's object in 64 hexadecimal
#: digits: an update can't save as much.
_NEVER_SMALLER = 64


def dense_choice(value: memoryview, spec: TensorSpec) -> EncodingChoice:
    """The choice that is always possible."""
    return EncodingChoice(Dense.name, partial(Dense().encode, value, spec.as_bytes))


def repeated_choice(
    value: memoryview, spec: TensorSpec, lost: Source, store: Store, base: Base | None = None
) -> EncodingChoice | None:
    """The choice that a source came from; `None` if value and base don't determine its payload.

    Args:
        value: Logical bytes.
        spec: Dtype and shape.
        lost: The source.
        store: Where the base is.
        base: The base, if it's at hand; its dtype and shape may be others.
    """
    try:
        (update,) = load_updates((lost.update,))
    except PluginError:
        return None
    if len(lost.inputs) != 1:
        return None
    spec = spec.as_bytes
    known = base or Base(spec, partial(decode_verified, lost.inputs[0], store))
    if is_automatic(update) or (base and accepts_base(update, spec, base.spec)):
        target = Target(value, spec, (update,), lambda _error: None)
        return EncodingChoice(lost.update, partial(target.encoded, update, known), lost.inputs)
    return None


def choices(
    value: memoryview,
    spec: TensorSpec,
    candidates: Iterable[BaseCandidate],
    names: Sequence[str],
    failed: OnFailure = lambda _error: None,
    derived: Callable[[], Iterable[BaseCandidate]] = tuple,
    mixed: Callable[[], Iterable[BaseCandidate]] = tuple,
) -> Iterator[EncodingChoice]:
    """Ways to store a value, the cheapest by estimate first; the last is dense.

    Dense is the only way for the smallest values.

    Args:
        value: Logical bytes: C-contiguous, little-endian.
        spec: Dtype and shape.
        candidates: Values that it may be an update of; a lazy iterable isn't read for the smallest values.
        names: Updates that may be chosen.
        failed: Called for each update of a package that fails; other updates are tried nevertheless.
        derived: Gives values that are stored ones in another form; asked if no candidate saves much.
        mixed: Gives values that are computed from several stored ones; asked unless one is nearly equal.
    """
    spec = spec.as_bytes
    if spec.nbytes > _NEVER_SMALLER:
        target = Target(value, spec, tuple(load_updates(names)), failed)
        found = _on_stored(target, candidates)
        if all(option.cost > _NEARLY_EQUAL for option in found):
            found += _on_made(target, mixed())
        least = min((option.cost for option in found), default=None)
        if least is None or (least > GOOD and least > _WORTH_DERIVING * target.dense_share):
            found += _on_made(target, derived())
        for _, choice in sorted(found, key=lambda option: option.cost):
            yield replace(choice, payload=partial(_shorter_than_dense, choice.payload, target))
    yield dense_choice(value, spec)


def _on_stored(target: Target, candidates: Iterable[BaseCandidate]) -> list[Option]:
    """Options on stored values, in the order of these."""
    found: list[Option] = []
    options: list[Option] = []
    nearest = float("inf")
    steps = any(update.name == Delta.name for update in target.updates)
    for candidate in candidates:
        if is_bytes(target.spec) and any(option.cost < _NEARLY_NOTHING for option in found):
            break
        # A value that isn't even a delta of a version has nothing of the first one, either.
        enough = not options or (nearest < float("inf") and target.spec.nbytes < _COMPARED_AGAIN)
        if candidate.begins_chain and steps and enough:
            continue
        comparison = BaseComparison(target.value, target.spec, candidate.base, candidate.distant)
        options = list(options_on(target, candidate, comparison, nearest))
        found += options
        is_delta = any(option.choice.update == Delta.name for option in options)
        if is_delta and candidate.base.spec.is_reshaped(target.spec) and not candidate.at_limit:
            nearest = min(nearest, comparison.bits)
    return found


def _on_made(target: Target, candidates: Iterable[BaseCandidate]) -> Iterator[Option]:
    """Options on values that are made of stored ones."""
    for candidate in candidates:
        yield from options_on(target, candidate, BaseComparison(target.value, target.spec, candidate.base))


def _shorter_than_dense(payload: Callable[[], Payload], target: Target) -> Payload:
    """A payload that ends in an `UnsuitableError` once it's longer than the dense one would be."""
    nbytes = target.spec.nbytes
    size, most = 0, _UNSUSPICIOUS * nbytes
    checked = False
    for piece in payload():
        size += len(piece)
        if size > most and not checked:
            most = max(most, _TOLERANCE * target.dense_share * nbytes)
            checked = True
        if size > most + _LONGEST_HEADER:
            raise UnsuitableError
        yield piece
