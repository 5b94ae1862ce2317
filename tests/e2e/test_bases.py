"""Bases from anywhere in the repository with real Git: other files, shards, and versions of long ago."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ml_dtypes import bfloat16

from git_theta.model.manifest_text import parse_manifest
from git_theta.model.tensor import TensorSpec
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo
from tests.helpers.weights import trained, tuned

SPEC = TensorSpec("F32", (128, 128))
NAMES = [f"model.layers.{n}.weight" for n in range(6)]
MODEL = dict(zip(NAMES, (trained(SPEC, seed) for seed in range(6)), strict=True))


@pytest.fixture
def repo(tracked: Repo, tmp_path: Path) -> Repo:
    return tracked.copy(tmp_path / "repo")


def fine_tune(seed: int) -> dict[str, bytes]:
    return {name: tuned(value, SPEC, 1e-5, seed) for name, value in MODEL.items()}


def write(repo: Repo, name: str, values: dict[str, bytes]) -> bytes:
    data = safetensors_bytes(
        {key: np.frombuffer(value, "<f4").reshape(SPEC.shape) for key, value in values.items()}
    )
    repo.write(name, data)
    return data


def write_shards(repo: Repo, values: dict[str, bytes], count: int) -> None:
    for part in range(count):
        shard = {name: values[name] for name in NAMES[part::count]}
        write(repo, f"model-{part + 1}-of-{count}.safetensors", shard)


def manifest_text(repo: Repo, version: str) -> str:
    return repo.git("cat-file", "-p", version)


def updates(repo: Repo, version: str) -> list[str]:
    manifest = parse_manifest(manifest_text(repo, version).encode())
    return [entry.source.update for entry in manifest.entries]


def is_updated(repo: Repo, version: str) -> bool:
    """Whether no value is stored as a whole."""
    return "dense" not in updates(repo, version)


def check_out_again(repo: Repo, name: str, data: bytes) -> None:
    (repo.path / name).unlink()
    repo.git("checkout", "--", name)
    assert repo.read(name) == data
    assert repo.status() == ""


def test_a_tuned_model_saved_in_other_shards_is_stored_as_updates(repo: Repo) -> None:
    write_shards(repo, MODEL, 3)
    repo.commit()
    repo.git("rm", "-q", "model-*")
    data = write(repo, "model.safetensors", fine_tune(1))
    repo.commit()
    assert is_updated(repo, "HEAD:model.safetensors")
    check_out_again(repo, "model.safetensors", data)
    write_shards(repo, fine_tune(2), 2)
    repo.commit()
    assert is_updated(repo, "HEAD:model-1-of-2.safetensors")


@pytest.mark.parametrize("form", ["renamed", "prefixed", "npz", "bfloat16", "shards"])
def test_a_fine_tune_is_stored_against_its_real_parent_in_any_form(repo: Repo, form: str) -> None:
    repo.theta("track", "*.npz")
    noise = iter(range(100, 200))
    aunt, mother = (
        {name: tuned(value, SPEC, 1e-4, next(noise)) for name, value in MODEL.items()} for _ in "12"
    )
    for name, values in (("aunt", aunt), ("mother", mother)):
        write(repo, f"{name}.safetensors", values)
        repo.commit(name)
    child = {name: tuned(value, SPEC, 1e-6, next(noise)) for name, value in mother.items()}
    arrays = {name: np.frombuffer(value, "<f4").reshape(SPEC.shape) for name, value in child.items()}
    files = ["child.safetensors"]
    if form == "prefixed":
        repo.write(files[0], safetensors_bytes({f"base.{name}": array for name, array in arrays.items()}))
    elif form == "npz":
        files = ["child.npz"]
        np.savez(repo.path / files[0], **arrays)
    elif form == "bfloat16":
        repo.write(
            files[0], safetensors_bytes({name: array.astype(bfloat16) for name, array in arrays.items()})
        )
    elif form == "shards":
        write_shards(repo, child, 2)
        files = ["model-1-of-2.safetensors", "model-2-of-2.safetensors"]
    else:
        write(repo, files[0], child)
    repo.git("add", *files)
    aunts, mothers = (payloads(repo, f":{name}.safetensors") for name in ("aunt", "mother"))
    for file in files:
        manifest = parse_manifest(manifest_text(repo, f":{file}").encode())
        for entry in manifest.entries:
            if entry.name.endswith("weight"):
                used = {ref.oid for ref in entry.source.payloads()}
                assert used & (mothers - aunts), (file, entry.name, entry.source.update)


def payloads(repo: Repo, version: str) -> set[str]:
    """Ids of the objects that the weights of a version are read from."""
    manifest = parse_manifest(manifest_text(repo, version).encode())
    weights = [entry for entry in manifest.entries if entry.name.endswith("weight")]
    return {ref.oid for entry in weights for ref in entry.source.payloads()}


def test_the_base_may_be_a_file_that_was_deleted_long_ago(repo: Repo) -> None:
    write(repo, "old.safetensors", MODEL)
    repo.commit()
    repo.git("rm", "-q", "old.safetensors")
    repo.git("commit", "-qm", "remove")
    other = {name: trained(SPEC, 50 + n) for n, name in enumerate(NAMES)}
    write(repo, "new.safetensors", other)
    repo.commit()
    data = write(repo, "new.safetensors", fine_tune(1))
    repo.commit()
    assert is_updated(repo, "HEAD:new.safetensors")
    check_out_again(repo, "new.safetensors", data)


def test_a_copy_in_another_dtype_may_be_in_other_shards(repo: Repo) -> None:
    write_shards(repo, MODEL, 3)
    repo.commit()
    half = {f"h.{n}": np.frombuffer(value, "<f4").astype("<f2") for n, value in enumerate(MODEL.values())}
    data = safetensors_bytes({name: value.reshape(SPEC.shape) for name, value in half.items()})
    repo.write("half.safetensors", data)
    repo.commit()
    assert updates(repo, "HEAD:half.safetensors") == ["cast"] * 6
    check_out_again(repo, "half.safetensors", data)


def test_adding_again_gives_the_same_manifest(repo: Repo) -> None:
    write(repo, "a.safetensors", MODEL)
    repo.commit()
    for seed in range(3):
        write(repo, f"b{seed}.safetensors", {f"x.{name}": value for name, value in fine_tune(seed).items()})
    repo.commit()
    before = manifest_text(repo, ":b2.safetensors")
    (repo.path / "b2.safetensors").touch()
    (repo.path / ".git" / "theta" / "cache.sqlite").unlink()
    assert repo.status() == ""
    repo.git("rm", "-q", "--cached", "b2.safetensors")
    repo.git("add", "b2.safetensors")
    assert manifest_text(repo, ":b2.safetensors") == before


def test_a_version_of_somebody_else_is_a_base_long_after_its_checkout(repo: Repo, tmp_path: Path) -> None:
    write(repo, "m.safetensors", MODEL)
    repo.commit()
    Repo(tmp_path).git("clone", "-q", str(repo.path), "clone")
    clone = Repo(tmp_path / "clone")
    write(clone, "m.safetensors", {name: trained(SPEC, 50 + n) for n, name in enumerate(NAMES)})
    clone.commit()
    write(clone, "m.safetensors", {f"x{n}": value for n, value in enumerate(fine_tune(1).values())})
    clone.commit()
    assert is_updated(clone, "HEAD:m.safetensors")


@pytest.mark.parametrize("junk", [b"", b"junk" * 2000])
def test_sketches_may_be_lost(repo: Repo, junk: bytes) -> None:
    write(repo, "a.safetensors", MODEL)
    repo.commit()
    (sketches,) = (repo.path / ".git" / "theta").glob("sketches-*.sqlite")
    sketches.write_bytes(junk) if junk else sketches.unlink()
    data = write(repo, "a.safetensors", fine_tune(1))
    repo.commit()
    assert is_updated(repo, "HEAD:a.safetensors")
    check_out_again(repo, "a.safetensors", data)


@pytest.mark.parametrize("name", ["{}", "renamed.{}"])
def test_a_version_that_was_only_fetched_is_a_base(repo: Repo, tmp_path: Path, name: str) -> None:
    repo.commit()
    Repo(tmp_path).git("clone", "-q", str(repo.path), "clone")
    clone = Repo(tmp_path / "clone")
    write(repo, "theirs.safetensors", MODEL)
    repo.commit()
    clone.git("fetch", "-q")
    # Names of shuffled layers lead nowhere.
    mine = dict(zip(map(name.format, NAMES), reversed(fine_tune(1).values()), strict=True))
    data = write(clone, "mine.safetensors", mine if name != "{}" else fine_tune(1))
    clone.commit()
    assert is_updated(clone, "HEAD:mine.safetensors")
    check_out_again(clone, "mine.safetensors", data)
    # What was found out is kept: the next one doesn't need the branch.
    clone.git("branch", "-rd", "origin/main", "-q")
    write(clone, "next.safetensors", {f"x{n}": value for n, value in enumerate(fine_tune(2).values())})
    clone.commit()
    assert is_updated(clone, "HEAD:next.safetensors")
