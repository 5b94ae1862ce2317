"""Merges of models that have several shards, sharded in one way or in two."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import git_theta
from tests.helpers.gguf_files import gguf_bytes
from tests.helpers.repo import Repo
from tests.helpers.sharded import INDEX, Arrays, shard_name, small_model, split, write_shards, write_single

MODEL = small_model()


def tuned(name: str, factor: float = 2) -> dict[str, NDArray[Any]]:
    return {**MODEL, name: MODEL[name] * factor}


def check(repo: Repo, expected: Arrays, shards: int) -> None:
    """Check that the model in HEAD and in the work tree is whole, and its index true."""
    assert repo.status() == ""
    for rev in (None, "HEAD"):
        loaded = git_theta.load(repo.path / "llama", rev)
        assert loaded.keys() == expected.keys()
        for name, value in expected.items():
            np.testing.assert_array_equal(loaded[name], value, err_msg=name)
    files = sorted(path.name for path in (repo.path / "llama").glob("model*.safetensors"))
    assert files == [shard_name(number + 1, shards) for number in range(shards)]
    index = json.loads(repo.read(f"llama/{INDEX}"))
    assert index["weight_map"].keys() == expected.keys()
    assert index["metadata"]["total_size"] == sum(value.nbytes for value in expected.values())
    assert repo.theta("fsck")


@pytest.fixture(scope="session")
def original(tracked: Repo, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A model of two shards, committed on main."""
    repo = tracked.copy(tmp_path_factory.mktemp("shards") / "repo")
    write_shards(repo, "llama", split(MODEL, 2))
    repo.commit("two shards")
    return repo


@pytest.fixture
def branches(original: Repo, tmp_path: Path) -> Callable[..., Repo]:
    """Makes a repository whose branch `theirs` has one version of the model, and main another one."""

    def make(ours: Sequence[Arrays], theirs: Sequence[Arrays], *, index: bool = True) -> Repo:
        repo = original.copy(tmp_path / "repo")
        if not index:
            repo.git("rm", "-q", f"llama/{INDEX}")
            repo.git("commit", "-qm", "no index")
        repo.git("checkout", "-q", "-b", "theirs")
        write_shards(repo, "llama", theirs, index=index)
        repo.commit("theirs")
        repo.git("checkout", "-q", "main")
        write_shards(repo, "llama", ours, index=index)
        repo.commit("ours")
        return repo

    return make


def test_both_sides_add_parameters(branches: Callable[..., Repo]) -> None:
    ours = {**MODEL, "layers.1.extra": np.ones(3, "f4")}
    theirs = {**MODEL, "layers.3.extra": np.zeros(5, "f4"), "layers.3.bias": MODEL["layers.3.bias"] + 1}
    repo = branches(split(ours, 2), split(theirs, 2))
    repo.git("merge", "-q", "theirs", "-m", "merged")
    check(repo, {**ours, **theirs}, 2)


def test_one_side_moves_a_parameter_and_the_other_tunes_another(branches: Callable[..., Repo]) -> None:
    repo = branches(split(tuned("layers.3.bias"), 2), split(MODEL, 1))
    repo.git("merge", "-q", "theirs", "-m", "merged")
    check(repo, tuned("layers.3.bias"), 2)


@pytest.mark.parametrize(
    "starts",
    [(1, 3), pytest.param((1,), marks=pytest.mark.slow), pytest.param((1, 2, 3), marks=pytest.mark.slow)],
)
def test_theirs_is_sharded_anew(branches: Callable[..., Repo], starts: tuple[int, ...]) -> None:
    ours, theirs = tuned("layers.1.weight"), tuned("layers.2.bias")
    repo = branches(split(ours, 2), split(theirs, *starts))
    out = repo.theta("merge", "theirs", "--no-edit")
    assert "merged in the shards of ours" in out
    check(repo, {**ours, "layers.2.bias": theirs["layers.2.bias"]}, 2)
    assert len(repo.git("log", "-1", "--format=%P").split()) == 2


@pytest.mark.slow
def test_both_are_sharded_anew(branches: Callable[..., Repo]) -> None:
    ours, theirs = tuned("layers.1.weight"), tuned("layers.2.bias")
    theirs["layers.0.new"] = np.ones(7, "f4")
    repo = branches(split(ours, 1, 2, 3), split(theirs, 1, 3))
    repo.theta("merge", "theirs", "--no-edit")
    expected = {**ours, "layers.2.bias": theirs["layers.2.bias"], "layers.0.new": theirs["layers.0.new"]}
    check(repo, expected, 4)


@pytest.mark.slow
def test_git_merges_a_new_sharding_where_files_keep_their_parameters(branches: Callable[..., Repo]) -> None:
    ours, theirs = tuned("layers.1.weight"), tuned("layers.2.bias")
    repo = branches(split(ours, 1, 2), split(theirs, 2))
    repo.git("checkout", "-q", "theirs")
    repo.git("rebase", "-q", "main")
    check(repo, {**ours, "layers.2.bias": theirs["layers.2.bias"]}, 3)


@pytest.mark.parametrize(
    "name",
    [
        "model.safetensors",
        *(
            pytest.param(each, marks=pytest.mark.slow)
            for each in (INDEX, "", "model-00001-of-00003.safetensors")
        ),
    ],
)
def test_conflicts_of_other_commands_are_settled_by_name(branches: Callable[..., Repo], name: str) -> None:
    ours, theirs = tuned("layers.1.weight"), tuned("layers.2.bias")
    repo = branches(split(ours, 1, 2), split(theirs, 1, 2, 3))
    repo.git("checkout", "-q", "theirs")
    done = repo.run("git", "rebase", "main", ok=False)
    assert done.returncode, done
    assert "both sides sharded the model in their own way" in done.stderr
    listed = repo.theta("resolve", ok=False)
    assert "llama/model.safetensors: sharded in two ways (3 shards and 4 shards)" in listed
    assert listed.count("git theta resolve") == 1
    repo.theta("resolve", f"llama/{name}".rstrip("/"))
    repo.git("-c", "core.editor=true", "rebase", "--continue")
    check(repo, {**ours, "layers.2.bias": theirs["layers.2.bias"]}, 3)


def test_a_conflict_is_left_in_the_shards_of_ours(branches: Callable[..., Repo]) -> None:
    ours, theirs = tuned("layers.1.weight"), tuned("layers.3.weight")
    del theirs["layers.1.weight"]
    repo = branches(split(ours, 2), split(theirs, 1, 3))
    done = repo.run_theta("merge", "theirs", "--no-edit", ok=False)
    assert done.returncode == 1
    assert f"{shard_name(1, 2)}: 1 conflict" in done.stderr
    assert repo.git("ls-files", "-u").count(shard_name(1, 2)) == 3
    assert repo.git("ls-files").count("of-00003") == 0
    assert "layers.1.weight" in repo.theta("resolve", ok=False)
    repo.theta("resolve", "llama/model.safetensors", "-s", "ours")
    repo.git("commit", "-qm", "merged")
    check(repo, {**ours, **theirs}, 2)


def test_a_strategy_is_used_for_all_shards(branches: Callable[..., Repo]) -> None:
    ours, theirs = tuned("layers.1.weight"), tuned("layers.2.bias")
    repo = branches(split(ours, 2), split(theirs, 1, 3))
    repo.theta("merge", "-s", "average", "theirs", "--no-edit")
    expected = {
        **MODEL,
        "layers.1.weight": MODEL["layers.1.weight"] * np.float32(1.5),
        "layers.2.bias": MODEL["layers.2.bias"] * np.float32(1.5),
    }
    check(repo, expected, 2)


@pytest.mark.slow
def test_shards_become_one_file_on_a_side(original: Repo, tmp_path: Path) -> None:
    repo = original.copy(tmp_path / "repo")
    repo.git("checkout", "-q", "-b", "theirs")
    write_single(repo, "llama", tuned("layers.2.bias"))
    repo.commit("one file")
    repo.git("checkout", "-q", "main")
    write_shards(repo, "llama", split(tuned("layers.1.weight"), 2))
    repo.commit("tuned")
    repo.theta("merge", "theirs", "--no-edit")
    check(repo, {**tuned("layers.1.weight"), "layers.2.bias": MODEL["layers.2.bias"] * 2}, 2)


def test_work_of_the_user_is_not_overwritten(branches: Callable[..., Repo]) -> None:
    repo = branches(split(tuned("layers.1.weight"), 1, 2), split(tuned("layers.2.bias"), 1, 2, 3))
    assert repo.run("git", "merge", "theirs", ok=False).returncode
    repo.write(f"llama/{shard_name(1, 3)}", b"notes of my own")
    done = repo.run_theta("resolve", "llama", ok=False)
    assert "isn't as the merge left it" in done.stderr
    assert repo.read(f"llama/{shard_name(1, 3)}") == b"notes of my own"


def test_the_index_follows_what_is_decided_about_a_shard(branches: Callable[..., Repo]) -> None:
    ours, theirs = tuned("layers.1.weight"), dict(MODEL)
    del theirs["layers.1.weight"]
    repo = branches(split(ours, 2), split(theirs, 2))
    assert repo.run("git", "merge", "theirs", ok=False).returncode == 1
    repo.theta("resolve", "llama", "-s", "ours")
    repo.git("commit", "-qm", "merged")
    check(repo, ours, 2)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["cherry-pick", "revert"])
def test_picks_of_a_new_sharding(branches: Callable[..., Repo], command: str) -> None:
    ours, theirs = tuned("layers.1.weight"), tuned("layers.2.bias")
    repo = branches(split(ours, 1, 2), split(theirs, 1, 2, 3))
    if command == "revert":
        repo.git("checkout", "-q", "theirs")
        write_shards(repo, "llama", split(tuned("layers.2.bias"), 3))
        repo.commit("sharded once more")
    done = repo.run("git", command, "--no-edit", "theirs" if command == "cherry-pick" else "HEAD~1", ok=False)
    assert done.returncode == 1
    repo.theta("resolve", "llama")
    repo.git("commit", "-qm", "picked")
    if command == "revert":
        check(repo, MODEL, 2)
    else:
        check(repo, {**ours, "layers.2.bias": theirs["layers.2.bias"]}, 3)


@pytest.mark.slow
def test_torch_shards(tracked: Repo, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    repo = tracked.copy(tmp_path / "repo")
    repo.theta("track", "*.bin")

    def save(shards: Sequence[Arrays]) -> None:
        for old in repo.path.glob("pytorch_model*"):
            old.unlink()
        places = {}
        for number, shard in enumerate(shards, 1):
            name = f"pytorch_model-{number:05}-of-{len(shards):05}.bin"
            torch.save({key: torch.tensor(value) for key, value in shard.items()}, repo.path / name)
            places |= dict.fromkeys(shard, name)
        text = json.dumps({"metadata": {"total_size": 1}, "weight_map": places})
        repo.write("pytorch_model.bin.index.json", text.encode())

    save(split(MODEL, 2))
    repo.commit("two shards")
    repo.git("checkout", "-q", "-b", "theirs")
    save(split(tuned("layers.2.bias"), 1, 3))
    repo.commit("theirs")
    repo.git("checkout", "-q", "main")
    save(split(tuned("layers.1.weight"), 2))
    repo.commit("ours")
    repo.theta("merge", "theirs", "--no-edit")
    found: dict[str, Any] = {}
    for name in ("pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"):
        found |= torch.load(repo.path / name)
    expected = {**tuned("layers.1.weight"), "layers.2.bias": MODEL["layers.2.bias"] * 2}
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name].numpy(), value)
    assert repo.status() == ""


def test_several_branches_add_parameters(branches: Callable[..., Repo]) -> None:
    versions = [{**MODEL, f"layers.{layer}.extra": np.full(3, layer, "f4")} for layer in (0, 1, 3)]
    repo = branches(split(versions[0], 2), split(versions[1], 2))
    repo.git("checkout", "-q", "-b", "third", "main~1")
    write_shards(repo, "llama", split(versions[2], 2))
    repo.commit("third")
    repo.git("checkout", "-q", "main")
    repo.theta("merge", "theirs", "third", "--no-edit")
    check(repo, {**versions[0], **versions[1], **versions[2]}, 2)


@pytest.mark.slow
def test_several_branches_with_their_own_shards(branches: Callable[..., Repo]) -> None:
    repo = branches(split(tuned("layers.0.bias"), 1), split(tuned("layers.1.bias"), 3))
    repo.git("branch", "third", "main~1")
    repo.git("checkout", "-q", "third")
    repo.write("notes.txt", b"a third line of work")
    repo.commit("third")
    repo.git("checkout", "-q", "main")
    done = repo.run_theta("merge", "theirs", "third", ok=False)
    assert done.returncode
    assert "merge one branch after the other" in done.stderr
    assert repo.status() == ""


def split_gguf(repo: Repo, shards: Sequence[Arrays]) -> None:
    for old in repo.path.glob("*.gguf"):
        old.unlink()
    for number, shard in enumerate(shards):
        tensors = {name: ("F32", value.shape, value.tobytes()) for name, value in shard.items()}
        numbering = {"split.no": number, "split.count": len(shards), "split.tensors.count": len(MODEL)}
        data = gguf_bytes(tensors, {**({} if number else {"general.name": "small"}), **numbering})
        repo.write(f"q-{number + 1:05}-of-{len(shards):05}.gguf", data)


def test_split_gguf(tracked: Repo, tmp_path: Path) -> None:
    repo = tracked.copy(tmp_path / "repo")
    repo.theta("track", "*.gguf")
    split_gguf(repo, split(MODEL, 2))
    repo.commit("two files")
    assert "q.gguf (2 shards)" in repo.theta("ls-files")
    repo.git("checkout", "-q", "-b", "theirs")
    split_gguf(repo, split(tuned("layers.2.bias"), 1, 3))
    repo.commit("theirs")
    assert "2 shards -> 3 shards" in repo.theta("diff", "HEAD~1", "HEAD")
    repo.git("checkout", "-q", "main")
    split_gguf(repo, split(tuned("layers.1.weight"), 2))
    repo.commit("ours")
    repo.theta("merge", "theirs", "--no-edit")
    expected = {**tuned("layers.1.weight"), "layers.2.bias": MODEL["layers.2.bias"] * 2}
    loaded = git_theta.load(repo.path / "q.gguf")
    assert loaded.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(loaded[name], value)
    files = sorted(repo.path.glob("*.gguf"))
    assert [path.name for path in files] == [f"q-0000{number}-of-00002.gguf" for number in (1, 2)]
    for number, path in enumerate(files):
        shard = split(expected, 2)[number]
        tensors = {name: ("F32", value.shape, value.tobytes()) for name, value in shard.items()}
        numbering = {"split.no": number, "split.count": 2, "split.tensors.count": len(MODEL)}
        metadata = {**({} if number else {"general.name": "small"}), **numbering}
        assert path.read_bytes() == gguf_bytes(tensors, metadata)
    assert repo.status() == ""


@pytest.mark.slow
def test_two_shardings_without_an_index(branches: Callable[..., Repo]) -> None:
    repo = branches(split(tuned("layers.0.bias"), 1, 2), split(tuned("layers.1.bias"), 1, 2, 3), index=False)
    repo.theta("merge", "theirs", "--no-edit")
    found = git_theta.load(repo.path / "llama")
    np.testing.assert_array_equal(found["layers.0.bias"], MODEL["layers.0.bias"] * 2)
    np.testing.assert_array_equal(found["layers.1.bias"], MODEL["layers.1.bias"] * 2)
    assert len(list((repo.path / "llama").iterdir())) == 3


@pytest.mark.slow
def test_a_strategy_where_one_side_added_a_parameter(branches: Callable[..., Repo]) -> None:
    theirs = {**tuned("layers.3.bias"), "layers.3.extra": np.ones(3, "f4")}
    repo = branches(split(tuned("layers.0.bias"), 2), split(theirs, 2))
    repo.theta("merge", "-s", "average", "theirs", "--no-edit")
    expected = {
        **theirs,
        "layers.0.bias": MODEL["layers.0.bias"] * np.float32(1.5),
        "layers.3.bias": MODEL["layers.3.bias"] * np.float32(1.5),
    }
    check(repo, expected, 2)


@pytest.mark.parametrize("command", [pytest.param("theta", marks=pytest.mark.slow), "git"])
def test_an_index_that_git_merges_as_a_text(branches: Callable[..., Repo], command: str) -> None:
    ours, theirs = (
        {**MODEL, "layers.1.extra": np.ones(3, "f4")},
        {**MODEL, "layers.3.extra": np.ones(5, "f4")},
    )
    repo = branches(split(ours, 2), split(theirs, 2))
    repo.write(".git/info/attributes", b"*.json merge=text\n")
    if command == "theta":
        repo.theta("merge", "theirs", "--no-edit")
    else:
        assert repo.run("git", "merge", "theirs", ok=False).returncode == 1
        assert "merged by the shards that it lists" in repo.theta("resolve", f"llama/{INDEX}")
        repo.git("commit", "-qm", "merged")
    check(repo, {**ours, **theirs}, 2)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["theta", "git"])
def test_one_file_becomes_shards_on_the_other_side(tracked: Repo, tmp_path: Path, command: str) -> None:
    repo = tracked.copy(tmp_path / "repo")
    write_single(repo, "llama", MODEL)
    repo.commit("one file")
    repo.git("checkout", "-q", "-b", "theirs")
    write_shards(repo, "llama", split(tuned("layers.2.bias"), 1, 3))
    repo.commit("three shards")
    repo.git("checkout", "-q", "main")
    write_single(repo, "llama", tuned("layers.1.weight"))
    repo.commit("tuned")
    if command == "theta":
        repo.theta("merge", "theirs", "--no-edit")
    else:
        assert repo.run("git", "merge", "theirs", ok=False).returncode == 1
        repo.theta("resolve", "llama/model.safetensors")
        repo.git("commit", "-qm", "merged")
    found = git_theta.load(repo.path / "llama", "HEAD")
    expected = {**tuned("layers.1.weight"), "layers.2.bias": MODEL["layers.2.bias"] * 2}
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)
    assert [path.name for path in (repo.path / "llama").iterdir()] == ["model.safetensors"]
    assert repo.status() == ""
