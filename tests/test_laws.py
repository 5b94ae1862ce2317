"""The laws that storing and rebuilding a file must keep, whatever the file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from git_theta.clean import reconcile
from git_theta.errors import CorruptError, MissingObjectError, ThetaError
from git_theta.formats.base import Located, Tensor
from git_theta.model.digest import digest
from git_theta.model.layout import Checksum, Placement
from git_theta.model.manifest import Entry, Manifest, ObjectRef, Source
from git_theta.model.manifest_text import parse_manifest
from git_theta.model.tensor import TensorSpec
from git_theta.smudge import Smudger
from git_theta.store.local import LocalStore
from git_theta.updates.dense import Dense
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.generators import broken, safetensors
from tests.helpers.storing import clean, smudge

any_file = st.one_of(st.binary(max_size=2000), safetensors(), broken(safetensors()))
relaxed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture(scope="module")
def store() -> Iterator[LocalStore]:
    with tempfile.TemporaryDirectory() as folder:
        yield LocalStore(Path(folder))


@relaxed
@given(data=any_file)
def test_smudge_of_clean_is_the_file(store: LocalStore, data: bytes) -> None:
    manifest = clean(store, data)
    assert parse_manifest(manifest.to_bytes()) == manifest
    assert smudge(store, manifest) == data


@relaxed
@given(data=any_file)
def test_clean_twice_gives_one_manifest(store: LocalStore, data: bytes) -> None:
    assert clean(store, data) == clean(store, data)


@relaxed
@given(data=safetensors())
def test_equal_content_gives_the_previous_manifest(store: LocalStore, data: bytes) -> None:
    manifest = clean(store, data)
    earlier = replace(manifest, extra=(("x-note", "kept"),))
    assert clean(store, data, earlier) == earlier
    assert reconcile(manifest, []) == manifest


def test_a_file_larger_than_a_literal_is_opaque_bytes(store: LocalStore) -> None:
    data = os.urandom(3 << 20)
    manifest = clean(store, data)
    assert [entry.name for entry in manifest.entries] == [".bytes/0"]
    assert smudge(store, manifest) == data


def test_unchanged_parameters_cost_nothing(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    arrays = {f"layer.{i}": np.random.default_rng(i).standard_normal(400_000).astype("f4") for i in range(5)}
    clean(store, safetensors_bytes(arrays))
    before = dict(store.list())
    arrays["layer.3"][7] += 1
    second = clean(store, safetensors_bytes(arrays))
    new = {oid: size for oid, size in store.list() if oid not in before}
    assert len(new) == 1
    assert sum(new.values()) < 1.1 * arrays["layer.3"].nbytes
    assert smudge(store, second) == safetensors_bytes(arrays)


def test_equal_values_are_stored_once_in_a_file(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    weights = np.random.default_rng(0).standard_normal(500_000).astype("f4")
    clean(store, safetensors_bytes({"a": weights, "b": weights.copy()}))
    assert sum(size for _, size in store.list()) < 1.1 * weights.nbytes


class Strided:
    """A format of one matrix, stored in a way that the test chooses."""

    name = "strided"

    def __init__(self, *tensors: Tensor) -> None:
        self.tensors = tensors

    def matches(self, data: memoryview) -> bool:
        return True

    def locate(self, data: memoryview) -> Located:
        return Located(self.tensors)


@pytest.mark.parametrize(
    ("strides", "offset", "big_endian"),
    [((4, 400), 16, False), ((8, 1200), 24, False), ((40, 4), 4, True), ((-40, -4), 3996, False)],
)
def test_stored_transposed_scattered_swapped_or_reversed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    strides: tuple[int, int],
    offset: int,
    big_endian: bool,
) -> None:
    spec = TensorSpec("F32", (100, 10))
    tensor = Tensor("w", spec, offset, strides, big_endian)
    monkeypatch.setattr("git_theta.formats.registry", lambda: [Strided(tensor)])
    store = LocalStore(tmp_path)
    data = os.urandom(16_000)
    manifest = clean(store, data)
    assert manifest.format == "strided"
    assert smudge(store, manifest) == data
    words = np.ndarray((100, 10), ">u4" if big_endian else "<u4", data, offset, strides)
    assert smudge_value(store, manifest) == words.astype("<u4").tobytes()


def smudge_value(store: LocalStore, manifest: Manifest) -> bytes:
    from git_theta.encoding.decode import read_value

    return b"".join(map(bytes, read_value(manifest.by_name["w"], store)))


def test_overlapping_views_are_rebuilt_and_must_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Tensor("whole", TensorSpec("F32", (10,)), 0)
    part = Tensor("part", TensorSpec("F32", (5,)), 20)
    monkeypatch.setattr("git_theta.formats.registry", lambda: [Strided(whole, part)])
    store = LocalStore(tmp_path)
    one, other = os.urandom(44), os.urandom(44)
    first, second = clean(store, one), clean(store, other)
    assert smudge(store, first) == one
    mixed = replace(first, entries=(second.by_name["part"], first.by_name["whole"]))
    with pytest.raises(CorruptError, match="shares memory"):
        smudge(store, mixed)


def test_tied_parameters_must_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tied = [Tensor(name, TensorSpec("F32", (10,)), 0) for name in ("a", "b")]
    monkeypatch.setattr("git_theta.formats.registry", lambda: [Strided(*tied)])
    store = LocalStore(tmp_path)
    first, second = clean(store, os.urandom(40)), clean(store, os.urandom(40))
    mixed = replace(first, entries=(second.by_name["a"], first.by_name["b"]))
    with pytest.raises(CorruptError, match="'a' and 'b' are tied"):
        smudge(store, mixed)


def damaged(store: LocalStore, manifest: Manifest, name: str) -> str:
    """Flip a bit in a parameter's payload, near its end."""
    ref = manifest.by_name[name].source.payload
    assert ref is not None
    path = store.path(ref.oid)
    data = bytearray(path.read_bytes())
    end = len(data) if ref.length is None else ref.offset + ref.length
    data[end - 3] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    return ref.oid


@pytest.mark.parametrize("count", [100, 1_000_000])
def test_a_damaged_value_is_an_error_that_names_it(tmp_path: Path, count: int) -> None:
    store = LocalStore(tmp_path)
    values = np.random.default_rng(0).standard_normal(count).astype("f4")
    manifest = clean(store, safetensors_bytes({"some/weight": values}))
    oid = damaged(store, manifest, "some/weight")
    with pytest.raises(CorruptError, match="parameter 'some/weight'") as caught:
        smudge(store, manifest)
    assert oid in caught.value.message


def test_a_missing_object_is_an_error_that_names_it(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    manifest = clean(store, safetensors_bytes({"w": np.zeros(9, "f4")}))
    oid = manifest.by_name["w"].source.payload
    assert oid is not None
    store.path(oid.oid).unlink()
    with pytest.raises(MissingObjectError, match=oid.oid):
        smudge(store, manifest)


def test_a_manifest_of_another_layout_is_refused(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    one = clean(store, safetensors_bytes({"a": np.zeros(9, "f4")}))
    other = clean(store, safetensors_bytes({"b": np.zeros(9, "f4")}))
    with pytest.raises(CorruptError, match="belong together"):
        smudge(store, replace(one, entries=other.entries))
    wide = replace(one.entries[0], spec=TensorSpec("F32", (1 << 40,)))
    with pytest.raises(CorruptError, match="fit"):
        smudge(store, replace(one, entries=(wide,)))


@pytest.mark.parametrize("count", [50, 400_000])
def test_cleaning_again_brings_a_lost_object_back(tmp_path: Path, count: int) -> None:
    store = LocalStore(tmp_path)
    random = np.random.default_rng(0)
    data = safetensors_bytes({name: random.standard_normal(count).astype("f4") for name in "abc"})
    manifest = clean(store, data)
    for oid, _ in list(store.list()):
        store.path(oid).unlink()
    assert clean(store, data, manifest) == manifest
    assert smudge(store, manifest) == data


@pytest.mark.parametrize(
    "hostile",
    [
        {"checksums": (Checksum("crc32", 0, ()),)},
        {"checksums": (Checksum("crc32", 0, ((0, 1), (1, 1))),)},
        {"checksums": (Checksum("crc32", 1 << 63, ((0, 1),)),)},
        {"checksums": (Checksum("crc32", 7000, ((0, 1),)),)},
        {"checksums": (Checksum("nonesuch", 0, ((0, 1),)),)},
        {"checksums": (Checksum("torch-serialization-id", 0, ((0, 1),)),)},
        {"placements": (Placement("w", 0, (1, 2, 3)),)},
        {"placements": (Placement("w", 0, (1 << 62,)),)},
        {"placements": (Placement("w", 1 << 63),)},
        {"placements": ()},
        {"size": 1 << 49},
    ],
)
def test_a_hostile_layout_is_one_clear_error(tmp_path: Path, hostile: dict[str, object]) -> None:
    """Its digest is right, so it's read; what it says is checked all the same."""
    store = LocalStore(tmp_path)
    manifest = clean(store, safetensors_bytes({"w": np.arange(9, dtype="f4")}))
    layout = replace(Smudger(store).layout(manifest), **hostile)  # type: ignore[arg-type]
    data = layout.to_bytes()
    spec = TensorSpec("U8", (len(data),))
    oid = store.put(Dense().encode(memoryview(data), spec))
    entry = Entry("layout", spec, digest(data), Source("dense", ObjectRef(oid)))
    with pytest.raises(ThetaError):
        smudge(store, replace(manifest, layout=entry, size=layout.size))
