"""Missing sketches: those of values that were stored elsewhere, or by a version that made none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from git_theta.encoding.candidates import NewParameter
from git_theta.encoding.decode import read_value
from git_theta.errors import ThetaError
from git_theta.model.manifest import Entry, Manifest
from git_theta.runtime.threads import run_grouped
from git_theta.sketches.archive_content import content_sketch
from git_theta.sketches.content import has_content_sketch
from git_theta.sketches.content_search import MAX_RATIO
from git_theta.sketches.sketch import SampleTaker
from git_theta.store.base import Store
from git_theta.updates.whole_value import whole_value

if TYPE_CHECKING:
    from git_theta.sketches.content import ContentSketch
    from git_theta.sketches.search import SketchSearch
    from git_theta.sketches.sketch import Sketch

#: Bytes that are read for new values of bytes, as a multiple of theirs.
_MAX_CONTENT = 4


def make_missing_sketches(
    wanted: Sequence[NewParameter],
    candidates: Iterable[Manifest],
    search: SketchSearch,
    store: Store,
    pool: ThreadPoolExecutor,
) -> list[Entry]:
    """Make sketches of stored values that new ones may resemble, once.

    At most as many bytes are read as the new tensors have, and a few times as many as new values of bytes
    have. Nothing is downloaded.

    Args:
        wanted: Parameters of a new file that no name suggests a base for.
        candidates: Checkpoints of the repository.
        search: Keeps the sketches.
        store: Where the checkpoints' objects are.
        pool: Threads that read values.

    Returns:
        The entries of the values that have a sketch now.
    """
    entries = [entry for manifest in candidates for entry in manifest.entries]
    tensors = [item.spec for item in wanted if not has_content_sketch(item.spec)]
    counts = {spec.count for spec in tensors}
    same_size = search.without_sketch(entry for entry in entries if entry.spec.count in counts)
    chosen = _readable(same_size, sum(spec.nbytes for spec in tensors), store)
    made = run_grouped(pool, partial(_sketch, store), chosen, lambda entry: entry.spec.nbytes)
    search.add(sketches := dict(filter(None, made)))

    others: list[Entry] = []
    contents: dict[str, ContentSketch] = {}
    sizes = [item.spec.nbytes for item in wanted if has_content_sketch(item.spec)]
    if sizes:
        smallest, largest = min(sizes) // MAX_RATIO, max(sizes) * MAX_RATIO
        near = (entry for entry in entries if smallest <= entry.spec.nbytes <= largest)
        others = _readable(search.contents.without_sketch(near), _MAX_CONTENT * sum(sizes), store)
        found = run_grouped(pool, partial(_content, store), others, lambda entry: entry.spec.nbytes)
        search.contents.add(contents := dict(filter(None, found)))
    return [entry for entry in (*chosen, *others) if entry.digest in sketches or entry.digest in contents]


def _sketch(store: Store, entry: Entry) -> tuple[str, Sketch] | None:
    """Digest and sketch of a tensor; `None` if it can't be read."""
    samples = SampleTaker(entry.spec.as_bytes)
    # A value that can't be read is no base either.
    with suppress(ThetaError):
        for piece in read_value(entry, store):
            samples.take(piece)
        return entry.digest, samples.sketch()
    return None


def _content(store: Store, entry: Entry) -> tuple[str, ContentSketch] | None:
    """Digest and content sketch of a value of bytes; `None` if it can't be read."""
    with suppress(ThetaError):
        value = whole_value(lambda _nbytes: read_value(entry, store), entry.spec.nbytes)
        return entry.digest, content_sketch(value)
    return None


def _readable(entries: Iterable[Entry], nbytes: int, store: Store) -> list[Entry]:
    """The first entries whose objects are here, with at most so many bytes together."""
    found: dict[str, Entry] = {}
    for entry in entries:
        if entry.digest not in found and all(store.has(ref.oid) for ref in entry.source.payloads()):
            nbytes -= entry.spec.nbytes
            if nbytes < 0:
                break
            found[entry.digest] = entry
    return list(found.values())
