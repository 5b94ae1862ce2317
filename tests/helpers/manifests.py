"""Manifests of a few parameters, written in one line of a test."""

from __future__ import annotations

from git_theta.model.manifest import Entry, Manifest, ObjectRef, Source
from git_theta.model.tensor import TensorSpec

A, B, C = "a" * 64, "b" * 64, "c" * 64
SPEC = TensorSpec("F32", (2, 3))


def entry(name: str, digest: str = A, source: Source | None = None, spec: TensorSpec = SPEC) -> Entry:
    """A parameter whose value is a dense payload of 10 bytes, unless a source is given."""
    return Entry(name, spec, digest, source or Source("dense", ObjectRef(digest, 0, 10)))


def manifest(*entries: Entry, layout: str = A) -> Manifest:
    """A manifest of these entries; `layout` is the digest of its layout."""
    first = Entry("layout", TensorSpec("U8", (9,)), layout, Source("dense", ObjectRef(layout, 0, 9)))
    return Manifest("safetensors", 1000, first, entries)


def manifest_named(*names: str) -> Manifest:
    """A manifest of parameters of one type and one value: F32 [2, 3], digest `A`, object `B`."""
    layout = Entry("layout", TensorSpec("U8", (9,)), A, Source("dense", ObjectRef(B, 0, 9)))
    entries = (Entry(n, SPEC, A, Source("dense", ObjectRef(B))) for n in names)
    return Manifest("safetensors", 33, layout, tuple(entries))
