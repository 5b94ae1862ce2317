from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.clean import Cleaner
from git_theta.encoding.found_bases import FoundBases
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry, Manifest, Source
from git_theta.model.tensor import TensorSpec
from git_theta.sketches.search import SketchSearch
from git_theta.store.local import LocalStore
from git_theta.store.sketch_cache import SketchCache
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.storing import smudge
from tests.helpers.weights import trained, tuned

SPEC = TensorSpec("F32", (64, 128))
Array = NDArray[np.float32]
LAYERS = [trained(SPEC, seed) for seed in range(6)]


class Repository:
    """A store with the sketches and the sources of everything stored."""

    def __init__(self, folder: Path) -> None:
        self.store = LocalStore(folder)
        self.search = SketchSearch(SketchCache(folder))
        self.entries: dict[str, Entry] = {}

    def add(self, values: Mapping[str, bytes], *previous: Manifest, threads: int = 1) -> Manifest:
        arrays = {name: np.frombuffer(value, "<f4").reshape(SPEC.shape) for name, value in values.items()}
        return self.add_arrays(arrays, *previous, threads=threads)

    def add_arrays(self, arrays: Mapping[str, Array], *previous: Manifest, threads: int = 1) -> Manifest:
        cleaner = Cleaner(self.store, self.sources_of, threads=threads, search=self.search)
        manifest = cleaner.clean(memoryview(safetensors_bytes(arrays)), previous).manifest
        self.entries.update((entry.digest, entry) for entry in manifest.entries)
        return manifest

    def add_file(self, data: bytes, *previous: Manifest) -> Manifest:
        cleaner = Cleaner(self.store, self.sources_of, search=self.search)
        manifest = cleaner.clean(memoryview(data), previous).manifest
        self.entries.update((entry.digest, entry) for entry in manifest.all_entries())
        return manifest

    def size(self) -> int:
        """Bytes of all objects."""
        return sum(path.stat().st_size for path in self.store.root.rglob("*") if len(path.name) == 64)

    def source_of(self, key: str) -> Source | None:
        return self.entries[key].source if key in self.entries else None

    def sources_of(self, keys: Iterable[str]) -> dict[str, Source]:
        return {key: self.entries[key].source for key in keys if key in self.entries}

    def entry(self, value: bytes) -> Entry:
        return self.entries[digest(value)]

    def found(self, value: bytes, *named: Entry) -> list[str]:
        bases = FoundBases(self.search, self.source_of, self.store)
        return [entry.digest for entry in bases.beside("new", SPEC, memoryview(value), named)]


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    made = Repository(tmp_path / "theta")
    with closing(made.search):
        yield made


def cost(manifest: Manifest, before: Manifest) -> float:
    """Bytes of new objects as a share of the file."""
    new = {oid: size or 0 for oid, size in manifest.objects().items() if oid not in before.objects()}
    return sum(new.values()) / manifest.size


def inputs(manifest: Manifest) -> list[str]:
    return [entry.source.update for entry in manifest.entries]


def test_named_bases_come_first_and_better_ones_follow(repository: Repository) -> None:
    repository.add({f"layer.{n}": value for n, value in enumerate(LAYERS)})
    child, named = tuned(LAYERS[3], SPEC), repository.entry(LAYERS[0])
    assert repository.found(child, named) == [digest(LAYERS[0]), digest(LAYERS[3])]
    assert repository.found(child) == [digest(LAYERS[3])]
    assert repository.found(trained(SPEC, 100), named) == [digest(LAYERS[0])]


def test_a_close_named_base_is_enough(repository: Repository) -> None:
    sibling = tuned(LAYERS[0], SPEC, seed=9)
    repository.add({"a": LAYERS[0]})
    repository.add({"b": sibling})
    child = tuned(LAYERS[0], SPEC)
    assert repository.found(child, repository.entry(LAYERS[0])) == [digest(LAYERS[0])]


def test_bases_whose_objects_are_gone_are_left_out(repository: Repository) -> None:
    repository.add({"a": LAYERS[0]})
    for oid in repository.entry(LAYERS[0]).source.payloads():
        repository.store.path(oid.oid).unlink()
    assert repository.found(tuned(LAYERS[0], SPEC)) == []
    repository.entries.clear()
    assert repository.found(tuned(LAYERS[0], SPEC)) == []


def test_values_of_one_file_are_found_whichever_is_stored_first(tmp_path: Path) -> None:
    made = []
    for threads in (1, 4):
        repository = Repository(tmp_path / str(threads))
        with closing(repository.search):
            repository.add({"a": LAYERS[0]})
            layers = {f"layer.{n}": tuned(LAYERS[0], SPEC, seed=n) for n in range(8)}
            made.append(repository.add(layers, threads=threads).to_text())
    assert made[0] == made[1]


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_shards_are_split_and_joined_at_the_cost_of_the_tuning(repository: Repository, parts: int) -> None:
    names = [f"model.layers.{n}.weight" for n in range(6)]
    before = dict(zip(names, LAYERS, strict=True))
    shards = [repository.add({name: before[name] for name in names[part::parts]}) for part in range(parts)]
    after = {name: tuned(value, SPEC) for name, value in before.items()}
    for other_parts in (1, 2, 6):
        for part in range(other_parts):
            manifest = repository.add({name: after[name] for name in names[part::other_parts]})
            assert smudge(repository.store, manifest)
            assert "dense" not in inputs(manifest)
    direct = repository.add(after, *shards)
    assert set(inputs(direct)) == {"delta"}


def test_layers_that_moved_are_updates_of_what_they_were(repository: Repository) -> None:
    before = repository.add({f"layer.{n}": value for n, value in enumerate(LAYERS)})
    kept = [LAYERS[n] for n in (0, 2, 2, 5)]
    moved = repository.add({f"layer.{n}": value for n, value in enumerate(kept)}, before)
    assert moved.oids() - before.oids() == {moved.layout.source.payload.oid}  # type: ignore[union-attr]
    after = repository.add(
        {f"layer.{n}": tuned(value, SPEC, seed=50 + n) for n, value in enumerate(kept)}, before
    )
    assert cost(after, before) < 0.7
    roots = [entry.source.inputs[0] for entry in after.entries]
    assert roots == [repository.entry(value).source for value in kept]


def test_names_do_not_matter(repository: Repository) -> None:
    repository.add({f"model.layers.{n}.q_proj.weight": value for n, value in enumerate(LAYERS)})
    other = repository.add({f"blk{n}/query": tuned(value, SPEC) for n, value in enumerate(LAYERS)})
    assert set(inputs(other)) == {"delta"}


def test_values_of_other_forms_are_found_without_names(repository: Repository) -> None:
    shaped = [np.frombuffer(value, "<f4").reshape(SPEC.shape) for value in LAYERS]
    repository.add({f"model.{n}.proj.weight": value for n, value in enumerate(LAYERS)})
    for fused in (np.concatenate(shaped[1:4]), np.stack(shaped[1:4]), np.concatenate(shaped[1:4], 1)):
        (entry,) = repository.add_arrays({"qkv": fused}).entries
        assert entry.source.update == "arrange"
        assert entry.source.inputs == tuple(repository.entry(value).source for value in LAYERS[1:4])
    turned = np.concatenate([value.T for value in shaped[1:4]], 1)
    (entry,) = repository.add_arrays({"qkv": turned}).entries
    assert entry.source.update == "arrange"
    tuned_and_turned = np.frombuffer(tuned(LAYERS[5], SPEC), "<f4").reshape(SPEC.shape).T.copy()
    (entry,) = repository.add_arrays({"turned": tuned_and_turned}).entries
    assert (entry.source.update, entry.source.inputs[0].update) == ("delta", "arrange")


def archive(values: list[bytes], version: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("version", version)
        for n, value in enumerate(values):
            made.writestr(f"{n}.bin", value)
    return file.getvalue()


TUNED = [LAYERS[0], tuned(LAYERS[1], SPEC, 1e-5), *LAYERS[2:]]
LARGE = trained(TensorSpec("F32", (300_000,)))
LINES = [f"leaf_value={n * n % 9973} {n:x}\n".encode() for n in range(9000)]


@pytest.mark.parametrize(
    ("stored", "new", "most"),
    [
        (b"unknown" + b"".join(LAYERS), b"longer name" + b"".join(TUNED), 0.12),
        (archive(LAYERS, "1"), archive(TUNED, "a longer one"), 0.2),
        (zlib.compress(LARGE + LAYERS[0], 1), zlib.compress(b"longer" + LARGE + TUNED[1], 1), 0.1),
        (b"".join(LINES), b"".join([*LINES[:4000], b"edited\n", *LINES[5000:]]), 0.005),
        (b"".join(LINES[:2000]), b"".join(LINES[100:1900]), 0.03),
    ],
    ids=["binary", "zip", "zlib", "text", "short text"],
)
def test_files_of_unknown_formats_find_those_that_they_resemble(
    repository: Repository, stored: bytes, new: bytes, most: float
) -> None:
    repository.add_file(b"".join(trained(SPEC, 50 + n) for n in range(9)))
    repository.add_file(b"".join(LINES)[::-1])
    repository.add_file(stored)
    before = repository.size()
    manifest = repository.add_file(new)
    assert (repository.size() - before) / len(new) < most
    assert smudge(repository.store, manifest) == new


def test_a_path_that_had_another_file_finds_the_older_one(repository: Repository) -> None:
    first = repository.add_file(b"unknown" + b"".join(LAYERS))
    second = repository.add_file(b"unknown" + b"".join(trained(SPEC, 50 + n) for n in range(6)), first)
    # A file as small as that is all in its layout.
    layout = repository.add_file(b"unknown!" + b"".join(LAYERS), second).layout
    assert layout.source.update == "patch"
    assert layout.source.inputs == (first.layout.source,)


def test_a_path_that_had_another_model_finds_the_older_one(repository: Repository) -> None:
    names = [f"layer.{n}" for n in range(6)]
    first = repository.add(dict(zip(names, LAYERS, strict=True)))
    second = repository.add({name: trained(SPEC, 50 + n) for n, name in enumerate(names)}, first)
    assert set(inputs(second)) == {"dense"}
    third = repository.add(
        {name: tuned(value, SPEC) for name, value in zip(names, LAYERS, strict=True)}, second
    )
    assert [entry.source.inputs[0] for entry in third.entries] == [repository.entry(v).source for v in LAYERS]


def test_the_same_history_gives_the_same_manifest(tmp_path: Path) -> None:
    made = []
    for threads in (1, 4):
        repository = Repository(tmp_path / str(threads))
        with closing(repository.search):
            for seed in range(4):
                files = {f"{seed}.{n}": tuned(value, SPEC, seed=seed) for n, value in enumerate(LAYERS)}
                manifest = repository.add(files, threads=threads)
        made.append(manifest.to_text())
    assert made[0] == made[1]


def test_a_sum_of_models_is_one_at_the_path_of_another(repository: Repository) -> None:
    spec = TensorSpec("F32", (128, 256))
    base = trained(spec)
    ours, theirs = (np.frombuffer(tuned(base, spec, seed=n), "<f4").reshape(spec.shape) for n in (1, 2))
    first = repository.add_arrays({"w": np.frombuffer(base, "<f4").reshape(spec.shape)})
    for name, array in (("a", ours), ("b", theirs)):
        repository.add_arrays({name: array})
    (entry,) = repository.add_arrays({"w": (ours + theirs) / 2}, first).entries
    assert "recipe(" in str(entry.source)
