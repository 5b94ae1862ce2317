"""Selection: the cheapest way to store a changed value, given the values that it may come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial

from git_theta import updates
from git_theta.encoding.allowed_updates import OnFailure, accepts_base, load_updates
from git_theta.encoding.archives import expanded_choice
from git_theta.encoding.candidates import BaseCandidate
from git_theta.encoding.choice import EncodingChoice
from git_theta.encoding.decode import decode_verified
from git_theta.encoding.samples import Samples, first_difference, samples_all_over
from git_theta.encoding.stored_value import UnpackedSource
from git_theta.errors import CorruptError, MissingObjectError, PluginError
from git_theta.model.manifest import Source
from git_theta.model.tensor import TensorSpec, is_bytes
from git_theta.store.base import Store
from git_theta.updates.base import (
    Automatic,
    Base,
    Payload,
    Pieces,
    Reshaping,
    Sample,
    UnsuitableError,
    Update,
    is_automatic,
    is_patching,
)
from git_theta.updates.delta import Delta
from git_theta.updates.dense import Dense
from git_theta.updates.patch import Patch
from git_theta.updates.stretches import is_near_throughout, may_be_near

#: An update must be expected to need at most this share of the dense payload: a smaller gain isn't worth
#: the time to decode a chain.
_MAX_COST = 0.95

#: Values are looked for in another form unless a candidate costs at most this share of the value's bytes, or
#: of the dense payload: strangers of one distribution may save a tenth.
_GOOD, _WORTH_DERIVING = 0.3, 0.85

#: Slices are looked for in other places unless an update costs at most this share of the dense payload.
_WORTH_MOVING = 0.7

#: A value that costs at most this share of its bytes isn't computed from several others.
_NEARLY_EQUAL = 0.02

#: Factor for the cost of an update on a base whose chain is at its depth limit.
_DEPTH_PENALTY = 2.0

#: A choice with its expected share of the value's bytes.
_Option = tuple[float, EncodingChoice]

#: Where an update is expected to need less than this share of the bytes, stretches at other places aren't
#: looked for.
_CHEAP = 0.01

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
        return EncodingChoice(lost.update, partial(_encoded, update, value, spec, known), lost.inputs)
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
    found: list[tuple[float, EncodingChoice]] = []
    dense_share = cache(partial(_dense_share, value, spec))
    if spec.nbytes > _NEVER_SMALLER:
        options: list[_Option] = []
        for candidate in candidates:
            if is_bytes(spec) and any(cost < _NEARLY_NOTHING for cost, _ in found):
                break
            # A value that isn't even a delta of a version has nothing of the first one, either.
            if options or not candidate.begins_chain or Delta.name not in names:
                options = list(_on_candidate(value, spec, candidate, names, failed, dense_share))
                found += options
        if all(cost > _NEARLY_EQUAL for cost, _ in found):
            for candidate in mixed():
                found += _on_candidate(value, spec, candidate, names, failed, dense_share)
        if all(cost > _GOOD for cost, _ in found):
            limit = _WORTH_DERIVING * dense_share()
            for candidate in derived() if all(cost > limit for cost, _ in found) else ():
                found += _on_candidate(value, spec, candidate, names, failed, dense_share)
    for _, choice in sorted(found, key=lambda pair: pair[0]):
        yield replace(choice, payload=partial(_shorter_than_dense, choice.payload, spec.nbytes, dense_share))
    yield dense_choice(value, spec)


def _on_candidate(
    value: memoryview,
    spec: TensorSpec,
    candidate: BaseCandidate,
    names: Sequence[str],
    failed: OnFailure,
    dense_share: Callable[[], float],
) -> Iterator[tuple[float, EncodingChoice]]:
    """Choices on a candidate, each with its expected share of the value's bytes; none if it can't be read."""
    base, source, chosen = candidate.base, candidate.source, list(load_updates(names))
    factor = _DEPTH_PENALTY if candidate.at_limit else 1
    if isinstance(source, EncodingChoice):
        options = _derived(value, spec, base, source, chosen, failed)
    elif is_bytes(spec) and is_bytes(base.spec):
        options = _bytes(value, spec, base, source, chosen, failed)
    elif base.spec.is_reshaped(spec):
        all_over = cache(partial(samples_all_over, value, spec, base))
        options = _same_type(value, spec, base, source, chosen, failed, all_over)
        if base.spec == spec:
            moved = _other_type(value, spec, base, source, chosen, failed)
            near = partial(_is_near_throughout, spec, all_over)
            options = _or_moved(options, moved, dense_share, near)
    else:
        options = _other_type(value, spec, base, source, chosen, failed)
    try:
        for cost, choice in options:
            yield cost * factor, choice
    except (CorruptError, MissingObjectError, PluginError, UnsuitableError):
        return


def _or_moved(
    options: Iterator[_Option],
    moved: Iterator[_Option],
    dense_share: Callable[[], float],
    is_near: Callable[[], bool],
) -> Iterator[_Option]:
    """Options on a base as it is; if none is good, also those with its slices in other places."""
    found = list(options)
    yield from found
    best = min((cost for cost, _ in found), default=1.0)
    if best > _GOOD and best > _WORTH_MOVING * dense_share() and not is_near():
        yield from moved


def _is_near_throughout(spec: TensorSpec, all_over: Callable[[], Samples]) -> bool:
    """Whether a value is near its base everywhere, as after training: then nothing in it has moved."""
    return all(is_near_throughout(each.value, each.base, spec) for each in all_over().samples)


def relative_delta_cost(value: memoryview, spec: TensorSpec, base: Base) -> float:
    """The expected size of a value as a delta of a base, as a share of its dense size; at most 1."""
    try:
        sample = first_difference(value, spec, base)
    except (CorruptError, MissingObjectError, PluginError):
        return 1.0
    if sample is None:
        return 0.0
    return min(1.0, Delta().estimate(sample) / Dense().share(sample))


def _same_type(
    value: memoryview,
    spec: TensorSpec,
    base: Base,
    source: Source | UnpackedSource | EncodingChoice,
    chosen: Sequence[Update],
    failed: OnFailure,
    all_over: Callable[[], Samples] | None = None,
) -> Iterator[tuple[float, EncodingChoice]]:
    """Choices on a base of the value's dtype and shape, each with its expected share of the value's bytes.

    Args:
        value: Logical bytes.
        spec: Dtype and shape.
        base: The other value.
        source: How it's obtained.
        chosen: The updates that may be chosen.
        failed: Called for each update of a package that fails.
        all_over: Takes samples at several places; `None` to do so here.
    """
    sample = first_difference(value, spec, base)
    if sample is None:
        return
    found = _estimates(Samples((sample,), 1.0), chosen, failed)
    if not found and not sample.whole:
        # A large value may have been replaced in part, and the first difference is in that part.
        samples = all_over() if all_over else samples_all_over(value, spec, base)
        if samples.share < 1 or any(may_be_near(each.value, each.base, spec) for each in samples.samples):
            found = _estimates(samples, chosen, failed)
    for cost, update in found:
        yield cost, _on_top(update, value, spec, base, source)


def _on_top(
    update: Automatic,
    value: memoryview,
    spec: TensorSpec,
    base: Base,
    source: Source | UnpackedSource | EncodingChoice,
) -> EncodingChoice:
    """The choice of an update of a base."""
    return EncodingChoice(update.name, partial(_encoded, update, value, spec, base), (source,))


def _estimates(
    samples: Samples, chosen: Sequence[Update], failed: OnFailure
) -> list[tuple[float, Automatic]]:
    """The updates that are expected to pay, each with the expected share of the value's bytes."""
    dense = [Dense().share(sample) for sample in samples.samples]
    limit = _MAX_COST * sum(dense)
    found = []
    for update in filter(is_automatic, chosen):
        try:
            with updates.registry().guard(update.name):
                estimates = [update.estimate(sample) for sample in samples.samples]
        except PluginError as error:
            failed(error)
            continue
        if all(each is None for each in estimates):
            continue
        # Where an update doesn't suit, it takes as much as a dense value at least.
        costs = [
            whole if each is None else min(each, whole) for each, whole in zip(estimates, dense, strict=True)
        ]
        if samples.share * sum(costs) < limit:
            found.append((samples.share * sum(costs) / len(costs), update))
    return found


def _bytes(
    value: memoryview,
    spec: TensorSpec,
    base: Base,
    source: Source | UnpackedSource | EncodingChoice,
    chosen: Sequence[Update],
    failed: OnFailure,
) -> Iterator[tuple[float, EncodingChoice]]:
    """Choices for bytes without a shape on a base of any size."""
    if base.spec == spec:
        found = list(_same_type(value, spec, base, source, chosen, failed))
        yield from found
        if any(cost < _CHEAP for cost, _ in found):
            return
    for update in filter(is_patching, chosen):
        try:
            with updates.registry().guard(update.name):
                if not update.accepts(spec, base.spec):
                    continue
                prepared = update.prepare(value, spec, base)
        except PluginError as error:
            failed(error)
            continue
        if prepared.cost < _MAX_COST * _dense_share(value, spec):
            yield prepared.cost, EncodingChoice(update.name, prepared.payload, (source,))
        if prepared.cost >= _CHEAP and update.name == Patch.name and isinstance(source, Source):
            expanded = expanded_choice(value, spec, base, source)
            if expanded and expanded[0] < _MAX_COST * _dense_share(value, spec):
                yield expanded


def _other_type(
    value: memoryview,
    spec: TensorSpec,
    base: Base,
    source: Source | UnpackedSource | EncodingChoice,
    chosen: Sequence[Update],
    failed: OnFailure,
    again: bool = True,
) -> Iterator[tuple[float, EncodingChoice]]:
    """Choices on a base of another dtype or shape: an update that reshapes it, and others on top of that.

    Args:
        value: Logical bytes.
        spec: Dtype and shape.
        base: The other value.
        source: How it's obtained.
        chosen: The updates that may be chosen.
        failed: Called for each update of a package that fails.
        again: Whether the result may be reshaped once more, as a layer whose inputs and outputs are permuted.
    """
    for update in chosen:
        if not accepts_base(update, spec, base.spec):
            continue
        try:
            payload = b"".join(map(bytes, _encoded(update, value, spec, base)))
        except UnsuitableError:
            continue
        except PluginError as error:
            failed(error)
            continue
        lower = EncodingChoice(update.name, partial(_once, payload), (source,))
        reshaped = Base(spec, partial(_decoded, update, payload, base))
        found: Iterable[_Option] = _derived(value, spec, reshaped, lower, chosen, failed)
        if again and base.spec == spec:
            found = list(found) or _other_type(value, spec, reshaped, lower, chosen, failed, again=False)
        for cost, choice in found:
            yield cost, choice
            if cost <= _GOOD:
                return


def _derived(
    value: memoryview,
    spec: TensorSpec,
    base: Base,
    lower: EncodingChoice,
    chosen: Sequence[Update],
    failed: OnFailure,
) -> Iterator[tuple[float, EncodingChoice]]:
    """Choices on a base that isn't stored: the choice that gives it, and updates on top where it differs."""
    cost, limit = _payload_size(lower) / spec.nbytes, _MAX_COST * _dense_share(value, spec)
    if cost >= limit:
        return
    if first_difference(value, spec, base) is None:
        yield cost, lower
        return
    # Of rows in another order, the first may be in their old places, and the others far from them.
    for estimate, update in _estimates(samples_all_over(value, spec, base), chosen, failed):
        if cost + estimate < limit:
            yield cost + estimate, _on_top(update, value, spec, base, lower)


def _payload_size(choice: EncodingChoice) -> int:
    """Bytes of the payloads that a choice and those below it store."""
    below = sum(_payload_size(part) for part in choice.inputs if isinstance(part, EncodingChoice))
    return len(choice.payload_bytes()) + below


def _shorter_than_dense(
    payload: Callable[[], Payload], nbytes: int, dense_share: Callable[[], float]
) -> Payload:
    """A payload that ends in an `UnsuitableError` once it's longer than the dense one would be."""
    size, most = 0, _UNSUSPICIOUS * nbytes
    checked = False
    for piece in payload():
        size += len(piece)
        if size > most and not checked:
            most = max(most, _TOLERANCE * dense_share() * nbytes)
            checked = True
        if size > most + _LONGEST_HEADER:
            raise UnsuitableError
        yield piece


def _dense_share(value: memoryview, spec: TensorSpec) -> float:
    """The expected size of the dense payload as a share of the value's bytes."""
    import numpy as np

    words = np.frombuffer(value, f"<u{spec.word_size}")
    return Dense().share(Sample(spec, words, words, 0, True))


def _encoded(update: Automatic | Reshaping, value: memoryview, spec: TensorSpec, base: Base) -> Payload:
    with updates.registry().guard(update.name, UnsuitableError):
        yield from update.encode(value, spec, base)


def _once(payload: bytes) -> Payload:
    yield payload


def _decoded(update: Update, payload: bytes, base: Base, nbytes: int) -> Pieces:
    with updates.registry().guard(update.name):
        yield from update.decode(memoryview(payload), [base.read], nbytes)
