"""Prune in real repositories: kept objects, deleted ones, and fetches of deleted ones."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest

from git_theta.git.maintenance import prune as module
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

NAME = "m.safetensors"


def model(seed: int) -> bytes:
    """A checkpoint that's stored as one object, and shares nothing with another."""
    random = np.random.default_rng(seed)
    return safetensors_bytes({f"{seed}.{i}": random.standard_normal((30, 40)).astype("f4") for i in "ab"})


def only(repo: Repo, rev: str, path: str = NAME) -> str:
    """The object that a version needs."""
    (oid,) = {p["source"].split("(")[1][:64] for p in shown(repo, rev, path)["parameters"]}
    return oid


def shown(repo: Repo, rev: str, path: str) -> Any:
    return json.loads(repo.theta("show", "--json", f"{rev}:{path}"))


def here(repo: Repo) -> set[str]:
    return {path.name for path in repo.objects}


def age(repo: Repo) -> None:
    for path in repo.objects:
        os.utime(path, (0, 0))


def prune(repo: Repo, *args: str) -> Any:
    return json.loads(repo.theta("prune", "--json", "--recent", "0", *args))


def reasons(done: Any) -> dict[str, str]:
    return {item["object"]: item["why"] for item in done["kept"]}


def gone(done: Any) -> set[str]:
    return {item["object"] for item in done["deleted"]}


def run(repo: Repo, *args: str) -> CompletedProcess[str]:
    return repo.run(sys.executable, "-m", "git_theta", *args, ok=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a repository of three versions, pushed to a bare one, and its server for objects."""
    folder = tmp_path_factory.mktemp("made")
    repo = Repo(folder / "repo")
    repo.path.mkdir()
    repo.git("init", "-q")
    repo.theta("track", "*.safetensors")
    repo.git("init", "-q", "--bare", "../bare.git")
    repo.git("remote", "add", "origin", "../bare.git")
    # Elsewhere, so that they're no neighbours.
    repo.git("config", "theta.remote.origin.url", "../server")
    for seed, name in enumerate(("first", "second", "third"), start=1):
        repo.write(NAME, model(seed))
        repo.commit(name)
        repo.git("tag", name)
    repo.git("push", "-q", "-u", "origin", "main")
    return folder


@pytest.fixture
def repo(made: Path, tmp_path: Path) -> Repo:
    """A copy of that repository, with objects that were written long ago."""
    shutil.copytree(made, tmp_path / "copy", symlinks=True)
    repo = Repo(tmp_path / "copy" / "repo")
    repo.git("update-index", "-q", "--refresh")
    age(repo)
    return repo


@pytest.fixture
def origin(repo: Repo) -> Path:
    """Its remote's folder of objects."""
    return repo.path.parent / "server"


def lose(server: Path, oid: str) -> None:
    (server / "objects" / oid[:2] / oid[2:4] / oid).unlink()


def test_old_pushed_objects_are_deleted_and_fetched_again(repo: Repo, origin: Path) -> None:
    first, second, third = (only(repo, name) for name in ("first", "second", "third"))
    done = prune(repo)
    assert gone(done) == {first, second}
    assert reasons(done) == {third: "in use"}
    assert here(repo) == {third}
    assert repo.status() == ""
    repo.git("checkout", "-q", "first")
    assert repo.read(NAME) == model(1)
    assert repo.status() == ""
    assert here(repo) == {first, third}
    assert not list((repo.path / ".git" / "theta" / "tmp").glob("aside/*"))


def test_a_dry_run_deletes_nothing(repo: Repo, origin: Path) -> None:
    before = here(repo)
    assert len(gone(prune(repo, "--dry-run"))) == 2
    output = repo.theta("prune", "--recent", "0", "--dry-run", "-v")
    assert "1 object kept (1 in use), 2 would be deleted" in output
    assert only(repo, "first") in output
    assert here(repo) == before
    output = repo.theta("prune", "--recent", "0")
    assert "1 object kept (1 in use), 2 deleted" in output


def test_bytes_that_are_freed(repo: Repo, origin: Path, tmp_path: Path) -> None:
    done = prune(repo, "--dry-run")
    assert done["freed"] == sum(item["size"] for item in done["deleted"]) > 0
    for path in repo.objects:
        os.link(path, tmp_path / path.name)
    output = repo.theta("prune", "--recent", "0")
    assert "2 deleted, 0 B freed; " in output
    assert "shared with other repositories" in output


def test_recent_versions_stay(repo: Repo, origin: Path) -> None:
    assert {"recent", "in use"} == set(reasons(json.loads(repo.theta("prune", "--json"))).values())
    repo.git("config", "theta.pruneRecent", "1 day")
    assert "0 deleted" in repo.theta("prune")
    repo.git("config", "theta.pruneRecent", "soon")
    done = run(repo, "prune")
    assert done.returncode == 2
    assert "theta.pruneRecent: 'soon'" in done.stderr


@pytest.mark.parametrize("name", ["branch", "tag", "stash", "dropped"])
def test_unpushed_objects_stay(repo: Repo, origin: Path, name: str) -> None:
    repo.git("checkout", "-q", "--detach")
    repo.write(NAME, model(10))
    if name == "stash":
        repo.git("stash", "-q")
    else:
        repo.commit(name)
    if name in ("branch", "tag"):
        repo.git(name, "mine")
    repo.git("checkout", "-q", "main")
    rev = {"stash": "stash", "dropped": "HEAD@{1}"}.get(name, "mine")
    age(repo)
    done = prune(repo, "--no-verify-remote")
    assert reasons(done)[only(repo, rev)] == ("in use" if name == "stash" else "unpushed")
    assert gone(done) == {only(repo, "first"), only(repo, "second")}
    repo.git("checkout", "-q", rev)
    assert repo.read(NAME) == model(10)


def test_objects_of_another_work_tree_stay(repo: Repo, origin: Path, tmp_path: Path) -> None:
    repo.git("worktree", "add", "-q", "--detach", str(tmp_path / "tree"), "first")
    tree = Repo(tmp_path / "tree")
    tree.write("new.safetensors", model(20))
    tree.git("add", ".")
    age(repo)
    first, staged = only(repo, "first"), only(tree, "", "new.safetensors")
    for place in (repo, tree):
        done = prune(place)
        assert {reasons(done)[oid] for oid in (first, staged)} == {"in use"}
    assert here(repo) == {first, staged, only(repo, "main")}
    (tree.path).rename(tmp_path / "moved")
    assert first in reasons(prune(repo))


def test_objects_that_the_remote_lacks_stay(repo: Repo, origin: Path) -> None:
    first, second = only(repo, "first"), only(repo, "second")
    lose(origin, first)
    output = repo.theta("prune", "--recent", "0")
    assert "1 in use, 1 not at origin" in output
    assert "1 object of pushed versions isn't at origin" in output
    assert "git theta push origin --all" in output
    assert here(repo) == {first, only(repo, "main")}
    repo.theta("push", "origin", "--all")
    assert gone(prune(repo)) == {first}
    assert second not in here(repo)


def test_objects_that_the_remote_deletes_meanwhile_stay(
    repo: Repo, origin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = only(repo, "first"), only(repo, "second")
    waits: list[Path] = []

    def prune_there(folder: Path, timeout: float) -> None:
        waits.append(folder)
        if len(waits) == 2:
            assert second not in here(repo), "it must be in quarantine, out of the other prune's sight"
            lose(origin, second)

    monkeypatch.setattr(module, "_wait_for_index_locks", prune_there)
    done = prune(repo)
    assert len(waits) == 2
    assert gone(done) == {first}
    assert reasons(done)[second] == "absent"
    assert second in here(repo)


def test_objects_truncated_at_the_remote_stay(repo: Repo, origin: Path) -> None:
    first, second = only(repo, "first"), only(repo, "second")
    lose(origin, first)
    (origin / "objects" / first[:2] / first[2:4] / first).touch()
    done = prune(repo)
    assert gone(done) == {second}
    assert reasons(done)[first] == "absent"
    repo.theta("push", "origin", "--all")
    assert gone(prune(repo)) == {first}
    repo.git("checkout", "-q", "first")
    assert repo.read(NAME) == model(1)


def test_a_checkout_finds_objects_in_the_quarantine_of_a_killed_prune(repo: Repo) -> None:
    repo.git("remote", "remove", "origin")
    folder = repo.path / ".git" / "theta" / "tmp" / "aside"
    folder.mkdir(exist_ok=True)
    for path in repo.objects:
        path.rename(folder / path.name)
    repo.git("checkout", "-q", "first")
    assert repo.read(NAME) == model(1)
    assert len(here(repo)) == 3


@pytest.mark.parametrize("remembered", [True, False])
def test_objects_that_are_added_again_count_as_new(repo: Repo, remembered: bool) -> None:
    path = repo.write("new.safetensors", model(1))
    if remembered:
        repo.git("hash-object", "-w", "--path=new.safetensors", path.name)
        age(repo)
    repo.git("hash-object", "-w", "--path=new.safetensors", path.name)
    young = {path.name for path in repo.objects if path.stat().st_mtime > 0}
    assert young == {only(repo, "first")}


def test_the_remote_need_not_be_asked(repo: Repo, origin: Path) -> None:
    origin.rename(origin.with_name("away"))
    origin.write_text("not a folder")
    before = here(repo)
    assert run(repo, "prune", "--recent", "0").returncode != 0
    assert here(repo) == before
    repo.git("config", "theta.pruneVerifyRemote", "false")
    assert len(gone(prune(repo))) == 2


def test_without_a_remote_only_unnamed_objects_are_deleted(repo: Repo) -> None:
    repo.git("remote", "remove", "origin")
    repo.write(NAME, model(30))
    repo.git("add", ".")
    staged = only(repo, "")
    repo.git("reset", "-q", "--hard")
    age(repo)
    done = prune(repo)
    assert gone(done) == set()
    assert reasons(done)[staged] == "dropped"
    repo.git("gc", "-q", "--prune=now")
    for path in repo.objects:
        os.utime(path)
    assert reasons(prune(repo))[staged] == "just written"
    age(repo)
    output = repo.theta("prune")
    assert "1 deleted (1 named by no version)" in output
    assert "no remote" in output
    assert len(here(repo)) == 3


def test_values_that_went_are_not_relied_on(repo: Repo, origin: Path) -> None:
    prune(repo)
    origin.rename(origin.with_name("away"))
    repo.write("copy.safetensors", model(1))
    repo.commit("again")
    (repo.path / "copy.safetensors").unlink()
    repo.git("checkout", "--", "copy.safetensors")
    assert repo.read("copy.safetensors") == model(1)


def test_a_bare_repository_is_left_alone(repo: Repo) -> None:
    bare = Repo(repo.path.parent / "bare.git")
    done = run(bare, "prune")
    assert done.returncode == 2
    assert "bare" in done.stderr
    assert "0 deleted" in bare.theta("prune", "--force")


def test_a_remote_that_is_unknown(repo: Repo, origin: Path) -> None:
    done = run(repo, "prune", "--remote", "upstream")
    assert done.returncode == 2
    assert "no remote 'upstream'" in done.stderr


def test_a_remote_that_is_this_repository(repo: Repo, origin: Path) -> None:
    before = here(repo)
    repo.git("config", "theta.remote.origin.url", str(repo.path))
    done = run(repo, "prune", "--recent", "0")
    assert done.returncode == 2
    assert "own store" in done.stderr
    assert here(repo) == before


@pytest.mark.parametrize("option", ["--depth=1", "--filter=blob:none", "--filter=tree:0"])
def test_clones_that_have_not_all_of_history(repo: Repo, origin: Path, option: str) -> None:
    bare = repo.path.parent / "bare.git"
    repo.git("-C", str(bare), "config", "uploadpack.allowFilter", "true")
    repo.git("-C", str(bare), "config", "uploadpack.allowAnySHA1InWant", "true")
    made = Repo(repo.path.parent / "made")
    settings = ("-c", f"theta.remote.origin.url={origin}", option)
    repo.git("clone", "-q", *settings, bare.as_uri(), str(made.path))
    third, first = only(repo, "third"), only(repo, "first")
    # Of a version whose manifest isn't here, and of none at all.
    lost = "ab" * 32
    source = next(path for path in repo.objects if path.name == first)
    for oid in (first, lost):
        folder = made.path / ".git" / "theta" / "objects" / oid[:2] / oid[2:4]
        folder.mkdir(parents=True)
        shutil.copy(source, folder / oid)
    age(made)
    packs = [path.name for path in made.path.glob(".git/objects/??*/*")]
    assert set(reasons(prune(made, "--no-verify-remote"))) == {first, third, lost}
    done = prune(made)
    assert gone(done) == {first}
    assert reasons(done) == {third: "in use", lost: "unknown"}
    assert [path.name for path in made.path.glob(".git/objects/??*/*")] == packs
    if option != "--depth=1":
        made.git("checkout", "-q", "origin/main~2")
        assert made.read(NAME) == model(1)
