"""Push, fetch and clone through remotes that are folders: what Git does by itself."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.folder_remote import clone, sent
from tests.helpers.repo import Repo
from tests.helpers.small_models import NAME


def model(seed: int) -> bytes:
    """Matrices of F32 [50, 60], one more of them with each seed: no version is stored in terms of another."""
    random = np.random.default_rng(seed)
    return safetensors_bytes(
        {f"l{i}": random.standard_normal((50, 60)).astype("f4") for i in range(4 + seed)}
    )


def test_push_and_clone(repo: Repo, bare: Path, tmp_path: Path) -> None:
    repo.write(NAME, model(1))
    repo.commit("one")
    said = repo.git("push", "origin", "main")
    assert "sent 1 object" in said
    assert sent(tmp_path) == {path.name for path in repo.objects}
    made = clone(bare, tmp_path / "clone")
    assert made.read(NAME) == model(1)
    assert made.status() == ""
    assert "sent" not in repo.git("push", "origin", "main")


@pytest.mark.parametrize("threshold", ["1k", "1g"])
def test_a_checkout_fetches_what_it_needs(repo: Repo, bare: Path, tmp_path: Path, threshold: str) -> None:
    for seed in (1, 2):
        repo.write(NAME, model(seed))
        repo.write(f"other{seed}.safetensors", model(seed + 10))
        repo.commit(str(seed))
    repo.git("push", "-q", "origin", "main")
    made = clone(bare, tmp_path / "clone", "-c", f"theta.materialiseThreshold={threshold}")
    assert made.read(NAME) == model(2)
    assert made.read("other1.safetensors") == model(11)
    assert made.status() == ""
    before = len(made.objects)
    said = made.git("checkout", "-q", "HEAD~1")
    assert said.count("fetched") == 1
    assert made.read(NAME) == model(1)
    assert made.status() == ""
    assert len(made.objects) > before
    made.git("checkout", "-q", "main")
    assert made.read(NAME) == model(2)


def test_only_new_objects_are_sent(repo: Repo, bare: Path, tmp_path: Path) -> None:
    repo.write(NAME, model(1))
    repo.commit("one")
    repo.git("push", "-q", "origin", "main")
    repo.git("checkout", "-q", "-b", "topic")
    repo.write(NAME, model(2))
    repo.commit("two")
    repo.write("unpushed.safetensors", model(3))
    repo.git("add", ".")
    assert "sent 1 object" in repo.git("push", "origin", "topic")
    repo.git("tag", "-a", "-m", "release", "v1")
    repo.git("push", "-q", "origin", "v1")
    repo.git("push", "-q", "--delete", "origin", "topic")
    assert len(sent(tmp_path)) == 2


def test_a_push_that_cannot_send_objects_sends_nothing(repo: Repo, bare: Path, tmp_path: Path) -> None:
    repo.write(NAME, model(1))
    repo.commit("one")
    (tmp_path / "server").write_text("not a folder")
    said = repo.git("push", "origin", "main", ok=False)
    assert "error:" in said
    assert not repo.git("ls-remote", "origin")
    (tmp_path / "server").unlink()
    repo.git("push", "-q", "origin", "main")
    assert "main" in repo.git("ls-remote", "origin")


def test_a_missing_object_stops_the_push(repo: Repo, bare: Path) -> None:
    repo.write(NAME, model(1))
    repo.commit("one")
    for path in repo.objects:
        os.chmod(path, 0o644)
        path.unlink()
    said = repo.git("push", "origin", "main", ok=False)
    assert "neither here nor at" in said
    assert not repo.git("ls-remote", "origin")


def test_a_damaged_object_never_arrives(repo: Repo, bare: Path, tmp_path: Path) -> None:
    repo.write(NAME, model(1))
    repo.commit("one")
    repo.git("push", "-q", "origin", "main")
    (stored,) = (tmp_path / "server").glob("objects/??/??/*")
    os.chmod(stored, 0o644)
    data = bytearray(stored.read_bytes())
    data[-1] ^= 1
    stored.unlink()
    stored.write_bytes(data)
    said = Repo(tmp_path).git(
        "clone", "-c", f"theta.remote.origin.url={tmp_path / 'server'}", str(bare), "clone", ok=False
    )
    assert stored.name[:12] in said
    assert not (tmp_path / "clone" / NAME).exists()


def test_lazy_clones_keep_manifests(repo: Repo, bare: Path, tmp_path: Path) -> None:
    repo.write(NAME, model(1))
    repo.commit("one")
    repo.git("push", "-q", "origin", "main")
    made = clone(bare, tmp_path / "clone", "-c", "theta.fetch=lazy")
    assert made.read(NAME).startswith(b"git-theta manifest")
    assert made.status() == ""
    assert not made.objects
    assert "fetched 1 object" in made.theta("fetch")
    made.theta("checkout")
    assert made.read(NAME) == model(1)
    assert made.status() == ""


def test_a_plain_bare_repository_keeps_objects_beside_it(repo: Repo, tmp_path: Path) -> None:
    path = tmp_path / "bare.git"
    repo.git("init", "-q", "--bare", str(path))
    repo.git("remote", "add", "origin", path.as_uri())
    repo.write(NAME, model(1))
    repo.commit("one")
    repo.git("push", "-q", "-u", "origin", "main")
    assert len(list((path / "theta" / "objects").glob("??/??/*"))) == 1
    shutil.rmtree(repo.path / ".git" / "theta" / "objects")
    (repo.path / NAME).unlink()
    repo.git("checkout", "--", NAME)
    assert repo.read(NAME) == model(1)


def test_two_clones_exchange_work(repo: Repo, bare: Path, tmp_path: Path) -> None:
    repo.write(NAME, model(1))
    repo.commit("one")
    repo.git("push", "-q", "-u", "origin", "main")
    made = clone(bare, tmp_path / "clone")
    made.write(NAME, model(2))
    made.commit("two")
    made.git("push", "-q")
    repo.git("pull", "-q")
    assert repo.read(NAME) == model(2)
    assert repo.status() == ""


def test_a_hook_that_was_there_runs_too(repo: Repo, bare: Path, tmp_path: Path) -> None:
    hook = repo.path / ".git" / "hooks" / "pre-push"
    hook.unlink(missing_ok=True)
    hook.write_text(f"#!/bin/sh\ncat > {tmp_path}/seen\necho $1 >> {tmp_path}/seen\nexit 7\n")
    hook.chmod(0o755)
    repo.write(NAME, model(1))
    repo.commit("one")
    repo.theta("install", "--local")
    repo.git("push", "origin", "main", ok=False)
    seen = (tmp_path / "seen").read_text().split()
    assert seen[0] == "refs/heads/main"
    assert seen[-1] == "origin"
    assert not repo.git("ls-remote", "origin")
    assert sent(tmp_path)


def test_each_of_several_urls_gets_the_objects(repo: Repo, tmp_path: Path) -> None:
    for name in ("one", "two"):
        repo.git("init", "-q", "--bare", str(tmp_path / f"{name}.git"))
        repo.git("config", "--add", "remote.both.url", str(tmp_path / f"{name}.git"))
    repo.write(NAME, model(1))
    repo.commit("one")
    repo.git("push", "-q", "both", "main")
    for name in ("one", "two"):
        stored = {path.name for path in (tmp_path / f"{name}.git" / "theta").glob("objects/??/??/*")}
        assert stored == {path.name for path in repo.objects}


def test_a_url_without_a_repository_gets_no_objects(repo: Repo, tmp_path: Path) -> None:
    repo.write(NAME, model(1))
    repo.commit("one")
    assert "there's no remote 'backup'" in repo.theta("push", "backup", ok=False)
    repo.git("remote", "add", "backup", str(tmp_path / "backup.git"))
    assert "isn't a Git repository" in repo.theta("push", "backup", ok=False)
    assert not (repo.path / "backup").exists()
    assert not (tmp_path / "backup.git").exists()
    repo.git("init", "-q", "--bare", str(tmp_path / "backup.git"))
    assert "sent 1 object" in repo.theta("push", "backup")


def test_one_more_work_tree_is_a_remote_too(repo: Repo, tmp_path: Path) -> None:
    Repo(tmp_path).git("init", "-q", "other")
    other = Repo(tmp_path / "other")
    other.git("commit", "-q", "--allow-empty", "-m", "begin")
    other.git("worktree", "add", "-q", str(tmp_path / "more"))
    repo.write(NAME, model(1))
    repo.commit("one")
    repo.git("push", "-q", str(tmp_path / "more"), "main:refs/heads/new")
    assert {path.name for path in other.objects} == {path.name for path in repo.objects}
    assert not (tmp_path / "more" / "objects").exists()


def test_objects_that_one_url_has_are_sent_to_another(repo: Repo, tmp_path: Path) -> None:
    places = [tmp_path / f"{name}.git" for name in ("one", "two", "three")]
    for place in places:
        repo.git("init", "-q", "--bare", str(place))
    repo.git("remote", "add", "origin", str(places[0]))
    repo.git("remote", "set-url", "--add", "origin", str(places[1]))
    for seed in (1, 2):
        repo.write(NAME, model(seed))
        repo.commit(str(seed))
        repo.git("push", "-q", "origin", "main")
    # A third place, of which the tracking branches know nothing.
    repo.git("config", "--unset-all", "remote.origin.url")
    repo.git("config", "remote.origin.url", str(places[2]))
    repo.git("push", "-q", "origin", "main")
    for place in places:
        stored = {path.name for path in (place / "theta").glob("objects/??/??/*")}
        assert stored == {path.name for path in repo.objects}


def test_a_later_push_sends_objects_that_one_without_the_hook_left_out(
    repo: Repo, bare: Path, tmp_path: Path
) -> None:
    repo.write(NAME, model(1))
    repo.commit("one")
    repo.git("push", "-q", "--no-verify", "origin", "main")
    repo.write("other.safetensors", model(2))
    repo.commit("two")
    repo.git("push", "-q", "origin", "main")
    assert sent(tmp_path) == {path.name for path in repo.objects}
    assert clone(bare, tmp_path / "clone").read(NAME) == model(1)


def test_a_branch_that_was_deleted_at_the_remote(repo: Repo, bare: Path, tmp_path: Path) -> None:
    repo.write(NAME, model(1))
    repo.commit("one")
    repo.git("push", "-q", "origin", "main:topic")
    Repo(bare).git("update-ref", "-d", "refs/heads/topic")
    shutil.rmtree(tmp_path / "server")
    repo.write(NAME, model(2))
    repo.commit("two")
    repo.git("push", "-q", "origin", "main")
    assert sent(tmp_path) == {path.name for path in repo.objects}


def test_a_local_ref_with_spaces(repo: Repo, bare: Path, tmp_path: Path) -> None:
    repo.write(NAME, model(1))
    repo.commit("the first commit")
    repo.git("push", "-q", "origin", "HEAD^{/first commit}:refs/heads/x")
    assert sent(tmp_path) == {path.name for path in repo.objects}


def test_replaced_objects_are_pushed_as_git_pushes_them(repo: Repo, bare: Path, tmp_path: Path) -> None:
    repo.write(NAME, model(1))
    repo.commit("one")
    first = repo.git("rev-parse", f"HEAD:{NAME}").strip()
    repo.write(NAME, model(2))
    repo.commit("two")
    repo.git("replace", f"HEAD:{NAME}", first)
    repo.git("push", "-q", "origin", "main")
    assert sent(tmp_path) == {path.name for path in repo.objects}


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/cmdline").exists(), reason="arguments aren't known for sure"
)


@needs_proc
@pytest.mark.parametrize("option", ["-n", "--dry-run"])
def test_a_dry_run_sends_nothing(repo: Repo, bare: Path, tmp_path: Path, option: str) -> None:
    repo.write(NAME, model(1))
    repo.commit("one")
    assert "would send 1 object, " in repo.git("push", option, "origin", "main")
    assert not sent(tmp_path)
    repo.git("push", "origin", "main")
    repo.git("branch", "other")
    assert "would send" not in repo.git("push", option, "origin", "other")


@needs_proc
def test_a_quiet_push_and_clone_say_nothing(repo: Repo, bare: Path, tmp_path: Path) -> None:
    repo.write(NAME, model(1))
    repo.commit("one")
    assert repo.git("push", "-q", "origin", "main") == ""
    assert sent(tmp_path)
    place = f"theta.remote.origin.url={tmp_path / 'server'}"
    for option, words in (("-q", ""), ("--no-quiet", "fetched 1 object")):
        said = Repo(tmp_path).git("clone", option, "-c", place, str(bare), f"clone{option}")
        assert ("fetched" in said) is bool(words)
        assert words in said


@pytest.mark.parametrize("how", ["setting", pytest.param("--mirror", marks=needs_proc)])
def test_a_mirror_does_not_lose_its_pointers(repo: Repo, bare: Path, how: str) -> None:
    repo.write(NAME, model(1))
    repo.commit("one")
    if how == "setting":
        repo.git("config", "remote.origin.mirror", "true")
    command = ["push", "--mirror", "origin"] if how == "--mirror" else ["push", "origin"]
    repo.git(*command)
    ref = "refs/theta/objects"
    Repo(bare).git("update-ref", ref, "refs/heads/main")
    assert f"would delete {ref}" in repo.git(*command, ok=False)
    assert ref in repo.git("ls-remote", "origin")
    repo.git("fetch", "-q", str(bare), f"{ref}:{ref}")
    repo.git(*command)
    assert ref in repo.git("ls-remote", "origin")
    repo.git("update-ref", "-d", ref)
    repo.git("-c", "theta.pointers=false", *command)
    assert ref not in repo.git("ls-remote", "origin")


@pytest.mark.skipif(sys.platform == "darwin", reason="names of files are UTF-8")
def test_a_branch_whose_name_is_not_utf8(repo: Repo, bare: Path, tmp_path: Path) -> None:
    repo.write(NAME, model(1))
    repo.commit("one")
    repo.git("push", "-q", "origin", os.fsdecode(b"main:refs/heads/br\xe9"))
    repo.git("branch", "topic")
    repo.git("push", "-q", "origin", "topic")
    assert "topic" in repo.git("ls-remote", "origin")


def test_objects_of_a_newer_manifest_are_sent(repo: Repo, bare: Path, tmp_path: Path) -> None:
    repo.write(NAME, model(1))
    repo.commit("one")
    text = repo.git("cat-file", "-p", f":{NAME}").replace("git-theta manifest 1", "git-theta manifest 2")
    oid = repo.run("git", "hash-object", "-w", "--no-filters", "--stdin", stdin=text.encode()).stdout.strip()
    repo.git("update-index", "--cacheinfo", f"100644,{oid},{NAME}")
    repo.git("commit", "-q", "--amend", "-m", "newer")
    said = repo.git("push", "origin", "main")
    assert said.count(f"manifest {oid} can't be read") == 1
    assert sent(tmp_path) == {path.name for path in repo.objects}


def test_prune_keeps_what_a_replaced_commit_needs(repo: Repo, bare: Path) -> None:
    for seed in (1, 2):
        repo.write(NAME, model(seed))
        repo.commit(str(seed))
    repo.git("push", "-q", "origin", "main")
    repo.write(NAME, model(3))
    repo.commit("three")
    repo.git("checkout", "-q", "HEAD^^")
    repo.git("replace", "main", "main^")
    for path in repo.objects:
        os.utime(path, (1, 1))
    before = repo.objects
    repo.theta("prune", "--recent", "0")
    left = repo.objects
    repo.git("replace", "-d", repo.git("rev-parse", "main").strip())
    repo.git("checkout", "-q", "main")
    assert repo.read(NAME) == model(3)
    assert len(left) < len(before)
