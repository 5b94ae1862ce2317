"""The contract checks for updates."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from git_theta.encoding.selection import first_difference
from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec
from git_theta.testing.values import all_specs, as_input, sample_value
from git_theta.updates.base import Automatic, Base, Input, Pieces, UnsuitableError, Update
from git_theta.updates.dense import Dense


def check_update(plugin: Automatic) -> None:
    """Check an update that `git add` may choose, on bases that are near and far.

    * Decoding gives back the value's bytes, unless `encode` raises UnsuitableError.
    * A value and its base give the same payload each time.
    * A wrong size, a truncated payload, no payload or an input too many is a CorruptError.
    * An estimate is `None` or a share that isn't negative.

    Raises:
        AssertionError: The message names the broken rule.
    """
    assert plugin.name, "an update has a name"
    for spec in all_specs():
        value = sample_value(spec)
        for base in _bases(value, spec):
            _check_on_base(plugin, memoryview(value), spec, base)


def check_dense(plugin: Dense) -> None:
    """Check the update that needs no base, by the same rules."""
    for spec in all_specs():
        value = sample_value(spec)
        payload = b"".join(map(bytes, plugin.encode(memoryview(value), spec)))
        again = b"".join(map(bytes, plugin.encode(memoryview(value), spec)))
        assert payload == again, f"{plugin.name} gives two payloads for one value"
        _check_decode(plugin, payload, value, [])


def _check_on_base(plugin: Automatic, value: memoryview, spec: TensorSpec, base: bytes) -> None:
    def read(nbytes: int) -> Pieces:
        assert nbytes == len(base), f"{plugin.name} asks for a base of {nbytes} bytes"
        return as_input(base)(nbytes)

    source = Base(spec, read)
    sample = first_difference(value, spec, source) if base else None
    if sample:
        estimate = plugin.estimate(sample)
        assert estimate is None or estimate >= 0, f"{plugin.name} estimates {estimate}"
    try:
        payload = b"".join(map(bytes, plugin.encode(value, spec, source)))
        again = b"".join(map(bytes, plugin.encode(value, spec, source)))
    except UnsuitableError:
        return
    assert payload == again, f"{plugin.name} gives two payloads for one value"
    _check_decode(plugin, payload, bytes(value), [read])


def _check_decode(plugin: Update, payload: bytes, value: bytes, inputs: list[Input]) -> None:
    decoded = b"".join(map(bytes, plugin.decode(memoryview(payload), inputs, len(value))))
    assert decoded == value, f"{plugin.name} doesn't give back a value of {len(value)} bytes"
    too_many = [*inputs, *inputs] or [as_input(value)]
    wrong: list[tuple[str, bytes | None, int, list[Input]]] = [
        ("a wrong size", payload, len(value) + 16, inputs),
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
