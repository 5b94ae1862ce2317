"""Push and clone by SSH: to a host with Git LFS, and to one that has Git and nothing else."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import git_host, sshd
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.git_host import Host
from tests.helpers.repo import Repo
from tests.helpers.sshd import Server

pytestmark = pytest.mark.skipif(not sshd.INSTALLED, reason="needs OpenSSH's server")

NAME = "m.safetensors"


def model(seed: int) -> bytes:
    random = np.random.default_rng(seed)
    return safetensors_bytes({f"l{i}": random.standard_normal((500, 600)).astype("f4") for i in range(2)})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with sshd.serving(tmp_path_factory.mktemp("sshd")) as made:
        yield made


@pytest.fixture(autouse=True)
def ssh(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_SSH_COMMAND", shlex.join(server.command))


@pytest.fixture
def bare(repo: Repo, server: Server, tmp_path: Path) -> Path:
    """A bare repository, which is `origin` by SSH."""
    path = tmp_path / "bare.git"
    repo.git("init", "-q", "--bare", str(path))
    repo.git("remote", "add", "origin", f"ssh://127.0.0.1:{server.port}{path}")
    return path


def clone(repo: Repo, target: Path) -> Repo:
    repo.git("clone", "-q", repo.git("remote", "get-url", "origin").strip(), str(target))
    return Repo(target)


@pytest.mark.slow
def test_a_host_with_nothing_but_git(repo: Repo, bare: Path, tmp_path: Path) -> None:
    repo.write(NAME, model(1))
    repo.commit("one")
    assert "sent" in repo.git("push", "origin", "main")
    stored = {path.name for path in (bare / "theta" / "objects").glob("??/??/*")}
    assert stored == {path.name for path in repo.objects}
    assert "theta" not in repo.git("ls-remote", "origin")
    assert clone(repo, tmp_path / "clone").read(NAME) == model(1)


@pytest.mark.skipif(not git_host.INSTALLED, reason="giftless isn't installed")
class TestGitLfs:
    @pytest.fixture
    def host(self, server: Server, tmp_path: Path) -> Iterator[Host]:
        """A server of Git LFS that `git-lfs-authenticate` names."""
        program = server.bin / "git-lfs-authenticate"
        with git_host.serving(tmp_path / "host", password="s3cret") as made:
            grant = {"href": f"{made.url}/ada/models", "header": made.header(), "expires_in": 3600}
            program.write_text(
                f"#!/bin/sh\necho \"$@\" >>{tmp_path}/asked\ncat <<'E'\n{json.dumps(grant)}\nE\n"
            )
            program.chmod(0o755)
            yield made
        program.unlink()

    def test_access_is_asked_for(self, repo: Repo, bare: Path, host: Host, tmp_path: Path) -> None:
        repo.write(NAME, model(1))
        repo.commit("one")
        repo.git("push", "-q", "origin", "main")
        assert {path.name for path in repo.objects} == host.objects().keys()
        assert not (bare / "theta").exists()
        assert "refs/theta/objects" in repo.git("ls-remote", "origin")
        assert clone(repo, tmp_path / "clone").read(NAME) == model(1)
        asked = (tmp_path / "asked").read_text().splitlines()
        assert asked == [f"{bare} upload", f"{bare} download"]

    def test_a_host_that_refuses(self, repo: Repo, bare: Path, server: Server, host: Host) -> None:
        (server.bin / "git-lfs-authenticate").write_text(
            "#!/bin/sh\necho 'you may not write here' >&2\nexit 1\n"
        )
        repo.write(NAME, model(1))
        repo.commit("one")
        output = repo.git("push", "-q", "origin", "main", ok=False)
        assert "you may not write here" in output
        assert not repo.git("ls-remote", "origin")
