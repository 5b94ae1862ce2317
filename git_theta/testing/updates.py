"""The contract checks for updates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from random import Random

from git_theta.encoding.samples import first_difference
from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec
from git_theta.testing.values import all_specs, as_input, sample_value, sample_weights
from git_theta.updates.base import (
    Automatic,
    Base,
    Input,
    Payload,
    Pieces,
    Reshaping,
    UnsuitableError,
    Update,
)
from git_theta.updates.demand import Demanding
from git_theta.updates.dense import Dense
from git_theta.updates.rounding import ARITHMETIC
from git_theta.updates.side_loaded import Given, GivesValue, Lossy, StoredAsGiven


def check_update(plugin: Update, given: Iterable[tuple[TensorSpec, Given]] = ()) -> None:
    """Check an update by each protocol that it follows, on bases that are near and far.

    * Decoding gives back the value's bytes, or for an update that isn't exact as many bytes, unless encoding
      raises UnsuitableError.
    * The same value and base, or the same tensors, give the same payload each time.
    * A wrong size, a truncated payload, no payload or an input too many is a CorruptError.
    * An update that tells what it takes asks for inputs of the sizes that it tells.
    * An estimate is `None` or a share that isn't negative.

    Args:
        plugin: The update.
        given: For an update that can be side-loaded: dtypes and shapes of parameters, each with tensors that
            fit it.

    Raises:
        AssertionError: The message names the broken rule.
    """
    assert plugin.name, "an update has a name"
    if isinstance(plugin, Automatic):
        for spec in all_specs():
            value = sample_value(spec)
            for base in _bases(value, spec):
                _check_automatic(plugin, memoryview(value), spec, _base(plugin, spec, base))
    if isinstance(plugin, Reshaping):
        for spec in all_specs():
            for base_spec in _other_specs(spec):
                _check_reshaping(plugin, spec, base_spec)
    if isinstance(plugin, Lossy):
        for spec in all_specs():
            value = sample_value(spec)
            for base in _bases(value, spec):
                _check_lossy(plugin, memoryview(value), spec, _base(plugin, spec, base))
    if isinstance(plugin, StoredAsGiven | GivesValue):
        samples = list(given)
        assert samples, f"{plugin.name} can be side-loaded: give the check some tensors"
        for spec, tensors in samples:
            _check_side_loaded(plugin, spec, tensors)


def check_dense(plugin: Dense) -> None:
    """Check the update that needs no base, by the same rules."""
    for spec in all_specs():
        value = sample_value(spec)
        payload = b"".join(map(bytes, plugin.encode(memoryview(value), spec)))
        again = b"".join(map(bytes, plugin.encode(memoryview(value), spec)))
        assert payload == again, f"{plugin.name} gives two payloads for one value"
        _check_decode(plugin, payload, value, [])


def _check_automatic(plugin: Automatic, value: memoryview, spec: TensorSpec, base: Base) -> None:
    sample = first_difference(value, spec, base) if len(value) else None
    if sample:
        estimate = plugin.estimate(sample)
        assert estimate is None or estimate >= 0, f"{plugin.name} estimates {estimate}"
    payload = _payload(plugin, lambda: plugin.encode(value, spec, base))
    if payload is not None:
        _check_decode(plugin, payload, bytes(value), [base.read])


def _check_reshaping(plugin: Reshaping, spec: TensorSpec, base_spec: TensorSpec) -> None:
    if not plugin.accepts(spec, base_spec):
        return
    # Equal bytes at the beginning, as in a matrix that grew.
    longer = sample_value(max(spec, base_spec, key=lambda each: each.nbytes))
    value, base = longer[: spec.nbytes], _base(plugin, base_spec, longer[: base_spec.nbytes])
    payload = _payload(plugin, lambda: plugin.encode(memoryview(value), spec, base))
    if payload is not None:
        _check_decode(plugin, payload, _decoded(plugin, payload, spec, base), [base.read])


def _check_lossy(plugin: Lossy, value: memoryview, spec: TensorSpec, base: Base) -> None:
    payload = _payload(plugin, lambda: plugin.encode_near(value, spec, base, 1e-3))
    if payload is not None:
        _check_decode(plugin, payload, _decoded(plugin, payload, spec, base), [base.read])


def _check_side_loaded(plugin: StoredAsGiven | GivesValue, spec: TensorSpec, given: Given) -> None:
    assert set(given) == set(plugin.parts), f"{plugin.name} has other parts than {', '.join(given)}"
    plugin.check(given, "w", spec)
    value = sample_weights(spec, 1) if spec.dtype in ARITHMETIC else sample_value(spec)
    base = _base(plugin, spec, value)
    if isinstance(plugin, GivesValue):
        size = sum(map(len, plugin.given_value(given, spec, base)))
        assert size == spec.nbytes, f"{plugin.name} gives a value of {size} bytes for {spec}"
    if isinstance(plugin, StoredAsGiven):
        payload = _payload(plugin, lambda: plugin.encode_given(given, spec, base, None))
        if payload is not None:
            _check_decode(plugin, payload, _decoded(plugin, payload, spec, base), [base.read])
        exact = _payload(plugin, lambda: plugin.encode_given(given, spec, base, memoryview(value)))
        if exact is not None:
            _check_decode(plugin, exact, value, [base.read])


def _payload(plugin: Update, encode: Callable[[], Payload]) -> bytes | None:
    """The payload, which is the same each time; `None` if the update is unsuitable."""
    try:
        payload = b"".join(map(bytes, encode()))
        again = b"".join(map(bytes, encode()))
    except UnsuitableError:
        return None
    assert payload == again, f"{plugin.name} gives two payloads for one value"
    return payload


def _decoded(plugin: Update, payload: bytes, spec: TensorSpec, base: Base) -> bytes:
    value = b"".join(map(bytes, plugin.decode(memoryview(payload), [base.read], spec.nbytes)))
    assert len(value) == spec.nbytes, f"{plugin.name} gives {len(value)} bytes for {spec}"
    return value


def _base(plugin: Update, spec: TensorSpec, value: bytes) -> Base:
    """A base that can be read in pieces of an odd size, and whose size must be known."""

    def read(nbytes: int) -> Pieces:
        assert nbytes == len(value), f"{plugin.name} asks for a base of {nbytes} bytes"
        return as_input(value)(nbytes)

    return Base(spec, read)


def _other_specs(spec: TensorSpec) -> Iterator[TensorSpec]:
    """More and fewer rows, a flat shape, and another dtype."""
    if spec.shape:
        yield TensorSpec(spec.dtype, (spec.shape[0] + 2, *spec.shape[1:]))
        yield TensorSpec(spec.dtype, (max(0, spec.shape[0] - 2), *spec.shape[1:]))
    yield TensorSpec(spec.dtype, (spec.count,))
    yield TensorSpec("BF16" if spec.dtype != "BF16" else "F32", spec.shape)


def _check_decode(plugin: Update, payload: bytes, value: bytes, inputs: list[Input]) -> None:
    asked: dict[int, int] = {}

    def recorded(place: int, nbytes: int) -> Pieces:
        asked[place] = nbytes
        return inputs[place](nbytes)

    readers = [partial(recorded, place) for place in range(len(inputs))]
    decoded = b"".join(map(bytes, plugin.decode(memoryview(payload), readers, len(value))))
    assert decoded == value, f"{plugin.name} doesn't give back a value of {len(value)} bytes"
    if isinstance(plugin, Demanding):
        demand = plugin.demand(lambda: memoryview(payload), len(inputs), len(value))
        assert len(demand.inputs) == len(inputs), f"{plugin.name} tells a size of each input"
        assert all(demand.inputs[place] == size for place, size in asked.items()), (
            f"{plugin.name} asks for an input of another size than it tells"
        )
        assert min(demand.work, demand.memory) >= 0, f"{plugin.name} takes a negative work or memory"
    sized: list[Input] = [partial(_refusing, each, asked.get(place)) for place, each in enumerate(inputs)]
    too_many = [*inputs, *inputs] or [as_input(value)]
    wrong: list[tuple[str, bytes | None, int, list[Input]]] = [
        ("a wrong size", payload, len(value) + 16, sized),
        ("a truncated payload", payload[: len(payload) // 2], len(value), inputs),
        ("no payload", None, len(value), inputs),
        ("too many inputs", payload, len(value), too_many),
    ]
    for what, given, size, sources in wrong:
        try:
            list(plugin.decode(None if given is None else memoryview(given), sources, size))
        except CorruptError:
            continue
        raise AssertionError(f"{plugin.name} accepts {what}")


def _refusing(read: Input, size: int | None, nbytes: int) -> Pieces:
    """An input that has no other size than `size`, as stored values haven't; any, if that's `None`."""
    if size not in (None, nbytes):
        raise CorruptError(f"an input has another size than {nbytes} bytes")
    return read(nbytes)


def _bases(value: bytes, spec: TensorSpec) -> Iterator[bytes]:
    """The value itself, zeros, the value with a bit changed in 1 % of its elements, and random bytes."""
    yield value
    yield bytes(len(value))
    generator = Random(len(value))  # noqa: S311
    near = bytearray(value)
    for _ in range(max(1, spec.count // 100) if near else 0):
        near[generator.randrange(len(near))] ^= 1 << generator.randrange(8)
    yield bytes(near)
    yield generator.randbytes(len(value))
