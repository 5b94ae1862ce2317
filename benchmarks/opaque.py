"""The cost of new versions of files that aren't split, beside `zstd --patch-from`. Without Git."""

from __future__ import annotations

import io
import pickle
import subprocess
import zlib
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.rows import Row
from git_theta.clean import Cleaner
from git_theta.sketches.search import SketchSearch
from git_theta.smudge import Smudger
from git_theta.store.local import LocalStore
from git_theta.store.sketch_cache import SketchCache

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from git_theta.model.manifest import Manifest

    Arrays = Mapping[str, NDArray[Any]]

UNIT = "times"

#: Bytes stored for a new version, as a share of those that zstd needs, at most.
_LIMIT = 1.5

_LAYERS, _SIZE = 60, (256, 384)


def opaque(folder: Path) -> Iterator[Row]:
    """A row for each pair of versions.

    Args:
        folder: Where files and stores go.

    Raises:
        ValueError: A file didn't come back.
    """
    for name, old, new in _pairs():
        before, after = folder / "old", folder / "new"
        before.write_bytes(old)
        after.write_bytes(new)
        needed = _by_zstd(before, after)
        for elsewhere in (False, True):
            store = LocalStore(folder / f"opaque-{name.replace(' ', '-')}-{elsewhere}")
            with closing(SketchSearch(SketchCache(store.root))) as search:
                first = _cleaned(store, search, old)
                known = _stored(store)
                # At another path, only the content leads to the old version.
                second = _cleaned(store, search, new, first, elsewhere=elsewhere)
            with (folder / "out").open("w+b") as file:
                Smudger(store).smudge(second, file.fileno())
                file.seek(0)
                if file.read() != new:
                    raise ValueError(f"{name}: the file didn't come back")
            row = f"{name}, elsewhere" if elsewhere else name
            yield Row(row, UNIT, ((_stored(store) - known) / needed,), limit=_LIMIT)


def _pairs() -> Iterator[tuple[str, bytes, bytes]]:
    """Names of pairs, and the files: old and new."""
    random = np.random.default_rng(0)
    arrays = {f"layer.{n}": (random.standard_normal(_SIZE) * 0.05).astype("f4") for n in range(_LAYERS)}
    tuned = {name: each * np.float32(1 + 1e-4 * (n % 7)) for n, (name, each) in enumerate(arrays.items())}
    raw, tuned_raw = (b"".join(each.tobytes() for each in one.values()) for one in (arrays, tuned))
    yield "32 bytes in front", b"GGUF" + b"h" * 60 + raw, b"GGUF" + b"h" * 92 + raw
    yield "32 bytes in front and tuned", b"GGUF" + b"h" * 60 + raw, b"GGUF" + b"h" * 92 + tuned_raw
    packed_arrays = _compressed(arrays)
    more = _compressed({**arrays, "step": np.arange(9)})
    yield "compressed npz with one more array", packed_arrays, more
    yield "compressed npz, tuned", packed_arrays, _compressed(tuned)
    yield "longer names", _named(arrays, ""), _named(arrays, "encoder.")
    for kind, packed in (("pickle", bytes), ("joblib, compressed", lambda data: zlib.compress(data, 3))):
        files = (packed(pickle.dumps({"step": step, **arrays})) for step in (9, 1_000_000))
        yield f"{kind}, a longer number", *files
    lines = [f"leaf_value={value!r}\n" for value in random.standard_normal(100_000).tolist()]
    edited = [line.replace("1", "2") if n % 900 == 7 else line for n, line in enumerate(lines)]
    yield "text, edited", "".join(lines[:90_000]).encode(), "".join(edited[:90_000]).encode()
    yield "text, longer", "".join(lines[:90_000]).encode(), "".join(lines).encode()


def _compressed(arrays: Arrays) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def _named(arrays: Arrays, prefix: str) -> bytes:
    """Arrays with their names between them, as in ONNX."""
    return b"".join((prefix + name).encode() + b"\x12" + each.tobytes() for name, each in arrays.items())


def _cleaned(
    store: LocalStore, search: SketchSearch, data: bytes, *others: Manifest, elsewhere: bool = False
) -> Manifest:
    """The manifest of a file; values of other files are known by their digests."""
    sources = {entry.digest: entry.source for other in others for entry in other.all_entries()}
    cleaner = Cleaner(store, known=sources.get, search=search)
    return cleaner.clean(memoryview(data), () if elsewhere else others).manifest


def _stored(store: LocalStore) -> int:
    return sum(path.stat().st_size for path in store.root.rglob("*") if len(path.name) == 64)


def _by_zstd(old: Path, new: Path) -> int:
    """Bytes of the new file for `zstd --patch-from`."""
    command = ["zstd", "-q", "-f", f"--patch-from={old}", str(new), "-o", str(new.with_suffix(".zst"))]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return new.with_suffix(".zst").stat().st_size
