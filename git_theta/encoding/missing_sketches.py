"""Missing sketches: those of values that were stored elsewhere, or by a version that made none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from git_theta.encoding.candidates import NewParameter
from git_theta.encoding.decode import read_value
from git_theta.errors import ThetaError
from git_theta.model.manifest import Entry, Manifest
from git_theta.runtime.threads import run_grouped
from git_theta.store.base import Store

if TYPE_CHECKING:
    from git_theta.sketches.search import SketchSearch


def make_missing_sketches(
    wanted: Sequence[NewParameter],
    candidates: Iterable[Manifest],
    search: SketchSearch,
    store: Store,
    pool: ThreadPoolExecutor,
) -> None:
    """Make sketches of stored values that new ones may resemble, once.

    At most as many bytes are read as the new values have. Nothing is downloaded.

    Args:
        wanted: Parameters of a new file that no name suggests a base for.
        candidates: Checkpoints of the repository.
        search: Keeps the sketches.
        store: Where the checkpoints' objects are.
        pool: Threads that read values.
    """
    from git_theta.sketches.sketch import SampleTaker, Sketch

    def sketch(entry: Entry) -> tuple[str, Sketch] | None:
        samples = SampleTaker(entry.spec.as_bytes)
        # A value that can't be read is no base either.
        with suppress(ThetaError):
            for piece in read_value(entry, store):
                samples.take(piece)
            return entry.digest, samples.sketch()
        return None

    counts = {item.spec.count for item in wanted}
    same_size = (entry for manifest in candidates for entry in manifest.entries if entry.spec.count in counts)
    missing = {entry.digest: entry for entry in search.without_sketch(same_size)}
    readable = (
        entry for entry in missing.values() if all(store.has(ref.oid) for ref in entry.source.payloads())
    )
    chosen = list(_first_bytes(readable, sum(item.spec.nbytes for item in wanted)))
    made = run_grouped(pool, sketch, chosen, lambda entry: entry.spec.nbytes)
    search.add(dict(filter(None, made)))


def _first_bytes(entries: Iterable[Entry], nbytes: int) -> Iterator[Entry]:
    """The first entries whose values have at most so many bytes together."""
    for entry in entries:
        nbytes -= entry.spec.nbytes
        if nbytes < 0:
            return
        yield entry
