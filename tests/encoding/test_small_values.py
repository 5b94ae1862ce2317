"""Many small values: they share bundles, cost what they hold, and come back, also after objects were lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.clean import Cleaner
from git_theta.encoding import bundles, decode, small_values
from git_theta.errors import CorruptError, ThetaError, ValueChangedError
from git_theta.model.manifest import Manifest
from git_theta.model.sizes import added_payloads, entry_bytes, payload_bytes
from git_theta.settings import DEFAULT_DEPTH
from git_theta.store.local import LocalStore
from git_theta.updates.bundle import MAX_BUNDLE
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.storing import clean, smudge

Arrays = dict[str, NDArray[Any]]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "theta")


def network(count: int = 300, size: int = 64, seed: int = 0) -> Arrays:
    rng = np.random.default_rng(seed)
    return {f"{n // 10}.{n}.bias": (rng.standard_normal(size) * 0.05).astype("f4") for n in range(count)}


def trained_on(arrays: Arrays, scale: float = 1e-4, seed: int = 1) -> Arrays:
    rng = np.random.default_rng(seed)
    return {
        name: (array + rng.standard_normal(array.shape) * scale).astype(array.dtype)
        for name, array in arrays.items()
    }


def add(store: LocalStore, arrays: Arrays, *previous: Manifest, **options: Any) -> Manifest:
    data = safetensors_bytes(arrays)
    manifest = Cleaner(store, threads=2, **options).clean(memoryview(data), previous).manifest
    assert smudge(LocalStore(store.root), manifest) == data
    return manifest


def cost(store: LocalStore, new: Manifest, old: Manifest | None = None) -> float:
    """Bytes of the payloads that only the new version needs, as a share of its parameters' bytes."""
    layout = set(new.layout.source.payloads())
    return payload_bytes(added_payloads(old, new) - layout, store.size) / sum(
        entry.spec.nbytes for entry in new.entries
    )


def kinds(manifest: Manifest) -> set[str]:
    return {entry.source.update for entry in manifest.entries}


@pytest.mark.parametrize("size", [1, 16, 64, 1024])
def test_small_values_cost_no_more_than_large_ones(store: LocalStore, size: int) -> None:
    first = add(store, network(size=size))
    assert cost(store, first) < 0.95
    assert all(entry_bytes(entry, store.size) <= entry.spec.nbytes for entry in first.entries)


@pytest.mark.parametrize("size", [64, 1024])
def test_a_fine_tune_of_small_values_is_steps(store: LocalStore, size: int) -> None:
    arrays = network(size=size)
    manifest = first = add(store, arrays)
    for seed in range(4):
        arrays = trained_on(arrays, seed=seed)
        before, manifest = manifest, add(store, arrays, manifest)
        assert kinds(manifest) == {"steps"}
        assert cost(store, manifest, before) < 0.65
        assert all(entry.source.depth <= DEFAULT_DEPTH for entry in manifest.entries), "chains stay short"
        for entry in manifest.entries:
            root = entry.source.inputs[0]
            root = root.inputs[0] if root.inputs else root
            assert root == first.by_name[entry.name].source


def kernels(count: int = 24, seed: int = 0) -> Arrays:
    """Depthwise kernels of 7 KiB each."""
    rng = np.random.default_rng(seed)
    return {f"{n}.weight": (rng.standard_normal((200, 1, 3, 3)) * 0.05).astype("f4") for n in range(count)}


def test_values_of_some_kib_share_bundles_after_training(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays = kernels()
    first = add(store, arrays)
    assert {entry.source.place for entry in first.entries} == {None}
    second = add(store, trained_on(arrays), first)
    assert kinds(second) == {"steps"}
    shared = cost(store, second, first)
    monkeypatch.setattr(small_values, "_TRAINED_VALUE", 0)
    other = LocalStore(tmp_path / "other")
    third = add(other, trained_on(arrays), add(other, arrays))
    assert kinds(third) == {"delta"}
    assert shared < 1.01 * cost(other, third, first)


def test_values_of_some_kib_of_which_something_else_became_are_stored_alone(store: LocalStore) -> None:
    rng = np.random.default_rng(3)
    arrays = kernels() | {"square": (rng.standard_normal((48, 48)) * 0.05).astype("f4")}
    new = trained_on(arrays)
    new["0.weight"] = np.where(rng.random((200, 1, 3, 3)) < 0.01, 0, arrays["0.weight"]).astype("f4")
    new["1.weight"] = kernels(seed=9)["1.weight"]
    new["2.weight"] = np.concatenate([kernels(seed=9)["2.weight"][:100], arrays["2.weight"][100:]])
    factors = [rng.standard_normal(shape) * 0.05 for shape in ((48, 2), (2, 48))]
    new["square"] = (arrays["square"] + factors[0] @ factors[1]).astype("f4")
    second = add(store, new, add(store, arrays))
    alone = {entry.name: entry.source.update for entry in second.entries if entry.source.place is None}
    assert alone == {"0.weight": "sparse", "1.weight": "dense", "2.weight": "delta", "square": "low-rank"}


def test_values_of_another_model_are_dense(store: LocalStore) -> None:
    first = add(store, network())
    assert kinds(add(store, network(seed=5), first)) == {"dense"}


def test_each_value_is_stored_as_what_it_is(store: LocalStore) -> None:
    arrays = network()
    first = add(store, arrays)
    new = trained_on(arrays) | {
        name: array for name, array in network(seed=9).items() if name.startswith("7.")
    }
    new |= {name: arrays[name] for name in arrays if name.startswith("8.")}
    second = add(store, new, first)
    for entry in second.entries:
        old = first.by_name[entry.name].source
        if entry.name.startswith("8."):
            assert entry.source == old
        else:
            assert entry.source.update == ("dense" if entry.name.startswith("7.") else "steps")


def test_steps_that_save_nothing_are_dense(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "_MORE_BITS", -100.0)
    first = add(store, network())
    assert kinds(add(store, network(seed=5), first)) == {"dense"}


def test_every_dtype_and_size_is_bundled(store: LocalStore) -> None:
    rng = np.random.default_rng(3)
    shapes: list[tuple[int, ...]] = [(), (0,), (1,), (17,), (0, 4), (3, 5), (64,), (200, 5)]
    dtypes = ["f2", "f4", "f8", "i1", "i4", "i8", "u1", "b1"]
    arrays = {
        f"{kind}.{shape}.{n}": (rng.standard_normal(shape) * 50).astype(kind)
        for n in range(4)
        for kind in dtypes
        for shape in shapes
    }
    first = add(store, {name: np.asarray(array) for name, array in arrays.items()})
    new = {name: np.asarray(array + np.asarray(1).astype(array.dtype)) for name, array in arrays.items()}
    second = add(store, new, first)
    assert kinds(second) >= {"dense", "steps"}


def test_equal_values_are_stored_once(store: LocalStore) -> None:
    arrays = {f"{n}.running_mean": np.zeros(32, "f4") for n in range(200)}
    arrays |= {f"{n}.scale": np.full(8, n % 2, "f4") for n in range(200)}
    manifest = add(store, arrays)
    assert len({entry.source for entry in manifest.entries}) == 3
    assert (
        payload_bytes(added_payloads(None, manifest) - set(manifest.layout.source.payloads()), store.size)
        < 300
    )


def test_a_single_new_value_has_a_payload_of_its_own(store: LocalStore) -> None:
    arrays = network()
    first = add(store, arrays)
    (name, *_) = arrays
    changed = dict(arrays) | {name: trained_on(arrays)[name]}
    second = add(store, changed, first)
    (entry,) = (entry for entry in second.entries if entry.source != first.by_name[entry.name].source)
    assert (entry.name, entry.source.update, entry.source.place) == (name, "delta", None)


def test_dense_can_be_asked_for(store: LocalStore) -> None:
    arrays = network()
    first = add(store, arrays)
    assert kinds(add(store, trained_on(arrays), first, updates=())) == {"dense"}


def test_other_updates_than_the_usual_are_tried_for_each_value(store: LocalStore) -> None:
    arrays = network(20)
    first = add(store, arrays, updates=("delta", "quantized"))
    assert all(entry.source.place is None for entry in first.entries)


def test_lost_bundles_come_back_under_their_names(store: LocalStore) -> None:
    arrays = network(900)
    first = add(store, arrays)
    second = add(store, trained_on(arrays), first)
    for lost in (second.oids() - first.oids(), first.oids()):
        for oid in lost:
            store.path(oid).unlink()
        manifest, values = (second, trained_on(arrays)) if lost != first.oids() else (first, arrays)
        assert add(LocalStore(store.root), values, manifest) == manifest
        assert all(map(store.has, lost))


def test_what_is_left_of_a_lost_bundle_is_stored_anew(store: LocalStore) -> None:
    arrays = network()
    first = add(store, arrays)
    for oid in first.oids():
        store.path(oid).unlink()
    rest = {name: array for name, array in arrays.items() if not name.startswith("3.")}
    again = add(LocalStore(store.root), rest, first)
    assert kinds(again) == {"dense"}
    assert cost(store, again) < 0.9


def test_steps_on_lost_bases_are_stored_anew(store: LocalStore) -> None:
    arrays = network()
    first = add(store, arrays)
    second = add(store, trained_on(arrays), first)
    for oid in second.oids():
        store.path(oid).unlink()
    assert kinds(add(LocalStore(store.root), trained_on(arrays), second)) == {"dense"}


def test_a_damaged_base_is_no_base(store: LocalStore) -> None:
    arrays = network()
    first = add(store, arrays)
    for oid in {ref.oid for entry in first.entries for ref in entry.source.payloads()}:
        path = store.path(oid)
        path.chmod(0o644)
        damaged = bytearray(path.read_bytes())
        damaged[2000] ^= 1
        path.write_bytes(damaged)
    fresh = LocalStore(store.root)
    second = add(fresh, trained_on(arrays), first)
    sources = {name: entry.source for name, entry in second.by_name.items()}
    assert "dense" in {source.update for source in sources.values()}


def test_a_bundle_is_opened_once(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = network(2000)
    manifest = add(store, arrays)
    read: list[object] = []
    actual = decode.read_payload
    monkeypatch.setattr(decode, "read_payload", lambda ref, of: read.append(ref) or actual(ref, of))
    smudge(LocalStore(store.root), manifest)
    raw = sum(entry.spec.nbytes for entry in manifest.entries)
    assert len(read) == len(set(read)) <= raw // MAX_BUNDLE + 3


def test_a_place_outside_of_its_bundle_is_one_error(store: LocalStore) -> None:
    arrays = network(20)
    text = clean(store, safetensors_bytes(arrays)).to_bytes()
    from git_theta.model.manifest_text import parse_manifest

    moved = parse_manifest(text.replace(b"@4864)", b"@999999)"))
    with pytest.raises(CorruptError, match=r"'1\.19\.bias'.*and none at 999999"):
        smudge(store, moved)
    other = parse_manifest(text.replace(b"@4864)", b"@4608)"))
    with pytest.raises(CorruptError, match="digest"):
        smudge(store, other)


def test_updates_without_bundles_refuse_places(store: LocalStore) -> None:
    from git_theta.encoding.decode import decode_source
    from git_theta.model.source_text import parse_source

    (entry, *_) = clean(store, safetensors_bytes(network(20))).entries
    source = parse_source(str(entry.source).replace("dense(", "sparse(").replace(")", f",{entry.source})"))
    with pytest.raises(CorruptError, match="'sparse' has no bundles"):
        list(decode_source(source, entry.spec.nbytes, store))


def test_a_value_that_changes_meanwhile_is_an_error(store: LocalStore) -> None:
    from git_theta.encoding.small_values import SmallValue, write_small
    from git_theta.encoding.value_writer import ValueWriter
    from git_theta.model.tensor import TensorSpec
    from git_theta.store.batch import Batch

    def changing(seed: int) -> Iterator[memoryview]:
        yield memoryview(bytes([seed, 0, 0, 0]))
        yield memoryview(bytes([seed, 0, 0, 1]))

    readers = [changing(seed) for seed in range(3)]
    values = [SmallValue(f"w{n}", TensorSpec("F32", (1,)), readers[n].__next__) for n in range(3)]
    with pytest.raises(ValueChangedError, match="'w0'"), Batch(store) as batch:
        list(write_small(ValueWriter(store, batch, {}), values))
    assert issubclass(ValueChangedError, ThetaError)
