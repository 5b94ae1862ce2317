"""Pushes, fetches and clones that fail: no damaged object is stored, and the next attempt succeeds."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from tests.helpers import sshd
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.folder_remote import clone, sent
from tests.helpers.lfs_server import Answer, Request, Server, serving
from tests.helpers.repo import Repo

A, B = "a.safetensors", "b.safetensors"


def model(seed: int) -> bytes:
    """One object of 400 kB, which no codec makes small."""
    random = np.random.default_rng(seed)
    return safetensors_bytes({"w": random.integers(0, 255, 400_000, "u1")})


#: Stands for ssh. Git's own connections stay as they are; ours break off, once for each file `up` or `down`.
_BREAKING = """
import os, subprocess, sys

command = [*os.environ["SSH"].split(), *sys.argv[1:]]
turns = [way for way in ("up", "down") if os.path.exists(os.environ["TURNS"] + "/" + way)]
if not turns or any(word in sys.argv[-1] for word in ("git-receive-pack", "git-upload-pack", "git-lfs")):
    os.execvp(command[0], command)
os.unlink(os.environ["TURNS"] + "/" + turns[0])
pipe, left = subprocess.PIPE, 100_000
if turns[0] == "up":
    process = subprocess.Popen(command, stdin=pipe)
    source, target = 0, process.stdin.fileno()
else:
    process = subprocess.Popen(command, stdout=pipe)
    source, target = process.stdout.fileno(), 1
while left and (data := os.read(source, left)):
    left -= os.write(target, data)
process.kill()
os._exit(255)
"""


@pytest.fixture
def repo(repo: Repo) -> Repo:
    repo.write(A, model(1))
    repo.commit("one")
    return repo


@pytest.fixture
def lfs(repo: Repo, bare: Path) -> Iterator[Server]:
    """The Git LFS server with the objects of `origin`."""
    with serving() as server:
        repo.git("config", "theta.remote.origin.url", f"{server.url}/lfs")
        yield server


def copy(server: Server, bare: Path, *options: str) -> Repo:
    """A clone that has fetched nothing yet."""
    path = bare.parent / "clone"
    Repo(bare.parent).git(
        "clone", "-q", "-n", "-c", f"theta.remote.origin.url={server.url}/lfs", *options, str(bare), path.name
    )
    return Repo(path)


def heads(repo: Repo) -> str:
    return repo.git("ls-remote", "--heads", "origin")


def damage(path: Path) -> None:
    os.chmod(path, 0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


class Gate:
    """A fault that holds a request back until the gate is opened; then the server answers."""

    def __init__(self, server: Server) -> None:
        self.server, self.reached, self.open = server, Event(), Event()

    def __call__(self, request: Request) -> Answer:
        self.reached.set()
        self.open.wait(20)
        return self.server.answer(request)


@contextmanager
def interrupted(repo: Repo, gate: Gate, *args: str) -> Iterator[None]:
    """Kill git and all that it started as soon as a request waits at the gate."""
    process = subprocess.Popen(
        ["git", *args], cwd=repo.path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        assert gate.reached.wait(20)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        gate.open.set()
    yield


def test_a_full_disk_stops_a_push(repo: Repo, bare: Path, tmp_path: Path) -> None:
    # An object whose permissions aren't the remote's is copied, and not linked.
    repo.objects[0].chmod(0o644)
    output = repo.run("sh", "-c", "ulimit -f 100; exec git push origin main", ok=False)
    assert output.returncode
    assert "File too large" in output.stderr
    assert not heads(repo)
    assert not sent(tmp_path)
    assert not list((tmp_path / "server" / "tmp").iterdir())
    repo.git("push", "-q", "origin", "main")
    assert len(sent(tmp_path)) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_stops_a_push(repo: Repo, bare: Path, tmp_path: Path) -> None:
    (tmp_path / "server").mkdir(mode=0o555)
    assert "Permission denied" in repo.git("push", "origin", "main", ok=False)
    assert not heads(repo)


@pytest.mark.parametrize(("status", "word"), [(507, "507"), (403, "403")])
def test_a_server_that_takes_nothing_stops_a_push(repo: Repo, lfs: Server, status: int, word: str) -> None:
    lfs.faults["PUT"] = [Answer(status)] * 9
    output = repo.git("push", "origin", "main", ok=False)
    assert word in output
    assert not heads(repo)
    assert not lfs.objects
    lfs.faults.clear()
    repo.git("push", "-q", "origin", "main")
    assert len(lfs.objects) == 1


def test_an_upload_that_breaks_is_tried_again(repo: Repo, lfs: Server) -> None:
    lfs.faults["PUT"] = [Answer(0)]
    assert "sent 1 object" in repo.git("push", "origin", "main")
    assert len(lfs.of("PUT")) == 2


def test_a_download_that_breaks_goes_on(repo: Repo, lfs: Server, bare: Path) -> None:
    repo.git("push", "-q", "origin", "main")
    (oid,) = lfs.objects
    lfs.faults["GET"] = [Answer(200, body=lfs.objects[oid], cut=200_000)]
    made = copy(lfs, bare)
    made.git("checkout", "-q", "main")
    assert made.read(A) == model(1)
    first, second = lfs.of("GET")
    assert "range" not in first.headers
    assert second.headers["range"].startswith("bytes=")


@pytest.mark.parametrize("where", ["folder", "server"])
def test_one_damaged_object_spoils_one_file(repo: Repo, bare: Path, tmp_path: Path, where: str) -> None:
    repo.write(B, model(2))
    repo.commit("two")
    repo.git("push", "-q", "origin", "main")
    (oid,) = {path.name for path in repo.objects} - {
        path.name for path in repo.objects if path.name in repo.git("show", f"HEAD:{A}")
    }
    (path,) = (tmp_path / "server").glob(f"objects/??/??/{oid}")
    if where == "folder":
        damage(path)
        check_damage(clone(bare, tmp_path / "clone", "-n"), oid)
    else:
        with serving() as server:
            server.objects = {each.name: each.read_bytes() for each in repo.objects}
            server.objects[oid] = bytes(reversed(server.objects[oid]))
            check_damage(copy(server, bare), oid)


def check_damage(made: Repo, oid: str) -> None:
    output = made.git("checkout", "main", ok=False)
    assert output.count("arrived damaged") == output.count(oid) == output.count("hint:") == 1
    assert f"{B}: object {oid}" in output
    assert made.read(A) == model(1)
    assert not (made.path / B).exists()
    assert oid not in {path.name for path in made.objects}
    assert oid not in {path.name for path in (made.path / ".git" / "theta").rglob("*")}


def test_a_push_that_was_killed(repo: Repo, lfs: Server) -> None:
    repo.write(B, model(2))
    repo.commit("two")
    gate = Gate(lfs)
    lfs.faults["PUT"] = [gate]
    with interrupted(repo, gate, "push", "origin", "main"):
        assert not heads(repo)
    repo.git("push", "-q", "origin", "main")
    assert set(lfs.objects) == {path.name for path in repo.objects}
    assert "main" in heads(repo)


@pytest.mark.parametrize("repair", ["git", "theta"])
def test_a_clone_that_was_killed_while_fetching(repo: Repo, lfs: Server, bare: Path, repair: str) -> None:
    repo.write(B, model(2))
    repo.commit("two")
    repo.git("push", "-q", "origin", "main")
    gate = Gate(lfs)
    lfs.faults["GET"] = [gate]
    made = copy(lfs, bare)
    with interrupted(made, gate, "checkout", "main"):
        # What git says of a command that was killed.
        (made.path / ".git" / "index.lock").unlink(missing_ok=True)
    if repair == "git":
        made.git("checkout", "-f", "main")
    else:
        made.git("-c", "theta.fetch=lazy", "checkout", "-f", "main")
        assert made.read(A).startswith(b"git-theta manifest")
        made.theta("fetch")
        made.theta("checkout")
    assert [made.read(name) for name in (A, B)] == [model(1), model(2)]
    assert made.status() == ""


def test_a_checkout_that_was_killed_before_it_wrote(repo: Repo) -> None:
    """Git is done and the filter isn't: the file is a manifest still."""
    old = repo.objects
    repo.write(A, model(2))
    repo.commit("two")
    repo.git("config", "theta.fetch", "lazy")
    kept = [path.rename(path.with_suffix(".kept")) for path in old]
    repo.git("checkout", "-q", "-f", "HEAD~1")
    assert repo.read(A).startswith(b"git-theta manifest")
    for path in kept:
        path.rename(path.with_suffix(""))
    repo.theta("checkout")
    assert repo.read(A) == model(1)
    assert repo.status() == ""


def test_two_pushes_at_once(repo: Repo, bare: Path, tmp_path: Path) -> None:
    repo.git("push", "-q", "origin", "main")
    other = clone(bare, tmp_path / "clone")
    for each, branch, seed in ((repo, "mine", 2), (other, "theirs", 3)):
        each.git("checkout", "-q", "-b", branch)
        each.write(A, model(seed))
        # Both have this one.
        each.write(B, model(4))
        each.commit(branch)
    running = [
        subprocess.Popen(["git", "push", "-q", "origin", branch], cwd=each.path, stderr=subprocess.PIPE)
        for each, branch in ((repo, "mine"), (other, "theirs"))
    ]
    output = [process.communicate()[1].decode() for process in running]
    assert [process.returncode for process in running] == [0, 0], output
    assert {path.name for path in [*repo.objects, *other.objects]} == sent(tmp_path)
    repo.git("fetch", "-q")
    repo.git("checkout", "-q", "theirs")
    assert repo.read(A) == model(3)


def test_the_second_remote_helps_out(repo: Repo, bare: Path, tmp_path: Path) -> None:
    repo.git("push", "-q", "origin", "main")
    made = clone(bare, tmp_path / "clone", "-n", server=tmp_path / "down")
    (tmp_path / "down").write_text("not a folder")
    made.git("remote", "add", "backup", str(bare))
    made.git("config", "theta.remote.backup.url", str(tmp_path / "server"))
    made.git("checkout", "-q", "main")
    assert made.read(A) == model(1)
    assert made.status() == ""


def test_objects_that_were_never_pushed(repo: Repo, bare: Path, tmp_path: Path) -> None:
    repo.git("push", "-q", "--no-verify", "origin", "main")
    made = clone(bare, tmp_path / "clone", "-n")
    output = made.git("checkout", "main", ok=False)
    assert repo.objects[0].name in output
    assert "git theta push" in output
    assert "Test <test@example.com>, commit " in output
    # The next push of anybody who has them sends them too.
    repo.write(B, model(2))
    repo.commit("two")
    assert "sent" in repo.git("push", "origin", "main")
    repo.theta("push", "origin")
    made.git("checkout", "-q", "-f", "main")
    assert made.read(A) == model(1)


@pytest.mark.skipif(not sshd.INSTALLED, reason="needs OpenSSH's server")
@pytest.mark.slow
def test_a_connection_that_breaks(
    repo: Repo, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection breaks while an object is sent, and while one is fetched."""
    with sshd.serving(tmp_path_factory.mktemp("sshd")) as server:
        breaking = tmp_path / "breaking"
        breaking.write_text(f"#!{sys.executable}\n{_BREAKING}")
        breaking.chmod(0o755)
        monkeypatch.setenv("SSH", shlex.join(server.command))
        monkeypatch.setenv("TURNS", str(tmp_path))
        monkeypatch.setenv("GIT_SSH_COMMAND", str(breaking))
        monkeypatch.setenv("GIT_SSH_VARIANT", "ssh")
        bare = tmp_path / "bare.git"
        repo.git("init", "-q", "--bare", str(bare))
        repo.git("remote", "add", "origin", f"ssh://127.0.0.1:{server.port}{bare}")
        (tmp_path / "up").touch()
        repo.git("push", "-q", "origin", "main")
        assert not (tmp_path / "up").exists()
        stored = list((bare / "theta" / "objects").glob("??/??/*"))
        assert [path.read_bytes() for path in stored] == [path.read_bytes() for path in repo.objects]
        (tmp_path / "down").touch()
        repo.git("clone", "-q", repo.git("remote", "get-url", "origin").strip(), str(tmp_path / "clone"))
        assert not (tmp_path / "down").exists()
        assert Repo(tmp_path / "clone").read(A) == model(1)
