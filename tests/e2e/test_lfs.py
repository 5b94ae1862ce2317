"""Push, fetch and clone through a host with a Git LFS server, with nothing else installed here."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import git_host
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.git_host import Host
from tests.helpers.repo import Repo

pytestmark = pytest.mark.skipif(not git_host.INSTALLED, reason="giftless isn't installed")

NAME = "m.safetensors"
REF = "refs/theta/objects"
_THETA = (sys.executable, "-m", "git_theta")


def model(seed: int) -> bytes:
    random = np.random.default_rng(seed)
    return safetensors_bytes(
        {f"l{i}": random.standard_normal((500, 600)).astype("f4") for i in range(1 + seed)}
    )


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with git_host.serving(tmp_path_factory.mktemp("host")) as made:
        yield made


@pytest.fixture
def url(host: Host, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return host.repository(f"ada/{tmp_path.name}")


def clone(url: str, target: Path, *options: str) -> Repo:
    Repo(target.parent).git("clone", "-q", *options, url, target.name)
    return Repo(target)


def test_push_clone_and_pull(repo: Repo, url: str, tmp_path: Path) -> None:
    repo.git("remote", "add", "origin", url)
    repo.write(NAME, model(1))
    repo.write("small.safetensors", safetensors_bytes({"x": np.ones(9, "f4")}))
    repo.commit("one")
    said = repo.git("push", "origin", "main")
    assert f"sent {len(repo.objects)} objects" in said
    made = clone(url, tmp_path / "clone")
    assert made.read(NAME) == model(1)
    assert made.status() == ""
    made.write(NAME, model(2))
    made.commit("two")
    made.git("push", "-q", "origin", "main")
    said = repo.git("pull", "-q", "origin", "main")
    assert "fetched" in said
    assert repo.read(NAME) == model(2)
    assert "sent" not in repo.git("push", "origin", "main")


def test_every_object_has_a_pointer(repo: Repo, url: str, tmp_path: Path) -> None:
    repo.git("remote", "add", "origin", url)
    for seed in (1, 2):
        repo.write(NAME, model(seed))
        repo.commit(str(seed))
        repo.git("push", "-q", "origin", "main")
    repo.git("fetch", "-q", url, REF)
    names = repo.git("ls-tree", "-r", "--name-only", "FETCH_HEAD").split()
    assert {name.replace("/", "") for name in names} - {".gitattributes"} == {p.name for p in repo.objects}
    path = repo.objects[0]
    text = repo.git("cat-file", "blob", f"FETCH_HEAD:{path.name[:2]}/{path.name[2:]}")
    size = path.stat().st_size
    assert text == f"version https://git-lfs.github.com/spec/v1\noid sha256:{path.name}\nsize {size}\n"
    assert repo.git("rev-list", "--count", "FETCH_HEAD").strip() == "2"
    assert "theta" not in repo.git("for-each-ref")


@pytest.mark.slow
def test_two_clones_add_pointers(repo: Repo, url: str, tmp_path: Path) -> None:
    repo.git("remote", "add", "origin", url)
    repo.write(NAME, model(1))
    repo.commit("one")
    repo.git("push", "-q", "origin", "main")
    made = clone(url, tmp_path / "clone")
    for who, seed in ((made, 3), (repo, 2)):
        who.git("checkout", "-q", "-b", f"topic{seed}")
        who.write(NAME, model(seed))
        who.commit(str(seed))
        who.git("push", "-q", "origin", f"topic{seed}")
    repo.git("fetch", "-q", url, REF)
    names = repo.git("ls-tree", "-r", "--name-only", "FETCH_HEAD").split()
    everything = {path.name for path in (*repo.objects, *made.objects)}
    assert {name.replace("/", "") for name in names} - {".gitattributes"} == everything


def test_a_host_that_refuses_the_ref(repo: Repo, url: str, host: Host, tmp_path: Path) -> None:
    hook = host.folder / url.removeprefix(host.url + "/") / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\ncase "$1" in refs/theta/*) echo "no such refs"; exit 1;; esac\n')
    hook.chmod(0o755)
    repo.git("remote", "add", "origin", url)
    repo.write(NAME, model(1))
    repo.commit("one")
    said = repo.git("push", "-q", "origin", "main")
    assert f"doesn't take {REF}" in said
    assert clone(url, tmp_path / "clone").read(NAME) == model(1)
    repo.git("config", "theta.pointers", "false")
    repo.write(NAME, model(2))
    repo.commit("two")
    assert "doesn't take" not in repo.git("push", "-q", "origin", "main")


@pytest.mark.skipif(not shutil.which("git-lfs"), reason="git-lfs isn't installed")
def test_git_lfs_fetches_pushed_objects(repo: Repo, url: str, tmp_path: Path) -> None:
    repo.git("remote", "add", "origin", url)
    repo.write(NAME, model(1))
    repo.commit("one")
    repo.git("push", "-q", "origin", "main")
    other = Repo(tmp_path / "other")
    other.path.mkdir()
    other.git("init", "-q")
    other.git("remote", "add", "origin", url)
    other.git("fetch", "-q", "origin", REF)
    other.git("lfs", "install", "--local", "--skip-smudge")
    other.git("checkout", "-q", "FETCH_HEAD")
    other.git("lfs", "pull", "origin")
    for path in repo.objects:
        assert other.read(f"{path.name[:2]}/{path.name[2:]}") == path.read_bytes()


@pytest.mark.skipif(not shutil.which("git-lfs"), reason="git-lfs isn't installed")
def test_a_mirror_by_git_lfs_copies_the_objects(repo: Repo, url: str, host: Host, tmp_path: Path) -> None:
    repo.git("remote", "add", "origin", url)
    repo.write(NAME, model(1))
    repo.commit("one")
    repo.git("push", "-q", "origin", "main")
    mirror = Repo(tmp_path / "mirror.git")
    repo.git("clone", "-q", "--mirror", url, str(mirror.path))
    mirror.git("lfs", "fetch", "--all", "origin")
    target = host.repository(f"ada/{tmp_path.name}-mirror")
    # Without a ref, git-lfs sends what branches and tags have.
    mirror.git("lfs", "push", "--all", target, REF)
    mirror.git("push", "-q", "--mirror", target)
    assert clone(target, tmp_path / "clone").read(NAME) == model(1)


def test_a_mirror_keeps_the_pointers(repo: Repo, url: str, host: Host, tmp_path: Path) -> None:
    repo.git("remote", "add", "origin", url)
    repo.write(NAME, model(1))
    repo.commit("one")
    repo.git("push", "-q", "origin", "main")
    for unwise in (["origin", f":{REF}"], ["--mirror", "origin"]):
        assert f"would delete {REF}" in repo.git("push", *unwise, ok=False)
    mirror = Repo(tmp_path / "mirror.git")
    repo.git("clone", "-q", "--mirror", url, str(mirror.path))
    mirror.theta("install", "--local")
    mirror.theta("fetch", "--all")
    target = host.repository(f"ada/{tmp_path.name}-second")
    mirror.git("push", "-q", "--mirror", target)
    assert mirror.git("ls-remote", target, REF).split()[0] == mirror.git("rev-parse", REF).strip()
    assert clone(target, tmp_path / "clone").read(NAME) == model(1)
    repo.git("fetch", "-q", "origin", f"{REF}:{REF}")
    repo.git("push", "-q", "--mirror", "origin")
    assert repo.git("ls-remote", url, REF).split()[0] == mirror.git("rev-parse", REF).strip()


def test_a_push_without_objects_says_so(repo: Repo, url: str, tmp_path: Path) -> None:
    repo.git("remote", "add", "origin", url)
    repo.write(NAME, model(1))
    repo.commit("one")
    repo.git("push", "-q", "--no-verify", "origin", "main")
    other = Repo(tmp_path)
    said = other.git("clone", "-q", url, "clone", ok=False)
    assert "git theta push" in said
    repo.theta("push", "origin")
    Repo(tmp_path / "clone").git("checkout", "-q", "-f", "HEAD")
    assert Repo(tmp_path / "clone").read(NAME) == model(1)


def test_objects_that_the_server_has_are_pruned(repo: Repo, url: str, tmp_path: Path) -> None:
    repo.git("remote", "add", "origin", url)
    for seed in (1, 2):
        repo.write(NAME, model(seed))
        repo.commit(str(seed))
    repo.git("push", "-q", "origin", "main")
    repo.write(NAME, model(3))
    repo.commit("3")
    repo.git("push", "-q", "origin", "main")
    before = len(repo.objects)
    assert "freed" in repo.theta("prune", "--recent", "0")
    assert len(repo.objects) < before
    repo.git("checkout", "-q", "HEAD~2")
    assert repo.read(NAME) == model(1)


def test_another_remote_has_objects_that_the_server_lacks(repo: Repo, url: str, tmp_path: Path) -> None:
    repo.write(NAME, model(1))
    repo.commit("one")
    repo.git("remote", "add", "origin", url)
    repo.git("remote", "add", "backup", str(tmp_path / "backup.git"))
    repo.git("init", "-q", "--bare", str(tmp_path / "backup.git"))
    (repo.path / ".git" / "theta" / "objects").rename(tmp_path / "kept")
    said = repo.theta("fetch", ok=False)
    assert "origin: 1 not there\n  backup: 1 not there" in said
    (tmp_path / "apart").mkdir()
    (tmp_path / "kept").rename(tmp_path / "apart" / "objects")
    repo.git("config", "theta.remote.backup.url", str(tmp_path / "apart"))
    (repo.path / NAME).unlink()
    assert "fetched " in repo.git("checkout", "--", NAME)
    assert repo.read(NAME) == model(1)


def test_a_server_named_by_the_repository(repo: Repo, host: Host, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    repo.git("init", "-q", "--bare", str(bare))
    repo.git("remote", "add", "origin", str(bare))
    repo.git("config", "-f", ".lfsconfig", "lfs.url", f"{host.url}/ada/{tmp_path.name}")
    content = safetensors_bytes({"only.here": np.random.default_rng(218).standard_normal((500, 600))})
    repo.write(NAME, content)
    repo.commit("one")
    said = repo.git("push", "origin", "main", ok=False)
    command = f"git config --add theta.trustedPlace {host.url}"
    assert f"git-theta: hint: if you trust it: {command}\n" in said
    assert not {path.name for path in repo.objects} & host.objects().keys()
    repo.git(*command.split()[1:])
    assert f", to {host.url}/ada/{tmp_path.name}\n" in repo.git("push", "origin", "main")
    assert {path.name for path in repo.objects} <= host.objects().keys()
    shutil.rmtree(repo.path / ".git" / "theta")
    shutil.rmtree(bare / "theta", ignore_errors=True)
    assert "theta.trustedPlace" in repo.git("clone", str(bare), str(tmp_path / "refused"), ok=False)
    trust = ("-c", f"theta.trustedPlace={host.url}")
    assert clone(str(bare), tmp_path / "clone", *trust).read(NAME) == content


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with git_host.serving(tmp_path_factory.mktemp("locked"), password="s3cret") as made:
        yield made


@pytest.fixture
def locked_url(locked: Host, tmp_path: Path) -> str:
    return locked.repository(f"ada/{tmp_path.name}")


def test_a_password_from_a_credential_helper(repo: Repo, locked_url: str, tmp_path: Path) -> None:
    helper = "!f() { echo username=ada; echo password=s3cret; }; f"
    repo.git("config", "credential.helper", helper)
    repo.git("remote", "add", "origin", locked_url)
    repo.write(NAME, model(1))
    repo.commit("one")
    repo.git("push", "-q", "origin", "main")
    made = clone(locked_url, tmp_path / "clone", "-c", f"credential.helper={helper}")
    assert made.read(NAME) == model(1)


def test_a_password_from_a_header(repo: Repo, locked_url: str, tmp_path: Path) -> None:
    header = "http.extraHeader=Authorization: Basic YWRhOnMzY3JldA=="
    repo.git("remote", "add", "origin", locked_url)
    repo.write(NAME, model(1))
    repo.commit("one")
    repo.git("-c", header, "push", "-q", "origin", "main")
    assert clone(locked_url, tmp_path / "clone", "-c", header).read(NAME) == model(1)


def askpass(folder: Path, asked: Path) -> Path:
    """A program that answers as a user does, and logs the questions."""
    program = folder / "askpass"
    program.write_text(
        f'#!/bin/sh\necho "$1" >>"{asked}"\ncase "$1" in User*) echo ada;; *) echo s3cret;; esac\n'
    )
    program.chmod(0o755)
    return program


def test_the_user_is_asked_once_by_git_and_once_by_us(repo: Repo, locked_url: str, tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    program = askpass(tmp_path, asked)
    repo.git("config", "credential.helper", "")
    repo.git("remote", "add", "origin", locked_url)
    repo.write(NAME, model(1))
    repo.commit("one")
    repo.git("push", "-q", "origin", "main", env={"GIT_ASKPASS": str(program)})
    assert [line.split()[0] for line in asked.read_text().splitlines()] == ["Username", "Password"] * 2
    assert REF in repo.git("-c", f"core.askPass={program}", "ls-remote", locked_url)


def test_a_mirror_keeps_the_pointers_where_the_user_is_asked_for_the_password(
    repo: Repo, locked_url: str, tmp_path: Path
) -> None:
    user = {"GIT_ASKPASS": str(askpass(tmp_path, tmp_path / "asked"))}
    repo.git("config", "credential.helper", "")
    repo.git("remote", "add", "origin", locked_url)
    repo.write(NAME, model(1))
    repo.commit("one")
    repo.git("push", "-q", "origin", "main", env=user)
    assert "would delete" in repo.git("push", "--mirror", "origin", ok=False, env=user)
    assert REF in repo.git("ls-remote", locked_url, env=user)


def test_a_wrong_password(repo: Repo, locked_url: str) -> None:
    repo.git("config", "credential.helper", "!f() { echo username=ada; echo password=wr0ng; }; f")
    repo.git("remote", "add", "origin", locked_url)
    repo.write(NAME, model(1))
    repo.commit("one")
    said = repo.run(*_THETA, "push", "origin", ok=False, env={"GIT_TERMINAL_PROMPT": "0"})
    assert said.returncode
    assert "doesn't accept the user name and password" in said.stderr
    assert "wr0ng" not in said.stderr


def test_a_password_that_nobody_knows(repo: Repo, locked_url: str) -> None:
    repo.git("config", "credential.helper", "")
    repo.git("remote", "add", "origin", locked_url)
    repo.write(NAME, model(1))
    repo.commit("one")
    said = repo.run(*_THETA, "push", "origin", ok=False, env={"GIT_TERMINAL_PROMPT": "0"})
    assert said.returncode
    assert "wants a user name and password" in said.stderr
    assert "s3cret" not in said.stderr
