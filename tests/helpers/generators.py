"""Hypothesis strategies: names, tensors, checkpoints, and ways to break them."""

from __future__ import annotations

import json
import struct

from hypothesis import strategies as st

from git_theta.model.manifest import Entry, Manifest, ObjectRef, Source
from git_theta.model.name_escapes import sort_key
from git_theta.model.tensor import BLOCKS, ITEM_SIZE, TensorSpec

names = st.text(min_size=1, max_size=20)
dtypes = st.sampled_from(sorted(ITEM_SIZE))
shapes = st.lists(st.integers(0, 7), max_size=4).map(tuple)
specs = st.builds(TensorSpec, dtypes, shapes)
packed_specs = st.builds(
    lambda dtype, rows, blocks: TensorSpec(dtype, (*rows, blocks * BLOCKS[dtype][0])),
    st.sampled_from(["F4", "F6_E2M3", "F6_E3M2"]),
    st.lists(st.integers(0, 7), max_size=3),
    st.integers(0, 7),
)
all_specs = specs | packed_specs
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
words = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
_counts = st.integers(0, 1 << 40)
_sizes = st.none() | st.integers(1 << 41, 1 << 42)
refs = st.builds(ObjectRef, digests, size=_sizes) | st.builds(ObjectRef, digests, _counts, _counts, _sizes)
sources = st.recursive(
    st.builds(Source, words, st.none() | refs),
    lambda inner: st.builds(Source, words, st.none() | refs, st.lists(inner, max_size=3).map(tuple)),
    max_leaves=5,
)
extras = st.dictionaries(words, st.from_regex(r"[!-~]{0,8}", fullmatch=True), max_size=2).map(
    lambda found: tuple(sorted(found.items()))
)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    chosen = sorted(draw(st.sets(names, max_size=6)), key=sort_key)
    entries = tuple(Entry(n, draw(all_specs), draw(digests), draw(sources), draw(extras)) for n in chosen)
    layout = Entry("layout", TensorSpec("U8", (draw(st.integers(0, 9999)),)), draw(digests), draw(sources))
    header = draw(
        st.dictionaries(words.map(lambda w: "x-" + w), st.from_regex(r"[!-~]{1,9}", fullmatch=True))
    )
    return Manifest(
        draw(words), draw(st.integers(0, 1 << 50)), layout, entries, tuple(sorted(header.items()))
    )


@st.composite
def safetensors(draw: st.DrawFn) -> bytes:
    """A valid file: any dtypes and shapes, padding after the header, metadata, tensors in any order."""
    chosen = draw(st.dictionaries(names.filter(lambda n: n != "__metadata__"), all_specs, max_size=6))
    header: dict[str, object] = {}
    body = b""
    for name in draw(st.permutations(list(chosen))):
        spec = chosen[name]
        data = draw(st.binary(min_size=spec.nbytes, max_size=spec.nbytes))
        header[name] = {
            "dtype": spec.dtype,
            "shape": list(spec.shape),
            "data_offsets": [len(body), len(body) + len(data)],
        }
        body += data
    if draw(st.booleans()):
        header["__metadata__"] = draw(st.dictionaries(names, names, max_size=2))
    text = json.dumps(header, ensure_ascii=True).encode() + b" " * draw(st.integers(0, 9))
    return struct.pack("<Q", len(text)) + text + body


@st.composite
def broken(draw: st.DrawFn, files: st.SearchStrategy[bytes]) -> bytes:
    """A valid file with something wrong: cut, altered, or longer than it should be."""
    data = bytearray(draw(files))
    for _ in range(draw(st.integers(1, 3))):
        if data and draw(st.booleans()):
            data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
        elif draw(st.booleans()):
            del data[draw(st.integers(0, len(data))) :]
        else:
            data += draw(st.binary(max_size=20))
    return bytes(data)
