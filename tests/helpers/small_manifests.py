"""Manifests of a few parameters that stand for values without having them."""

from __future__ import annotations

from git_theta.model.manifest import Entry, Manifest, ObjectRef, Source
from git_theta.model.name_escapes import sort_key
from git_theta.model.tensor import TensorSpec
from tests.helpers.histories import hexadecimal


def manifest(*, layout: str = "layout", **values: tuple[str, str, tuple[int, ...]] | str) -> Manifest:
    """A manifest of parameters: a value, or (value, dtype, shape)."""
    entries = []
    for name, value in values.items():
        text, dtype, shape = (value, "F32", (2, 3)) if isinstance(value, str) else value
        digest = hexadecimal(text)
        source = Source("dense", ObjectRef(hexadecimal(f"object {text}")))
        entries.append(Entry(name, TensorSpec(dtype, shape), digest, source))
    entries.sort(key=lambda entry: sort_key(entry.name))
    first = Entry(
        "layout", TensorSpec("U8", (9,)), hexadecimal(layout), Source("dense", ObjectRef("0" * 64, 0, 5))
    )
    return Manifest("safetensors", 100, first, tuple(entries))
