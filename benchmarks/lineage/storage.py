"""Bytes that graphs of models take: in git-theta, in Git LFS, and where each distinct tensor is kept once."""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING

from benchmarks.lineage.figure import Figure
from benchmarks.lineage.repositories import repository_of
from benchmarks.weights import read_header

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.lineage.shapes.library import Graph
    from benchmarks.sandbox import Home

#: How many times as much Git LFS stores, at least.
_SMALLER = 2.0


def storage_figures(graph: Graph, home: Home) -> Iterator[Figure]:
    """How many times as much others store for a graph as git-theta does."""
    repository = repository_of(graph, home, f"{graph.name}-storage")
    ours = repository.stored_bytes()
    repository.remove()
    files = {hashlib.sha256(path.read_bytes()).digest(): path for path in _paths(graph)}
    # An object of Git LFS is the file as it is.
    lfs = sum(path.stat().st_size for path in files.values())
    plain, packed = _distinct_tensors(_paths(graph))
    sizes = f"{lfs / 1e6:.1f} MB of files, {ours / 1e6:.1f} MB stored"
    yield Figure(f"{graph.name}: Git LFS", lfs / ours, "times", least=_SMALLER, remark=sizes)
    yield Figure(f"{graph.name}: distinct tensors", plain / ours, "times")
    yield Figure(f"{graph.name}: distinct tensors, by zlib", packed / ours, "times")


def _paths(graph: Graph) -> list[Path]:
    return [graph.folder / model.path for model in graph.models]


def _distinct_tensors(paths: list[Path]) -> tuple[int, int]:
    """Bytes of the distinct tensors of files, as they are and compressed, each tensor alone."""
    known: set[bytes] = set()
    plain, packed = 0, 0
    for path in paths:
        header, start = read_header(path)
        data = path.read_bytes()
        for name, field in header.items():
            if name == "__metadata__":
                continue
            begin, end = field["data_offsets"]
            value = data[start + begin : start + end]
            key = hashlib.sha256(f"{field['dtype']} {field['shape']}".encode() + value).digest()
            if key not in known:
                known.add(key)
                plain += len(value)
                packed += min(len(value), len(zlib.compress(value, 1)))
    return plain, packed
