"""Many values at once are those that each has by itself, or the same errors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from git_theta.encoding.decode import read_value
from git_theta.encoding.many_values import decode_bundled, read_values
from git_theta.errors import CorruptError, MissingObjectError
from git_theta.limits import Limits
from git_theta.model.manifest import Entry, Manifest, ObjectRef, Source
from git_theta.store.alternative_sources import AlternativeSources
from git_theta.store.local import LocalStore
from git_theta.updates.dense import Dense
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.storing import clean

SHAPES = [(), (0,), (1,), (17,), (3, 5), (64,), (1000,), (5000,)]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "theta")


@pytest.fixture
def versions(store: LocalStore) -> list[Manifest]:
    """Three versions of values of many sizes and dtypes; the later ones are steps from the first."""
    rng = np.random.default_rng(0)
    kinds = ("f2", "f4", "i1", "i8")
    arrays = {
        f"{shape}.{kind}.{n}": np.asarray(rng.standard_normal(shape) * 9).astype(kind)
        for n in range(5)
        for kind in kinds
        for shape in SHAPES
    }
    made: list[Manifest] = []
    for seed in range(3):
        change = np.random.default_rng(seed)
        new = {
            name: (array * (1 + 1e-3 * change.random(array.shape))).astype(array.dtype)
            for name, array in arrays.items()
        }
        made.append(clean(store, safetensors_bytes(new), *made[::-1]))
    return made


def alone(entries: Sequence[Entry], store: LocalStore) -> list[bytes]:
    return [b"".join(read_value(entry, store)) for entry in entries]


def together(entries: Sequence[Entry], store: LocalStore) -> list[bytes]:
    return [b"".join(pieces) for pieces in read_values(entries, store)]


def test_many_values_are_those_that_each_is_alone(versions: list[Manifest], store: LocalStore) -> None:
    entries = [entry for manifest in versions for entry in manifest.all_entries()]
    found = decode_bundled([(entry.source, entry.spec.nbytes) for entry in entries], store)
    bundled = [entry for entry, value in zip(entries, found, strict=True) if value is not None]
    assert {entry.source.update for entry in bundled} == {"dense", "steps"}
    assert None in found
    assert together(entries, store) == alone(entries, store)
    np.random.default_rng(1).shuffle(entries)  # type: ignore[arg-type]
    assert together(entries, store) == alone(entries, store)
    assert together([], store) == []


def test_limits_are_those_of_each_value(versions: list[Manifest], store: LocalStore) -> None:
    entries = versions[-1].entries
    strict = LocalStore(store.root, limits=Limits(work=1 << 20))
    found = decode_bundled([(entry.source, entry.spec.nbytes) for entry in entries], strict)
    assert set(found) == {None}
    assert together(entries, strict) == alone(entries, store)


def test_an_error_is_that_of_its_value(versions: list[Manifest], store: LocalStore) -> None:
    entries = [entry for entry in versions[-1].entries if entry.source.update == "steps"][:4]
    source = entries[2].source
    entries[2] = replace(entries[2], source=replace(source, place=(source.place or 0) + (1 << 20)))
    values = read_values(entries, store)
    assert [b"".join(next(values)) for _ in range(2)] == alone(entries[:2], store)
    with pytest.raises(CorruptError, match=f"{re.escape(entries[2].name)}'.*and none at"):
        list(next(values))
    assert b"".join(next(values)) == alone(entries[3:], store)[0]


@pytest.mark.parametrize("count", [0, 2])
def test_a_value_of_another_number_of_inputs_is_refused(
    versions: list[Manifest], store: LocalStore, count: int
) -> None:
    entry = next(entry for entry in versions[-1].entries if entry.source.update == "steps")
    changed = replace(entry, source=replace(entry.source, inputs=entry.source.inputs * count))
    assert decode_bundled([(changed.source, entry.spec.nbytes)], store) == [None]
    with pytest.raises(CorruptError, match=f"'steps' in a bundle can't have {count} inputs"):
        together([changed], store)


def test_a_value_with_another_digest_is_refused(versions: list[Manifest], store: LocalStore) -> None:
    first, second = [entry for entry in versions[-1].entries if entry.spec.nbytes == 256][:2]
    with pytest.raises(CorruptError, match="have the digest"):
        together([first, replace(second, source=first.source)], store)


def test_missing_objects_have_alternatives(versions: list[Manifest], store: LocalStore) -> None:
    new = [entry for entry in versions[-1].entries if entry.spec.nbytes == 256]
    expected = alone(new, store)
    copy = store.put([b"".join(Dense().encode(memoryview(expected[0]), new[0].spec))])
    lost = new[0].source.payload
    assert lost
    store.path(lost.oid).unlink()
    with pytest.raises(MissingObjectError, match=r"parameter.*64"):
        together(new[:1], LocalStore(store.root))
    other = Source("dense", ObjectRef(copy))
    alternatives = AlternativeSources(lambda: True, lambda: {new[0].digest: other})
    values = read_values(new, LocalStore(store.root, alternatives=alternatives))
    assert b"".join(next(values)) == expected[0]
    with pytest.raises(MissingObjectError):
        list(next(values))
