"""What every plugin must do, as checks that its author can run in a test.

    from git_theta import contracts

    def test_my_format():
        contracts.check_format(MyFormat(), [Path("a.xyz").read_bytes(), …])

Each check raises AssertionError with a message that says which rule is broken.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from git_theta import choose
from git_theta.codecs.base import Codec
from git_theta.errors import CorruptError, FormatError
from git_theta.formats.base import Format
from git_theta.formats.split import split
from git_theta.model.tensor import ITEM_SIZE, TensorSpec
from git_theta.updates.base import Automatic, Input, Pieces, UnsuitableError, Update
from git_theta.updates.dense import Dense

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

    found = choose.sample(value, spec, pieces(len(base))) if base else None
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


__all__ = ["check_codec", "check_dense", "check_format", "check_update", "sample_value"]
