"""The cost of a new version of a model when the old one is stored, beside the cost in other schemes.

The cost is that of the changed parameters, those whose digest isn't in the old manifest: bytes of payloads
that the old version doesn't have, divided by the parameters' raw bytes.
"""

from __future__ import annotations

import mmap
import os
import shutil
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.table import Table

from benchmarks import baselines
from benchmarks.rows import Row
from git_theta.api import load
from git_theta.clean import Cleaner
from git_theta.model.sizes import payload_bytes
from git_theta.runtime.threads import default_threads
from git_theta.smudge import Smudger
from git_theta.store.local import LocalStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from benchmarks.pairs import Pair
    from git_theta.model.manifest import Entry, Manifest, ObjectRef, Source

UNIT = "of changed"

#: What counts as no more than dense: unchanged values are missing in bundles, whose headers are as long.
_DENSE = 1.0001

#: The width of the report in columns of text.
WIDTH = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Share(Row):
    """The row of a pair. All sizes are in bytes; the sample is `stored / raw`.

    Attributes:
        parameters: How many changed.
        raw: Their raw size.
        stored: What git-theta stored for them.
        dense: What it stores for them when it knows no other version.
        xor: What XOR planes need.
        ideal: What ordered differences need at least.
        zipnn: What ZipNN needs for the new values alone; `None` if it isn't installed.
        exact: Whether smudge gave the file's bytes back.
        encode: Seconds of clean, and of clean without the old version.
        decode: Seconds of smudge, and of smudge where all was stored without the old version.
        raw_news: As in `Pair`.
    """

    parameters: int
    raw: int
    stored: float
    dense: float
    xor: int
    ideal: float
    zipnn: int | None
    exact: bool
    encode: tuple[float, float]
    decode: tuple[float, float]
    raw_news: int | None

    @property
    def met(self) -> bool | None:
        """Whether the file was rebuilt exactly, and its cost is within the limit."""
        if not self.exact:
            return False
        return None if self.limit is None else self.figure <= self.limit

    def to_json(self) -> dict[str, Any]:
        """The row with its sizes and seconds."""
        # A dataclass with slots is a new class, for which super() without arguments fails.
        own = {name: getattr(self, name) for name in Share.__slots__}
        return Row.to_json(self) | own


def measure(pair: Pair, folder: Path) -> Share:
    """Store the old version, then the new one; rebuild it; try the other schemes.

    Raises:
        ValueError: No parameter changed, so that there's nothing to measure.
    """
    stores = LocalStore(folder / "onto"), LocalStore(folder / "dense")
    old, _ = _clean(stores[0], pair.old)
    dense, dense_encode = _clean(stores[1], pair.new)
    known = [old]
    for parent in pair.parents:
        known.append(_clean(stores[0], parent, known, elsewhere=True)[0])
    new, encode = _clean(stores[0], pair.new, known, elsewhere=pair.elsewhere)
    # Warm up memory and disk, so that the first measurement doesn't pay for them.
    _smudge(stores[1], dense, pair.new, folder / "out")
    exact_dense, dense_decode = _smudge(stores[1], dense, pair.new, folder / "out")
    exact, decode = _smudge(stores[0], new, pair.new, folder / "out")

    before = {entry.digest for entry in old.all_entries()}
    scoped = (entry for entry in new.entries if entry.name.startswith(pair.scope))
    # By digest: tied parameters count once.
    changed = list({entry.digest: entry for entry in scoped if entry.digest not in before}.values())
    if not changed:
        raise ValueError(f"{pair.name}: no parameter changed between {pair.old} and {pair.new}")
    raw = sum(entry.spec.nbytes for entry in changed)
    stored = _stored(stores[0], changed, new, known)
    alone = _stored(stores[1], [dense.by_name[entry.name] for entry in changed], dense)
    for store in stores:
        shutil.rmtree(store.root)
    xor, ideal, packed = _others(pair, changed, old)
    return Share(
        pair.name,
        UNIT,
        (stored / raw,),
        limit=_DENSE * alone / raw if pair.at_most_dense else pair.limit,
        parameters=len(changed),
        raw=raw,
        stored=stored,
        dense=alone,
        xor=xor,
        ideal=ideal,
        zipnn=packed,
        exact=exact and exact_dense,
        encode=(encode, dense_encode),
        decode=(decode, dense_decode),
        raw_news=pair.raw_news,
    )


def table(shares: Sequence[Share]) -> Table:
    """The report of this case."""
    title = "Changed parameters, stored after the old version: share of their raw size"
    # The ideal length ignores the bytes that an adaptive coder spends on learning its model.
    caption = "ideal: the scheme's ideal code length, not a coder's output; add, checkout: time against dense"
    result = Table(title=title, caption=caption)
    for heading in (
        "",
        "raw MB",
        "theta",
        "target",
        " ",
        "dense",
        "BitX-like",
        "FM-Delta-like\n(ideal)",
        "ZipNN",
        "add",
        "checkout",
        "bit-exact",
    ):
        result.add_column(heading, justify="right" if heading else "left")
    for share in shares:
        others = (share.dense, share.xor, share.ideal, share.zipnn)
        result.add_row(
            share.name,
            f"{share.raw / 1e6:.2f}",
            f"{share.figure:.3f}",
            "" if share.limit is None else f"{share.limit:.3f}",
            {True: "[green]met[/green]", False: "[red]missed[/red]", None: ""}[share.met],
            *("-" if size is None else f"{size / share.raw:.3f}" for size in others),
            *(f"{ours / alone:.2f}x" for ours, alone in (share.encode, share.decode)),
            "yes" if share.exact else "[red]no[/red]",
        )
    return result


def notes(shares: Iterable[Share]) -> Iterator[str]:
    """The lines below the table."""
    for share in shares:
        if share.raw_news is not None:
            stored = f"{share.stored:,.0f} bytes stored"
            yield f"{share.name}: {stored}; raw, the news are {share.raw_news:,} bytes"


def _clean(
    store: LocalStore, path: Path, others: Sequence[Manifest] = (), elsewhere: bool = False
) -> tuple[Manifest, float]:
    """The manifest of a file, and the seconds to store it; values are known by their digests."""
    sources = {entry.digest: entry.source for old in others for entry in old.all_entries()}

    def known(digests: Iterable[str]) -> dict[str, Source]:
        return {digest: sources[digest] for digest in digests if digest in sources}

    cleaner = Cleaner(store=store, known=known, threads=default_threads(), candidates=lambda: others)
    previous = [] if elsewhere else others
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        os.sync()
        start = time.perf_counter()
        with memoryview(data) as view:
            manifest = cleaner.clean(view, previous=previous).manifest
        return manifest, time.perf_counter() - start


def _smudge(store: LocalStore, manifest: Manifest, original: Path, target: Path) -> tuple[bool, float]:
    """Whether the rebuilt file has the original's bytes, and the seconds to rebuild it."""
    # Never over an earlier file: its pages in memory would make the second rebuild faster.
    target.unlink(missing_ok=True)
    with target.open("w+b") as file:
        os.sync()
        start = time.perf_counter()
        Smudger(store=store, threads=default_threads()).smudge(manifest, file.fileno())
        seconds = time.perf_counter() - start
    with target.open("rb") as ours, original.open("rb") as theirs:
        while (piece := ours.read(1 << 20)) == theirs.read(1 << 20):
            if not piece:
                return True, seconds
    return False, seconds


def _stored(
    store: LocalStore, entries: Sequence[Entry], manifest: Manifest, others: Sequence[Manifest] = ()
) -> float:
    """Bytes of the entries' payloads, without those that other files need, too.

    Of a payload that is coded together with other values of the manifest, the entries' share counts.
    """
    had = {ref for old in others for entry in old.all_entries() for ref in entry.source.payloads()}
    refs = {ref for entry in entries for ref in entry.source.payloads()} - had
    counted, whole = _bytes_by_bundle(entries), _bytes_by_bundle(manifest.entries)
    return sum(payload_bytes([ref], store.size) * counted.get(ref, 1) / whole.get(ref, 1) for ref in refs)


def _bytes_by_bundle(entries: Iterable[Entry]) -> dict[ObjectRef, int]:
    """Bytes of the values that each payload of several has, each value once."""
    found: dict[ObjectRef, dict[int, int]] = defaultdict(dict)
    for entry in entries:
        if entry.source.payload and entry.source.place is not None:
            found[entry.source.payload][entry.source.place] = entry.spec.nbytes
    return {ref: sum(values.values()) for ref, values in found.items()}


def _others(pair: Pair, changed: Sequence[Entry], old: Manifest) -> tuple[int, float, int | None]:
    """Bytes that XOR planes, ordered differences and ZipNN need for the changed parameters."""
    zipnn = baselines.zipnn()
    values = load(pair.new, params=[entry.name for entry in changed])
    based = {
        entry.name
        for entry in changed
        if entry.name in old.by_name and old.by_name[entry.name].spec == entry.spec
    }
    bases = load(pair.old, params=based)
    xor, ideal, packed = 0, 0.0, 0
    for entry in changed:
        dtype, word = entry.spec.dtype, f"<u{entry.spec.word_size}"
        new = values[entry.name].reshape(-1).view(word)
        base = bases[entry.name].reshape(-1).view(word) if entry.name in based else None
        xor += baselines.xor_planes(new, base)
        ideal += new.nbytes if base is None else baselines.ordered_difference(new, base, dtype)
        packed += zipnn(new, dtype) if zipnn else 0
    return xor, ideal, packed if zipnn else None
