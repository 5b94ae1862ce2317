"""Fingerprint: what a file contains, by digests, with nothing stored."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from git_theta import formats
from git_theta.formats.base import Tensor
from git_theta.formats.split import split
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry, Manifest, Source, sort_key
from git_theta.model.strided import gather
from git_theta.model.tensor import TensorSpec
from git_theta.runtime.threads import run_all

#: Stands where a manifest has a source.
NOT_STORED = Source("none", None)


def fingerprint(data: memoryview, threads: int, temporary: Callable[[], int]) -> Manifest:
    """The manifest that a file would have, without the sources of its values.

    Args:
        data: The file's bytes.
        threads: How many tensors to hash at once.
        temporary: Makes a descriptor of an unlinked temporary file.
    """

    def identify(tensor: Tensor) -> Entry:
        value = gather(data, tensor.spec, tensor.offset, tensor.strides, tensor.big_endian, temporary)
        return Entry(tensor.name, tensor.spec, digest(value), NOT_STORED)

    with ThreadPoolExecutor(threads) as pool:
        parts = split(data, formats.registry(), pool)
        entries = run_all(pool, identify, sorted(parts.tensors, key=lambda tensor: -tensor.spec.nbytes))
    layout = parts.layout.to_bytes()
    return Manifest(
        parts.format,
        len(data),
        Entry("layout", TensorSpec("U8", (len(layout),)), digest(layout), NOT_STORED),
        tuple(sorted(entries, key=lambda entry: sort_key(entry.name))),
    )
