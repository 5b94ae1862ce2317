"""Options on bases of another form: an update that reshapes the base, and others on top of that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from git_theta import updates
from git_theta.encoding.allowed_updates import accepts_base
from git_theta.encoding.choice import BaseSource, EncodingChoice, known_payload
from git_theta.encoding.estimates import estimates
from git_theta.encoding.samples import BaseComparison
from git_theta.encoding.target import Option, Target
from git_theta.errors import PluginError
from git_theta.updates.base import Base, Pieces, UnsuitableError, Update

#: Other ways to reshape a base aren't looked for once one costs at most this share of the value's bytes.
GOOD = 0.3


def on_other_form(target: Target, base: Base, source: BaseSource, again: bool = True) -> Iterator[Option]:
    """Options on a base of another dtype or shape, or whose slices are in other places.

    Args:
        target: The value.
        base: The other value.
        source: How it's obtained.
        again: Whether the result may be reshaped once more, as a layer whose inputs and outputs are permuted.
    """
    for update in target.updates:
        if not accepts_base(update, target.spec, base.spec):
            continue
        try:
            payload = b"".join(map(bytes, target.encoded(update, base)))
        except UnsuitableError:
            continue
        except PluginError as error:
            target.failed(error)
            continue
        lower = EncodingChoice(update.name, partial(known_payload, payload), (source,))
        reshaped = Base(target.spec, partial(_decoded, update, payload, base))
        found: Iterable[Option] = on_derived(target, reshaped, lower)
        if again and base.spec == target.spec:
            found = list(found) or on_other_form(target, reshaped, lower, again=False)
        for option in found:
            yield option
            if option.cost <= GOOD:
                return


def on_derived(target: Target, base: Base, lower: EncodingChoice) -> Iterator[Option]:
    """Options on a base that isn't stored: the choice that gives it, and updates on top where it differs."""
    cost = _payload_size(lower) / target.spec.nbytes
    if cost >= target.limit:
        return
    comparison = BaseComparison(target.value, target.spec, base)
    if comparison.first is None:
        yield Option(cost, lower)
        return
    # Of rows in another order, the first may be in their old places, and the others far from them.
    for estimate in estimates(target, comparison.throughout):
        if cost + estimate.cost < target.limit:
            yield Option(cost + estimate.cost, estimate.choice(target, comparison.decoded_base, lower))


def _payload_size(choice: EncodingChoice) -> int:
    """Bytes of the payloads that a choice and those below it store."""
    below = sum(_payload_size(part) for part in choice.inputs if isinstance(part, EncodingChoice))
    return len(choice.payload_bytes()) + below


def _decoded(update: Update, payload: bytes, base: Base, nbytes: int) -> Pieces:
    with updates.registry().guard(update.name):
        yield from update.decode(memoryview(payload), [base.read], nbytes)
