"""Side-loading of arrays, without Git."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from git_theta.clean import Cleaner
from git_theta.encoding.decode import read_value
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.tensor import numpy_dtype
from git_theta.sideload.draft import apply, check_steps, store_all
from git_theta.sideload.given_update import FromData, GivenUpdate, side_loaded
from git_theta.sideload.peft import is_adapter, read_adapter
from git_theta.sideload.update_data import read_steps
from git_theta.store.local import LocalStore
from tests.helpers.checkpoints import safetensors_bytes

Arrays = Mapping[str, NDArray[Any]]


def stored(arrays: Arrays, folder: Path) -> tuple[Manifest, LocalStore]:
    """The manifest of a safetensors file of these arrays."""
    store = LocalStore(folder / "theta")
    return Cleaner(store).clean(memoryview(safetensors_bytes(arrays))).manifest, store


def given_by(data: Path, kind: str, manifest: Manifest) -> dict[str, tuple[GivenUpdate, ...]]:
    """The updates that a file or an adapter gives, checked."""
    specs = {entry.name: entry.spec for entry in manifest.entries}
    if is_adapter(data, kind):
        given = read_adapter(data, kind, specs)
    else:
        update = side_loaded(kind)
        assert isinstance(update, FromData)
        given = read_steps(data, update, specs)
    for name, steps in given.items():
        check_steps(steps, name, specs[name])
    return given


def made(manifest: Manifest, store: LocalStore, data: Path, kind: str) -> dict[str, Entry]:
    """The entries of the parameters that a file or an adapter gives something to."""
    given = given_by(data, kind, manifest)
    old = manifest.by_name
    return store_all(lambda name: apply(old[name], given[name], store), given, store, 1)


def sideloaded(arrays: Arrays, data: Path, kind: str, folder: Path) -> dict[str, NDArray[Any]]:
    """The changed parameters, read back from the store."""
    manifest, store = stored(arrays, folder)
    old = manifest.by_name
    found = {}
    for name, entry in made(manifest, store, data, kind).items():
        if entry.digest != old[name].digest:
            value = b"".join(map(bytes, read_value(entry, store)))
            found[name] = np.frombuffer(value, numpy_dtype(entry.spec.dtype)).reshape(entry.spec.shape)
    return found


def ulps(one: NDArray[Any], other: NDArray[Any]) -> int:
    """The largest number of float32 steps between two arrays."""
    ordered = []
    for array in (one, other):
        bits = np.ascontiguousarray(array, "<f4").view("<i4").astype("i8")
        ordered.append(np.where(bits < 0, -(bits & 0x7FFFFFFF), bits))
    return int(np.abs(ordered[0] - ordered[1]).max(initial=0))
