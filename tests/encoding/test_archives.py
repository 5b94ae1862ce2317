"""Versions of compressed files: what they cost, and that they come back."""

from __future__ import annotations

import gzip
import io
import pickle
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.codecs.deflate.reference import is_zlib
from git_theta.encoding import archives
from git_theta.model.manifest import Manifest
from git_theta.model.sizes import payload_bytes
from git_theta.model.tensor import TensorSpec
from git_theta.store.local import LocalStore
from git_theta.updates import deflated
from tests.helpers.storing import clean, smudge
from tests.helpers.weights import trained, tuned

pytestmark = pytest.mark.skipif(not is_zlib(6), reason="Python's zlib is another library")

SPEC = TensorSpec("F32", (300, 512))
OLD = {f"layer{n}.weight": trained(SPEC, n) for n in range(3)}
NEW = OLD | {name: tuned(OLD[name], SPEC) for name in ("layer0.weight", "layer2.weight")}
Arrays = dict[str, NDArray[Any]]


def arrays(values: dict[str, bytes]) -> Arrays:
    return {name: np.frombuffer(value, "<f4").reshape(SPEC.shape) for name, value in values.items()}


def npz(values: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays(values))
    return file.getvalue()


def in_gzip(values: dict[str, bytes]) -> bytes:
    return gzip.compress(pickle.dumps(arrays(values)), mtime=0)


def in_zlib(values: dict[str, bytes]) -> bytes:
    """As joblib compresses."""
    return zlib.compress(pickle.dumps(arrays(values)), 3)


def cost(store: LocalStore, new: Manifest, old: Manifest) -> float:
    known = set(old.entries[0].source.payloads())
    refs = [ref for ref in new.entries[0].source.payloads() if ref not in known]
    return payload_bytes(refs, store.size) / new.size


@pytest.mark.parametrize("write", [npz, in_gzip, in_zlib])
def test_tuned_arrays_cost_about_as_much_as_in_a_file_that_is_not_compressed(
    write: Any, tmp_path: Path
) -> None:
    store = LocalStore(tmp_path)
    first = clean(store, write(OLD))
    second = clean(store, write(NEW), first)
    assert second.entries[0].source.update == "deflated"
    assert cost(store, second, first) < 0.5
    assert smudge(store, second) == write(NEW)
    third = clean(store, write(NEW | {"layer2.weight": OLD["layer2.weight"]}), second)
    assert cost(store, third, first) < 0.3
    assert smudge(store, third) == write(NEW | {"layer2.weight": OLD["layer2.weight"]})


def test_without_zlib_a_file_comes_back_from_what_was_stored_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)
    small = {name: value[: 4 * 512 * 100] for name, value in OLD.items()}

    def write(values: dict[str, bytes]) -> bytes:
        file = io.BytesIO()
        np.savez_compressed(
            file,
            noise=np.random.default_rng(0).bytes(1 << 20),
            **{name: np.frombuffer(value, "<f4") for name, value in values.items()},
        )
        return file.getvalue()

    changed = small | {"layer1.weight": tuned(small["layer1.weight"], TensorSpec("F32", (51_200,)))}
    first = clean(store, write(small))
    second = clean(store, write(changed), first)
    assert second.entries[0].source.update == "deflated"
    monkeypatch.setattr(deflated, "is_zlib", lambda _level: False)
    assert smudge(store, second) == write(changed)


def test_without_zlib_streams_are_kept_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "is_zlib", lambda _level: False)
    store = LocalStore(tmp_path)
    second = clean(store, npz(NEW), clean(store, npz(OLD)))
    assert second.entries[0].source.update != "deflated"
    assert smudge(store, second) == npz(NEW)


def test_streams_that_zlib_did_not_write_are_kept_as_they_are(tmp_path: Path) -> None:
    def write(values: dict[str, bytes]) -> bytes:
        """A stream whose blocks are shorter."""
        compressor = zlib.compressobj(6, zlib.DEFLATED, 31)
        data = b"".join(values.values())
        pieces = [
            compressor.compress(data[at : at + 5000]) + compressor.flush(zlib.Z_FULL_FLUSH)
            for at in range(0, len(data), 5000)
        ]
        return b"".join(pieces) + compressor.flush()

    store = LocalStore(tmp_path)
    second = clean(store, write(NEW), clean(store, write(OLD)))
    assert second.entries[0].source.update != "deflated"
    assert smudge(store, second) == write(NEW)
