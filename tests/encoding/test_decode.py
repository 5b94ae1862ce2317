from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.encoding.decode import (
    decode_source,
    decode_verified,
    read_value,
    require_objects,
)
from git_theta.errors import CorruptError, MissingObjectError, PluginError
from git_theta.model.manifest import Entry, Manifest, ObjectRef, Source
from git_theta.store.alternative_sources import AlternativeSources
from git_theta.store.local import LocalStore
from git_theta.updates.base import Pieces
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.storing import clean
from tests.helpers.weights import joined


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "theta")


def stored(store: LocalStore, arrays: Mapping[str, NDArray[np.float32]]) -> Manifest:
    return clean(store, safetensors_bytes(dict(arrays)))


@pytest.fixture
def entry(store: LocalStore) -> Entry:
    (found,) = stored(store, {"w": np.arange(1000, dtype="f4")}).entries
    return found


def test_a_value_is_read_and_checked(store: LocalStore, entry: Entry) -> None:
    value = np.arange(1000, dtype="f4").tobytes()
    assert joined(read_value(entry, store)) == value
    assert joined(decode_source(entry.source, 4000, store)) == value
    assert joined(decode_verified(entry.source, store, 4000)) == value


def test_another_digest_names_parameter_and_object(store: LocalStore, entry: Entry) -> None:
    (ref,) = entry.source.payloads()
    with pytest.raises(CorruptError, match=rf"'w': the value doesn't have the digest f.*object {ref.oid}"):
        joined(read_value(replace(entry, digest="f" * 64), store))


def test_a_missing_object_names_the_parameter(store: LocalStore, entry: Entry) -> None:
    lost = replace(entry, source=Source("dense", ObjectRef("e" * 64)))
    with pytest.raises(MissingObjectError, match=r"parameter 'w': .*eeee"):
        joined(read_value(lost, store))


def test_an_unknown_update_is_named(store: LocalStore, entry: Entry) -> None:
    foreign = replace(entry, source=replace(entry.source, update="nonesuch"))
    with pytest.raises(PluginError, match=r"parameter 'w': there's no update called 'nonesuch'"):
        joined(read_value(foreign, store))


def test_a_range_beyond_the_end_of_an_object(store: LocalStore, entry: Entry) -> None:
    (ref,) = entry.source.payloads()
    beyond = replace(entry, source=Source("dense", ObjectRef(ref.oid, ref.offset, 1 << 20)))
    with pytest.raises(CorruptError, match="too short"):
        joined(read_value(beyond, store))


def test_objects_are_required_without_reading_them(store: LocalStore) -> None:
    made = stored(store, {"w": np.ones(10, "f4")})
    require_objects(made, store)
    for oid in made.oids():
        store.path(oid).unlink()
    with pytest.raises(MissingObjectError, match="parameter 'layout'"):
        require_objects(made, store)


def with_alternative(store: LocalStore, entry: Entry, source: Source) -> LocalStore:
    alternatives = AlternativeSources(lambda: True, lambda: {entry.digest: source})
    return LocalStore(store.root, alternatives=alternatives)


def test_an_alternative_source_gives_a_value_whose_object_is_missing(store: LocalStore, entry: Entry) -> None:
    lost = replace(entry, source=Source("dense", ObjectRef("e" * 64)))
    reading = with_alternative(store, entry, entry.source)
    assert joined(read_value(lost, reading)) == np.arange(1000, dtype="f4").tobytes()
    require_objects(Manifest("raw", 0, lost, (lost,)), reading)


def test_an_alternative_source_gives_the_rest_of_a_value(store: LocalStore) -> None:
    value = np.random.default_rng(0).standard_normal(1 << 19).astype("f4")
    (entry,) = stored(store, {"w": value}).entries
    lost = Source("half-missing", None)
    reading = with_alternative(store, entry, entry.source)

    def half(source: Source, nbytes: int, reader: LocalStore) -> Pieces:
        if source != lost:
            yield from decode_source(source, nbytes, reader)
            return
        yield memoryview(value).cast("B")[:1_500_001]
        raise MissingObjectError("object e isn't here")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("git_theta.encoding.decode.decode_source", half)
        assert joined(read_value(replace(entry, source=lost), reading)) == value.tobytes()


@pytest.mark.parametrize("kind", ["another digest", "an unknown update", "a payload that's none", "absent"])
def test_an_alternative_source_that_fails_leaves_the_own_object_missing(
    store: LocalStore, entry: Entry, kind: str
) -> None:
    (wrong,) = stored(store, {"w": np.ones(1000, "f4")}).entries
    other = {
        "another digest": wrong.source,
        "an unknown update": replace(entry.source, update="nonesuch"),
        "a payload that's none": Source("dense", ObjectRef(store.put([b"nothing"]))),
        "absent": Source("dense", ObjectRef("f" * 64)),
    }[kind]
    lost = replace(entry, source=Source("dense", ObjectRef("e" * 64)))
    with pytest.raises(MissingObjectError, match=r"parameter 'w': object eeee"):
        joined(read_value(lost, with_alternative(store, entry, other)))


def test_an_alternative_source_is_not_for_damaged_objects(store: LocalStore, entry: Entry) -> None:
    damaged = replace(entry, source=Source("dense", ObjectRef(store.put([b"nothing"]))))
    with pytest.raises(CorruptError):
        joined(read_value(damaged, with_alternative(store, entry, entry.source)))
