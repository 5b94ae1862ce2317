from __future__ import annotations

import ast
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import git_theta
from git_theta.errors import CorruptError, GitError, MissingObjectError, UsageError
from git_theta.model.tensor import ITEM_SIZE
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

ARRAYS = {
    "encoder/0": np.arange(12, dtype="f4").reshape(3, 4),
    "encoder/1": np.arange(4, dtype="f4"),
    "steps": np.array(7),
    "empty": np.zeros((0, 3), "f4"),
}


@pytest.fixture
def path(repo: Repo) -> Path:
    path = repo.write("sub/m.safetensors", safetensors_bytes(ARRAYS))
    repo.commit()
    repo.write("sub/m.safetensors", safetensors_bytes({"encoder/0": ARRAYS["encoder/0"] + 1}))
    repo.commit()
    return path


def test_completion_shows_the_functions_before_their_first_use() -> None:
    code = "import git_theta; print(dir(git_theta))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(git_theta.__all__) <= set(ast.literal_eval(done.stdout))


def test_loads_the_work_file(path: Path) -> None:
    loaded = git_theta.load(path)
    assert list(loaded) == ["encoder/0"]
    assert np.array_equal(loaded["encoder/0"], ARRAYS["encoder/0"] + 1)
    loaded["encoder/0"][0] = 9


def test_loads_any_revision(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.unlink()
    for name in (path, os.path.relpath(path)):
        loaded = git_theta.load(name, "HEAD~1")
        assert loaded.keys() == ARRAYS.keys()
        for key, array in ARRAYS.items():
            assert loaded[key].dtype == array.dtype
            assert loaded[key].shape == array.shape
            assert np.array_equal(loaded[key], array)
    monkeypatch.chdir(path.parent)
    assert list(git_theta.load("m.safetensors", "HEAD")) == ["encoder/0"]


def test_loads_a_file_that_is_still_a_manifest(path: Path) -> None:
    path.write_bytes(git_theta.manifest(path, "HEAD~1").to_bytes())
    assert git_theta.load(path).keys() == ARRAYS.keys()


@pytest.fixture
def index(repo: Repo) -> Path:
    """The index of a model of two shards, in HEAD; the one in the work tree has zeros in its second shard."""
    repo.write("llama/1.safetensors", safetensors_bytes({"b": np.ones(3), "a": np.zeros(0)}))
    second = repo.write("llama/2.safetensors", safetensors_bytes({"a/b": np.arange(4)}))
    weight_map = {"b": "1.safetensors", "a": "1.safetensors", "a/b": "2.safetensors"}
    path = repo.write("llama/model.safetensors.index.json", json.dumps({"weight_map": weight_map}).encode())
    repo.commit()
    second.write_bytes(safetensors_bytes({"a/b": np.zeros(4)}))
    return path


def test_loads_the_shards_that_an_index_lists(index: Path) -> None:
    stored, worked = git_theta.load(index, "HEAD"), git_theta.load(index)
    assert list(stored) == list(worked) == ["a", "a/b", "b"]
    assert np.array_equal(stored["a/b"], np.arange(4))
    assert np.array_equal(worked["a/b"], np.zeros(4))
    assert np.array_equal(stored["b"], np.ones(3))
    assert list(git_theta.load(index, "HEAD", ["a*"])) == ["a", "a/b"]
    assert list(git_theta.load(index, params=["b"])) == ["b"]
    with pytest.raises(UsageError, match="no parameter 'c'"):
        git_theta.load(index, "HEAD", ["c"])


def test_objects_of_all_shards_are_fetched_at_once(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr("git_theta.api.ensure_values", lambda _repo, entries, **_: asked.append(len(entries)))
    git_theta.load(index, rev="HEAD")
    assert len(asked) == 1
    assert asked[0] >= 2


def test_shards_of_which_some_are_still_manifests(index: Path, repo: Repo) -> None:
    manifest = repo.git("show", "HEAD:llama/2.safetensors")
    (index.parent / "2.safetensors").write_text(manifest)
    assert np.array_equal(git_theta.load(index)["a/b"], np.arange(4))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"weight_map": {"a": "../1.safetensors"}}', "isn't the name of a file beside it"),
        ('{"weight_map": {"a": "3.safetensors"}}', "names 3.safetensors, which isn't there"),
        ('{"weight_map": {"a": "1.safetensors", "b": "copy.safetensors"}}', "parameter '.' is in"),
        ("[]", "isn't an index"),
    ],
)
def test_an_index_that_lists_no_model(index: Path, repo: Repo, text: str, problem: str) -> None:
    repo.write("llama/copy.safetensors", (index.parent / "1.safetensors").read_bytes())
    index.write_text(text)
    repo.commit()
    for rev in (None, "HEAD"):
        with pytest.raises(UsageError, match=problem):
            git_theta.load(index, rev)


def test_the_manifest_of_an_index_has_all_parameters(index: Path) -> None:
    assert list(git_theta.manifest(index, "HEAD").by_name) == ["a", "a/b", "b"]


@pytest.mark.parametrize("rev", [None, "HEAD"])
def test_a_folder_or_the_name_of_the_model_stands_for_its_shards(index: Path, rev: str | None) -> None:
    for path in (index.parent, index.parent / "model.safetensors"):
        assert list(git_theta.load(path, rev)) == ["a", "a/b", "b"]


@pytest.mark.parametrize("rev", [None, "HEAD"])
def test_an_index_that_lies(index: Path, repo: Repo, rev: str | None) -> None:
    index.write_text('{"weight_map": {"a": "1.safetensors", "b": "2.safetensors", "a/b": "2.safetensors"}}')
    repo.commit()
    with pytest.raises(UsageError, match=r"isn't true: it says that 'b' is in 2\.safetensors, but it's in 1"):
        git_theta.load(index, rev)


def test_chooses_parameters(path: Path) -> None:
    assert list(git_theta.load(path, "HEAD~1", ["encoder/*"])) == ["encoder/0", "encoder/1"]
    assert list(git_theta.load(path, "HEAD~1", ["steps"])) == ["steps"]
    with pytest.raises(UsageError, match="the closest: encoder/"):
        git_theta.load(path, "HEAD~1", ["encodr/0"])


def test_manifest(path: Path) -> None:
    assert list(git_theta.manifest(path).by_name) == ["encoder/0"]
    assert set(git_theta.manifest(path, "HEAD~1").by_name) == set(ARRAYS)


def test_errors(path: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        git_theta.load(path, "nonesuch")
    with pytest.raises(UsageError):
        git_theta.load(path.with_name("nothing"))
    with pytest.raises(UsageError):
        git_theta.load(path, framework="jax")
    with pytest.raises(GitError):
        git_theta.manifest(tmp_path / "x")


def test_damaged_values_are_never_returned(path: Path, repo: Repo) -> None:
    for stored in repo.objects:
        stored.chmod(0o644)
        stored.write_bytes(bytes(byte ^ 1 for byte in stored.read_bytes()))
    with pytest.raises(CorruptError):
        git_theta.load(path, "HEAD~1")


def as_bytes(tensor: Any) -> Any:
    import torch

    return tensor.contiguous().reshape(-1).view(torch.uint8)


def test_torch_tensors(repo: Repo) -> None:
    torch = pytest.importorskip("torch")
    state = {
        "bf16": torch.arange(6).to(torch.bfloat16).reshape(2, 3),
        "fp8": torch.arange(4).to(torch.float8_e4m3fn),
        "complex": torch.tensor([1 + 2j, 3]),
        "bool": torch.tensor([True, False]),
        "scalar": torch.tensor(3.5),
        "turned": torch.arange(6.0).reshape(2, 3).t(),
        "none": torch.empty(0, 2),
    }
    torch.save(state, repo.path / "m.pt")
    repo.commit()
    for rev in (None, "HEAD"):
        loaded = git_theta.load(repo.path / "m.pt", rev, framework="torch")
        assert loaded.keys() == state.keys()
        for name, tensor in state.items():
            assert loaded[name].dtype == tensor.dtype
            assert loaded[name].shape == tensor.shape
            assert torch.equal(as_bytes(loaded[name]), as_bytes(tensor))


@pytest.mark.filterwarnings("ignore:ComplexHalf")
@pytest.mark.parametrize("dtype", ITEM_SIZE)
@pytest.mark.parametrize("shape", [(3, 2), (), (0, 4)])
def test_every_dtype_in_every_framework(repo: Repo, dtype: str, shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    size = math.prod(shape) * ITEM_SIZE[dtype]
    header = json.dumps({"x": {"dtype": dtype, "shape": shape, "data_offsets": [0, size]}}).encode()
    path = repo.path / "x.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(size))
    array, tensor = (git_theta.load(path, framework=name)["x"] for name in ("numpy", "torch"))
    assert array.shape == tuple(tensor.shape) == shape
    assert array.dtype.itemsize == tensor.element_size() == ITEM_SIZE[dtype]
    assert array.flags.writeable
    assert array.flags.c_contiguous
    assert torch.is_tensor(tensor)


def test_patterns_and_names_together(path: Path) -> None:
    assert list(git_theta.load(path, "HEAD~1", "encoder/1")) == ["encoder/1"]
    assert list(git_theta.load(path, "HEAD~1", ["steps", "enc*", "encoder/0"])) == [
        "encoder/0",
        "encoder/1",
        "steps",
    ]
    assert list(git_theta.load(path, "HEAD~1", [])) == []


def test_only_chosen_parameters_are_decoded(path: Path, repo: Repo) -> None:
    repo.git("config", "theta.update", "dense")
    path.write_bytes(safetensors_bytes({"encoder/0": ARRAYS["encoder/0"] + 2}))
    repo.commit()
    shown = json.loads(repo.theta("show", "HEAD:sub/m.safetensors", "--json"))
    for stored in repo.objects:
        if stored.name in shown["parameters"][0]["source"]:
            stored.unlink()
    assert git_theta.load(path, "HEAD~2", "encoder/1")["encoder/1"].tolist() == [0, 1, 2, 3]
    with pytest.raises(MissingObjectError, match="encoder/0"):
        git_theta.load(path, "HEAD")


def test_without_a_repository(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(safetensors_bytes(ARRAYS))
    assert list(git_theta.load(path)) == sorted(ARRAYS)


def test_a_linked_work_tree(path: Path, repo: Repo, tmp_path: Path) -> None:
    repo.git("worktree", "add", "-q", "--detach", str(tmp_path / "linked"), "HEAD~1")
    linked = tmp_path / "linked" / "sub" / "m.safetensors"
    assert set(git_theta.manifest(linked).by_name) == set(ARRAYS)
    assert list(git_theta.load(linked, "main")) == ["encoder/0"]
