"""What every plugin must do, as checks that its author can run in a test.

    from git_theta import contracts

    def test_my_format():
        contracts.check_format(MyFormat(), [Path("a.xyz").read_bytes(), …])

Each check raises AssertionError with a message that says which rule is broken.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from git_theta.codecs.base import Codec
from git_theta.encoding import selection
from git_theta.errors import CorruptError, FormatError, UsageError
from git_theta.formats.base import Format
from git_theta.formats.split import split
from git_theta.model.tensor import ITEM_SIZE, TensorSpec
from git_theta.strategies import options
from git_theta.strategies.array_sources import temporary_file
from git_theta.strategies.base import Strategy
from git_theta.strategies.merge_parameter import Combined, combine
from git_theta.updates.base import Automatic, Input, Pieces, UnsuitableError, Update
from git_theta.updates.dense import Dense
from git_theta.updates.recipe import Recipe

#: Byte strings that no format may choke on.
_JUNK = (b"", b"\0", b"PK\x03\x04", b"\x80\x02.", b"{}", bytes(64), b"\xff" * 4096)

#: Shapes for codec and update checks: empty, scalar, odd, and over a chunk boundary.
_SHAPES = ((0,), (), (3,), (5, 7), (300_001,))


def check_format(plugin: Format, samples: Iterable[bytes]) -> None:
    """Check a format on valid files.

    Rules: it recognises its samples and no junk; what it locates lies in the file; the answer is the
    same each time; a truncated or altered sample gives an answer or a FormatError and nothing else.

    Args:
        plugin: The format.
        samples: Valid files, the smaller the better: they're altered in a few hundred ways.
    """
    assert plugin.name, "a format has a name"
    for junk in _JUNK:
        _tolerates(plugin, junk)
    for sample in samples:
        data = memoryview(sample)
        assert plugin.matches(data), f"{plugin.name} doesn't recognise a sample of {len(sample)} bytes"
        assert plugin.locate(data) == plugin.locate(data), f"{plugin.name} gives two answers for one file"
        with ThreadPoolExecutor(1) as pool:
            parts = split(data, [plugin], pool)
        assert parts.format == plugin.name, f"{plugin.name}: {parts.note}"
        for cut in range(0, len(sample), max(1, len(sample) // 200)):
            _tolerates(plugin, sample[:cut])
            altered = bytearray(sample)
            altered[cut] ^= 0xFF
            _tolerates(plugin, bytes(altered))


def _tolerates(plugin: Format, data: bytes) -> None:
    view = memoryview(data)
    if plugin.matches(view):
        try:
            plugin.locate(view)
        except FormatError as error:
            assert error.message, f"{plugin.name} fails without saying why"


def check_codec(plugin: Codec) -> None:
    """Check a codec on every dtype and on awkward sizes.

    Rules: decoding gives back the bytes; the same input gives the same output; damaged data gives
    CorruptError or other bytes of the right size, and nothing else.
    """
    for spec in _specs():
        value = sample_value(spec)
        params = plugin.params(spec)
        encoded = b"".join(map(bytes, plugin.encode(memoryview(value), params)))
        again = b"".join(map(bytes, plugin.encode(memoryview(value), params)))
        assert encoded == again, f"{plugin.name} gives two encodings of one {spec.dtype} value"
        decoded = b"".join(map(bytes, plugin.decode(memoryview(encoded), params, len(value))))
        assert decoded == value, f"{plugin.name} doesn't give back a {spec.dtype} value of shape {spec.shape}"
        for cut in {0, len(encoded) // 2, max(0, len(encoded) - 1)}:
            try:
                size = sum(map(len, plugin.decode(memoryview(encoded[:cut]), params, len(value))))
            except CorruptError:
                continue
            assert size == len(value), f"{plugin.name} decodes truncated data to {size} bytes"


def check_update(plugin: Automatic) -> None:
    """Check an update that `git add` may choose, on bases that are near and far.

    Rules: decoding gives back the bytes, or `encode` says that it's unsuitable; the same value and base give
    the same payload; a wrong size, a truncated payload or an input too few is a CorruptError; an
    estimate is a share that isn't negative.
    """
    for spec in _specs():
        value = sample_value(spec)
        for base in _bases(value, spec):
            _check_on(plugin, memoryview(value), spec, base)


def _check_on(plugin: Automatic, value: memoryview, spec: TensorSpec, base: bytes) -> None:
    def pieces(nbytes: int) -> Pieces:
        assert nbytes == len(base), f"{plugin.name} asks for a base of {nbytes} bytes"
        # Of an odd size: nothing is said about how a base is cut.
        return (memoryview(base)[at : at + 100_003] for at in range(0, len(base), 100_003))

    found = selection.sample(value, spec, pieces(len(base))) if base else None
    if found:
        estimate = plugin.estimate(found)
        assert estimate is None or estimate >= 0, f"{plugin.name} estimates {estimate}"
    try:
        payload = b"".join(map(bytes, plugin.encode(value, spec, pieces)))
        again = b"".join(map(bytes, plugin.encode(value, spec, pieces)))
    except UnsuitableError:
        return
    assert payload == again, f"{plugin.name} gives two payloads for one value"
    _check_decode(plugin, payload, bytes(value), [pieces])


def check_dense(plugin: Dense) -> None:
    """Check the update that needs no base, by the same rules."""
    for spec in _specs():
        value = sample_value(spec)
        payload = b"".join(map(bytes, plugin.encode(memoryview(value), spec)))
        again = b"".join(map(bytes, plugin.encode(memoryview(value), spec)))
        assert payload == again, f"{plugin.name} gives two payloads for one value"
        _check_decode(plugin, payload, value, [])


def _check_decode(plugin: Update, payload: bytes, value: bytes, inputs: list[Input]) -> None:
    decoded = b"".join(map(bytes, plugin.decode(memoryview(payload), inputs, len(value))))
    assert decoded == value, f"{plugin.name} doesn't give back a value of {len(value)} bytes"
    wrongs: list[tuple[bytes | None, int, list[Input]]] = [
        (payload, len(value) + 16, inputs),
        (payload[: len(payload) // 2], len(value), inputs),
        (None, len(value), inputs),
        (payload, len(value), [*inputs, *inputs] if inputs else [lambda _nbytes: iter([memoryview(value)])]),
    ]
    for wrong, size, given in wrongs:
        try:
            list(plugin.decode(None if wrong is None else memoryview(wrong), given, size))
        except CorruptError:
            continue
        raise AssertionError(f"{plugin.name} accepts a damaged payload")


def check_strategy(plugin: Strategy) -> None:
    """Check a merge strategy with its default options, on floats of several types.

    Rules: its options are a frozen dataclass whose defaults can be written as text; the same models give
    the same value, of the same shape; equal models, with an equal base, give that value but for rounding; a
    recipe gives exactly the value; a wrong number of weights is a UsageError.
    """
    assert plugin.name, "a merge strategy has a name"
    chosen = _default_options(plugin)
    for spec in (TensorSpec(dtype, shape) for dtype in ("F32", "BF16", "F16", "F64") for shape in _SHAPES):
        values = [_weights(spec, seed) for seed in range(3)]
        models, base = values[: min(2, plugin.most or 2)], values[2]
        merged = _merged(plugin, chosen, spec, models, base)
        assert merged == _merged(plugin, chosen, spec, models, base), (
            f"{plugin.name} gives two values for the same models"
        )
        equal = _merged(plugin, chosen, spec, [base] * len(models), base)
        assert _nearly(equal, base, spec), f"{plugin.name} changes models that are equal ({spec})"
    if hasattr(chosen, "weights"):
        spec = TensorSpec("F32", (3,))
        try:
            wrong = dataclasses.replace(chosen, weights=(1.0,) * 7)
            _merged(plugin, wrong, spec, [_weights(spec, seed) for seed in range(2)], _weights(spec, 2))
        except UsageError:
            return
        raise AssertionError(f"{plugin.name} accepts seven weights for two models")


def _default_options(plugin: Strategy) -> Any:
    assert dataclasses.is_dataclass(plugin.options), f"{plugin.name}: its options aren't a dataclass"
    default = plugin.options()
    for field in dataclasses.fields(plugin.options):
        try:
            setattr(default, field.name, None)
        except dataclasses.FrozenInstanceError:
            continue
        raise AssertionError(f"{plugin.name}: its options can be changed")
    texts = {option.name: option.default for option in options.describe(plugin)}
    assert options.parse(plugin, texts) == default, f"{plugin.name}: its defaults can't be written as text"
    return default


def _merged(plugin: Strategy, chosen: Any, spec: TensorSpec, models: Sequence[bytes], base: bytes) -> bytes:
    inputs = [_input(value) for value in (*models, base)]
    beside = [(spec, _input(_weights(spec, seed, positive=True))) for seed in range(len(models))]
    result = combine(plugin, chosen, "w", spec, inputs[:-1], inputs[-1], beside, temporary_file)
    value = b"".join(map(bytes, result.value()))
    assert len(value) == spec.nbytes, f"{plugin.name} gives {len(value)} bytes for {spec}"
    assert value == b"".join(map(bytes, result.value())), f"{plugin.name}: its value can be read only once"
    _check_recipe(plugin, result, value, inputs)
    return value


def _check_recipe(plugin: Strategy, result: Combined, value: bytes, inputs: Sequence[Input]) -> None:
    recipe = result.recipe()
    if recipe is None or result.has_nan:
        return
    payload, places = recipe
    decoded = Recipe().decode(memoryview(payload), [inputs[place] for place in places], len(value))
    assert b"".join(map(bytes, decoded)) == value, f"{plugin.name}: its recipe gives another value"


def _input(value: bytes) -> Input:
    return lambda _nbytes: (memoryview(value)[at : at + 100_003] for at in range(0, len(value), 100_003))


def _weights(spec: TensorSpec, seed: int, *, positive: bool = False) -> bytes:
    import numpy as np

    from git_theta.updates.rounding import round_to

    numbers = np.random.default_rng([seed, spec.count]).normal(0, 0.02, spec.count)
    return round_to(np.abs(numbers) if positive else numbers, spec.dtype).tobytes()


def _nearly(one: bytes, other: bytes, spec: TensorSpec) -> bool:
    """Whether values are the same but for one rounding, and for what float64 loses in a sum."""
    import numpy as np

    from git_theta.updates.rounding import widen

    word = f"<u{spec.word_size}"
    first, second = (widen(np.frombuffer(value, word), spec.dtype) for value in (one, other))
    steps = {"F32": 2.0**-23, "F16": 2.0**-10, "BF16": 2.0**-7, "F64": 2.0**-40}
    return bool(np.all(np.abs(first - second) <= steps[spec.dtype] * np.abs(second) + 1e-15))


def _bases(value: bytes, spec: TensorSpec) -> Iterable[bytes]:
    from random import Random

    yield value
    yield bytes(len(value))
    generator = Random(len(value))  # noqa: S311
    near = bytearray(value)
    for _ in range(max(1, spec.count // 100) if near else 0):
        near[generator.randrange(len(near))] ^= 1 << generator.randrange(8)
    yield bytes(near)
    yield generator.randbytes(len(value))


def sample_value(spec: TensorSpec) -> bytes:
    """Deterministic bytes that look like weights if the dtype is a float: half noise, half zeros."""
    from random import Random

    generator = Random(f"{spec.dtype}{spec.shape}")  # noqa: S311
    noise = generator.randbytes(spec.nbytes)
    middle = spec.nbytes // 2
    return noise[:middle] + bytes(spec.nbytes - middle)


def _specs() -> Iterable[TensorSpec]:
    return (TensorSpec(dtype, shape) for dtype in ITEM_SIZE for shape in _SHAPES)


__all__ = ["check_codec", "check_dense", "check_format", "check_strategy", "check_update", "sample_value"]
