"""The bases of many new values: as each of them has alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from git_theta.encoding.many_values import read_values
from git_theta.encoding.small_bases import small_bases
from git_theta.encoding.value_writer import ValueWriter
from git_theta.model.manifest import Manifest
from git_theta.store.batch import Batch
from git_theta.store.local import LocalStore
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.storing import clean


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "theta")


@pytest.fixture
def versions(store: LocalStore) -> list[Manifest]:
    arrays = {f"w{n}": np.random.default_rng(n).standard_normal(64).astype("f4") for n in range(600)}
    made: list[Manifest] = []
    for seed in range(3):
        noise = np.random.default_rng(seed)
        new = {
            name: (array + 1e-4 * noise.standard_normal(64)).astype("f4") for name, array in arrays.items()
        }
        made.append(clean(store, safetensors_bytes(new), *made[::-1]))
    return made


def test_the_bases_are_the_roots_of_chains(versions: list[Manifest], store: LocalStore) -> None:
    first, _, last = versions
    values = [b"".join(pieces) for pieces in read_values(first.entries, store)]
    with Batch(store) as batch:
        writer = ValueWriter(store, batch, {})
        found = list(small_bases(writer, [[entry] for entry in last.entries]))
        assert {entry.source.update for entry in last.entries if entry.source.inputs} == {"steps"}
        assert [bases[0].source for bases in found] == [entry.source for entry in first.entries]
        assert [bases[0].data for bases in found] == values
        # Several versions have one root, and some new values have no counterpart.
        several = [[], [last.entries[3], first.entries[3]], []]
        assert list(small_bases(writer, several)) == [(), found[3], ()]
        flat = ValueWriter(store, batch, {}, depth=1)
        assert list(small_bases(flat, [[entry] for entry in first.entries[:2]])) == [(), ()]


def test_a_damaged_object_has_no_root_of_a_chain(versions: list[Manifest], store: LocalStore) -> None:
    first, _, last = versions
    lost = first.layout.source.payload
    assert lost
    path = store.path(lost.oid)
    data = bytearray(path.read_bytes())
    data[lost.offset] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    with Batch(store) as batch:
        writer = ValueWriter(LocalStore(store.root), batch, {})
        # A version as it is has a digest; a root has the names of its objects alone.
        whole = list(small_bases(writer, [[entry] for entry in first.entries]))
        assert [bases[0].source for bases in whole] == [entry.source for entry in first.entries]
        assert set(small_bases(writer, [[entry] for entry in last.entries])) == {()}
