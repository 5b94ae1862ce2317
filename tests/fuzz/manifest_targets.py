"""Readers of manifests, of layouts and of payloads, and the way from these back to files."""

from __future__ import annotations

import os
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from random import Random

import numpy as np

from git_theta.codecs.packed import PackedWriter
from git_theta.errors import ThetaError
from git_theta.model.digest import digest
from git_theta.model.layout import Checksum, Layout, Literal, Placement, parse_layout
from git_theta.model.manifest import Entry, Manifest, ObjectRef, Source
from git_theta.model.manifest_text import is_manifest, parse_manifest, with_plain_line_ends
from git_theta.model.name_escapes import sort_key
from git_theta.model.tensor import TensorSpec
from git_theta.smudge import Smudger
from git_theta.store.local import LocalStore
from git_theta.updates import registry
from git_theta.updates.arrange import Arrange, Arrangement
from git_theta.updates.array import Array
from git_theta.updates.base import Automatic, Base, Input, UnsuitableError
from git_theta.updates.bundle import MAX_BUNDLE, takes_bundles
from git_theta.updates.cast import Cast
from git_theta.updates.deflated import Deflated
from git_theta.updates.dense import Dense
from git_theta.updates.gather import Gather
from git_theta.updates.ia3 import Ia3
from git_theta.updates.inflated import Inflated
from git_theta.updates.low_rank import LowRank
from git_theta.updates.packed_members import PackedMember, members_payload
from git_theta.updates.patch import Patch
from git_theta.updates.payload import typed_header
from git_theta.updates.program import Program
from git_theta.updates.quantisation import Quantisation
from git_theta.updates.quantized import Quantized
from git_theta.updates.recipe import Recipe
from git_theta.updates.residual import ResidualWriter
from git_theta.updates.rows import Rows
from git_theta.updates.scaled_cast import ScaledCast
from git_theta.updates.sign import Sign
from git_theta.updates.steps import Steps, steps_between
from git_theta.updates.stretches import WHOLE
from git_theta.updates.strided_copy import Dimension, StridedCopy
from tests.fuzz.format_targets import name, spec
from tests.fuzz.mutations import mutated
from tests.fuzz.target import Target

_UPDATES = (
    "dense",
    "delta",
    "steps",
    "sparse",
    "low-rank",
    "rows",
    "ia3",
    "quantized",
    "sign",
    "recipe",
    "cast",
    "scaled-cast",
    "arrange",
    "gather",
    "patch",
    "inflated",
    "deflated",
    "unknown",
)


def _oid(random: Random) -> str:
    return random.randbytes(32).hex()


def _source(random: Random, depth: int = 0) -> Source:
    inputs = tuple(_source(random, depth + 1) for _ in range(random.randrange(3 - depth) if depth < 3 else 0))
    size = random.randrange(1 << 20)
    payload = random.choice((None, ObjectRef(_oid(random)), ObjectRef(_oid(random), 3, size, 3 + size)))
    place = random.choice((None, 0, size)) if payload else None
    return Source(random.choice(_UPDATES), payload, inputs, place)


def manifest(random: Random) -> bytes:
    """The text of a manifest."""
    names = sorted({name(random) or "x" for _ in range(random.randrange(6))}, key=sort_key)
    entries = tuple(Entry(each, spec(random), _oid(random), _source(random)) for each in names)
    layout = Entry("layout", TensorSpec("U8", (random.randrange(9999),)), _oid(random), _source(random))
    return Manifest("safetensors", random.randrange(1 << 40), layout, entries).to_bytes()


def read_manifest(data: bytes) -> None:
    """Read a manifest, which has one text only."""
    found = parse_manifest(data)
    assert is_manifest(data)
    assert found.to_bytes() == with_plain_line_ends(data)
    assert len(found.by_name) == len(found.entries)
    assert all(source.depth <= 70 for source in (entry.source for entry in found.all_entries()))


def layout(random: Random) -> bytes:
    """A layout of a small file with the parameters `a` and `b`."""
    strides = random.choice((None, None, (4,), (8,), (-4,)))
    places = (
        Placement("a", 12, strides, random.random() < 0.1),
        Placement("b", random.choice((4, 36, 40, 14))),
    )
    size = random.randrange(48, 80)
    literals = (Literal(0, random.randbytes(size)), Literal(size - 9, b"more"))[
        : random.choice((0, 1, 1, 2, 2))
    ]
    ranges = tuple((random.randrange(30), random.randrange(30)) for _ in range(random.randrange(3)))
    kind = random.choice(("crc32", "torch-serialization-id"))
    checksums = (Checksum(kind, random.randrange(40), ranges),) if random.random() < 0.4 else ()
    return Layout(random.choice((size, size, size, 1 << 50)), places, literals, checksums).to_bytes()


def read_layout(data: bytes) -> None:
    """Read a layout; its bytes needn't be those that `to_bytes` gives."""
    found = parse_layout(data)
    assert all(0 <= one.offset <= one.offset + len(one.data) <= found.size for one in found.literals)
    assert parse_layout(found.to_bytes()) == found


_A, _B = np.arange(3, dtype="<f4").tobytes(), b"bytes"


class _MemoryStore(LocalStore):
    """A store that has objects in memory, so that a campaign writes nothing."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.objects: dict[str, bytes] = {}

    def has(self, oid: str) -> bool:
        return oid in self.objects

    def get(self, oid: str) -> memoryview:
        return memoryview(self.objects[oid])

    def part(self, oid: str, offset: int, length: int) -> memoryview:
        return self.get(oid)[offset : offset + length]


@cache
def _store() -> _MemoryStore:
    return _MemoryStore(Path(tempfile.mkdtemp(prefix="theta-fuzz-")))


def _dense(data: bytes, of: TensorSpec) -> bytes:
    return b"".join(map(bytes, Dense().encode(memoryview(data), of)))


def _entry(key: str, oid: str, data: bytes, of: TensorSpec) -> Entry:
    return Entry(key, of, digest(memoryview(data)), Source("dense", ObjectRef(oid * 64)))


def smudge(data: bytes) -> None:
    """Write the file of a layout; it has the size that the layout says, or the layout is refused."""
    store = _store()
    f32, u8, whole = TensorSpec("F32", (3,)), TensorSpec("U8", (5,)), TensorSpec("U8", (len(data),))
    store.objects = {"a" * 64: _dense(_A, f32), "b" * 64: _dense(_B, u8), "c" * 64: _dense(data, whole)}
    size = parse_layout(data).size
    parameters = (_entry("a", "a", _A, f32), _entry("b", "b", _B, u8))
    made = Manifest("safetensors", size, _entry("layout", "c", data, whole), parameters)
    handle = store.temporary_file()
    try:
        Smudger(store).skeleton(made)
        if size > 1 << 24:
            return  # to write it would take disk, and no time that tells anything
        Smudger(store).smudge(made, handle)
        assert os.fstat(handle).st_size == size
    finally:
        os.close(handle)


#: A matrix of each kind of arithmetic, for payloads.
_SPECS = (
    *(TensorSpec(dtype, (6, 5)) for dtype in ("F32", "BF16", "I64", "F8_E4M3", "BOOL", "C64")),
    TensorSpec("F32", (3, 4, 5)),
)


def _base(of: TensorSpec) -> bytes:
    from git_theta.testing.values import sample_weights
    from git_theta.updates.rounding import ARITHMETIC

    return sample_weights(of, 0) if of.dtype in ARITHMETIC else bytes(of.nbytes)


def _input(data: bytes) -> Input:
    return lambda _nbytes: iter([memoryview(data)])


@cache
def _payloads() -> tuple[tuple[str, int, bytes], ...]:
    """Names of updates, indices of specs, and payloads."""
    return tuple(_all_payloads())


def _all_payloads() -> Iterator[tuple[str, int, bytes]]:
    for index, of in enumerate(_SPECS):
        before = _base(of)
        base = Base(of, _input(before))
        after = bytearray(before)
        after[len(after) // 2] ^= 1
        yield "dense", index, _dense(bytes(after), of)
        for key in ("delta", "sparse", "low-rank"):
            plugin = registry().get(key)
            assert isinstance(plugin, Automatic)
            try:
                yield key, index, b"".join(map(bytes, plugin.encode(memoryview(after), of, base)))
            except UnsuitableError:
                continue
        yield from (("delta", index, payload) for payload in _edited_payloads(of))
    matrix = _SPECS[0]
    base = Base(matrix, _input(_base(matrix)))

    def part(key: str, *shape: int) -> Array:
        held = TensorSpec("F32", shape)
        return Array(key, held, memoryview(_base(held)))

    def joined(pieces: Sequence[bytes | memoryview] | Iterator[bytes | memoryview]) -> bytes:
        return b"".join(map(bytes, pieces))

    factors = {"R": part("R", 6, 2), "C": part("C", 2, 5)}
    yield "low-rank", 0, joined(LowRank().encode_given(factors, matrix, base, None))
    stack = TensorSpec("F32", (3, 4, 5))
    factors = {"R": part("R", 3, 4, 2), "C": part("C", 3, 2, 5)}
    base_of_stack = Base(stack, _input(_base(stack)))
    yield "low-rank", len(_SPECS) - 1, joined(LowRank().encode_given(factors, stack, base_of_stack, None))
    yield "ia3", 0, joined(Ia3().encode_given({"ia3": part("ia3", 5)}, matrix, base, None))
    yield "quantized", 0, joined(Quantized().encode_near(memoryview(_base(matrix)), matrix, base, 1e-3))
    yield "sign", 0, joined(Sign().encode_near(memoryview(_base(matrix)), matrix, base, 1e-3))
    longer = Base(TensorSpec("F32", (8, 5)), _input(_base(TensorSpec("F32", (8, 5)))))
    yield "rows", 0, joined(Rows().encode(memoryview(_base(matrix)), matrix, longer))
    turned = np.arange(6, dtype="<u4")[::-1]
    value = memoryview(_base(matrix))
    yield "gather", 0, joined(Gather().encode_index(value, matrix, longer.spec, 0, turned))
    columns = TensorSpec("F32", (6, 3))
    few = np.array([2, 3, 0, 3, 1], "<u4")
    yield "gather", 0, joined(Gather().encode_index(value, matrix, columns, 1, few))
    before = _base(longer.spec) * 20
    new = b"new" + before[:1100] + b"and" + before[1300:]
    flat = Base(TensorSpec("U8", (len(before),)), _input(before))
    patch = Patch().prepare(memoryview(new), TensorSpec("U8", (len(new),)), flat)
    yield "patch", 0, joined(patch.payload())
    stream = zlib.compressobj(6, zlib.DEFLATED, -15)
    packed = b"PK" + stream.compress(before) + stream.flush() + b"end"
    members = [PackedMember(2, len(packed) - 5, len(before), 6)]
    opened = TensorSpec("U8", (len(before) + 5,))
    yield "inflated", 0, members_payload(Inflated.name, opened, len(packed), members)
    yield (
        "deflated",
        0,
        members_payload(Deflated.name, TensorSpec("U8", (len(packed),)), opened.nbytes, members),
    )
    mean = Program((("input", 0), ("input", 0), ("add", 0, 1), ("number", 2.0), ("div", 2, 3)))
    transposed = StridedCopy(0, 0, (Dimension(5, 1, 6), Dimension(6, 5, 1)))
    yield "arrange", 0, Arrange().encode_arrangement(Arrangement(((transposed,),), (30,)), matrix)
    codes = TensorSpec("F8_E4M3", matrix.shape)
    index = _SPECS.index(codes)
    scales = np.ones(6, "<f4").view("<u4")
    yield "scaled-cast", index, ScaledCast().encode_scaling(Quantisation(1, 5), scales, codes, "F32")
    words = np.frombuffer(_base(matrix), "<u4")
    yield "steps", 0, Steps().encode_bundle(steps_between(words + 1, words, "F32"), "F32")
    yield "cast", 0, Cast().encode_between("F64", "F32")
    yield "recipe", 0, Recipe().encode_with(mean, "F32")


def _edited_payloads(of: TensorSpec) -> Iterator[bytes]:
    """Deltas of a value half of whose words became zero, and of one whose only block is stored whole."""
    words = np.frombuffer(_base(of), f"<u{of.word_size}") | 1
    words = words.astype(f"<u{of.word_size}")
    halves = np.where(np.arange(len(words)) % 2, words, words.dtype.type(0))
    pruned = ResidualWriter(of, len(words)).frames(halves, words)
    kinds = PackedWriter(1, 1, literals=False).frames(np.array([WHOLE], "u1"))
    whole = PackedWriter(of.word_size, len(words), literals=True).frames(words)
    for residual in (pruned, (b"\2", *kinds, *whole)):
        yield typed_header("delta", of) + b"".join(map(bytes, residual))


def payload(random: Random) -> bytes:
    """The number of an update, the number of a dtype, and a payload."""
    key, index, data = random.choice(_payloads())
    if random.random() < 0.7:
        data = mutated(data, random)
    return bytes([_UPDATES.index(key), index]) + data


def decode(data: bytes) -> None:
    """Decode a payload; it gives a value of the size that it should have."""
    if len(data) < 2:
        return
    update = registry().get(_UPDATES[data[0] % (len(_UPDATES) - 1)])
    of = _SPECS[data[1] % len(_SPECS)]
    inputs = [] if update.name == "dense" else [_sized]
    size = sum(map(len, update.decode(memoryview(data)[2:], inputs, of.nbytes)))
    assert size == of.nbytes


def decode_bundle(data: bytes) -> None:
    """Decode a bundle's value at a place that the first two bytes tell."""
    number, of = int.from_bytes(data[:2], "little"), _SPECS[0]
    place, is_steps = number & ~1, number & 1
    update = registry().get(("dense", "steps")[is_steps])
    assert takes_bundles(update)
    bundle = update.open_bundle(memoryview(data)[2:])
    assert len(bundle.data) <= MAX_BUNDLE
    bases = [memoryview(bytes(of.nbytes))] * is_steps
    size = sum(map(len, update.decode_bundled(bundle, [place], bases, of.nbytes)))
    assert size == of.nbytes


def bundle(random: Random) -> bytes:
    """A place, and a payload of three dense matrices or of steps to them."""
    of, three = _SPECS[0], TensorSpec("F32", (18, 5))
    words = np.frombuffer(_base(three), "<u4")
    steps = steps_between(words + 1, words, "F32")
    is_steps = random.random() < 0.5
    data = Steps().encode_bundle(steps, "F32") if is_steps else _dense(words.tobytes(), three)
    place = random.choice((0, of.nbytes, 2 * of.nbytes, 4, 6, 398)) & ~1 | is_steps
    return place.to_bytes(2, "little") + (mutated(data, random) if random.random() < 0.5 else data)


def _sized(nbytes: int) -> Iterator[memoryview]:
    """An input of the size that an update asks for."""
    if nbytes > 1 << 16:
        raise ThetaError(f"a value of {nbytes} bytes isn't the one that was stored")
    yield memoryview(bytes(nbytes))


_TEXT = (
    b"(",
    b")",
    b",",
    b"dense(-)",
    b"\r\n",
    b"\n",
    b" ",
    b"%",
    b"%C3",
    b"\xc3\xa4",
    b"[]",
    b"x=y",
    b":0+9",
    b"@4",
)
_PACKED = (
    b"\xc0",
    b"\xc1",
    b"\xcf" + b"\xff" * 8,
    b"\xdd\xff\xff\xff\xff",
    b"\xc2",
    b"\xcb" + b"\x7f" * 8,
    b"\x91" * 50,
)

MANIFEST_TARGETS = (
    Target("manifest", manifest, read_manifest, _TEXT),
    Target("layout", layout, read_layout, _PACKED),
    Target("smudge", layout, smudge, _PACKED, share=0.6),
    Target("payload", payload, decode, _PACKED, share=0.3),
    Target("bundle", bundle, decode_bundle, _PACKED, share=0.3),
)
