from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from git_theta.store.lfs.ssh_auth import NoLfsError, SshAuthenticator, authenticate_command, parse_grant
from git_theta.store.remote import TransferError
from git_theta.store.ssh_address import SshAddress

ADDRESS = SshAddress("git@example.com", None, "a/b.git")
ASK = "git-lfs-authenticate a/b.git download"


@pytest.mark.parametrize(
    ("address", "settings", "environment", "command"),
    [
        (ADDRESS, {}, {}, ["ssh", "git@example.com", ASK]),
        (SshAddress("h", 22, "a b"), {}, {}, ["ssh", "-p", "22", "h", "git-lfs-authenticate 'a b' download"]),
        (ADDRESS, {}, {"GIT_SSH": "/my/ssh"}, ["/my/ssh", "git@example.com", ASK]),
        (
            ADDRESS,
            {"core.sshcommand": "ssh -i key"},
            {"GIT_SSH": "/my/ssh"},
            ["sh", "-c", 'ssh -i key "$@"', "ssh -i key", "git@example.com", ASK],
        ),
    ],
)
def test_the_command(
    address: SshAddress, settings: dict[str, str], environment: dict[str, str], command: list[str]
) -> None:
    assert authenticate_command(address, "download", settings, environment) == command


@pytest.mark.parametrize("host", ["-oProxyCommand=x", "me@-oProxyCommand=x", "\0@host", "a b", ""])
def test_hosts_that_look_like_options(host: str) -> None:
    with pytest.raises(TransferError, match="isn't the name of a host"):
        authenticate_command(SshAddress(host, None, "a"), "download", {}, {})


def test_a_grant() -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    answer = {
        "href": "https://lfs/x/",
        "header": {"Authorization": "T"},
        "expires_at": "2030-01-01T00:01:00Z",
    }
    grant = parse_grant(json.dumps(answer).encode(), "host", now)
    assert (grant.href, grant.header, grant.lifetime) == ("https://lfs/x", {"Authorization": "T"}, 60.0)
    grant = parse_grant(b'{"expires_in": 30, "expires_at": "2030-01-01T00:01:00Z"}', "host", now)
    assert (grant.href, grant.header, grant.lifetime) == ("", {}, 30.0)
    assert parse_grant(b'{"expires_at": "0001-01-01T00:00:00Z"}', "host", now).lifetime is None


@pytest.mark.parametrize(
    "answer", [b"", b"[]", b"Welcome!", b'{"expires_at": "soon"}', b'{"href": "file:///"}']
)
def test_invalid_answers(answer: bytes) -> None:
    with pytest.raises(TransferError, match="host gave an invalid answer"):
        parse_grant(answer, "host")


def authenticator(tmp_path: Path, script: str, clock: list[float]) -> tuple[SshAuthenticator, Path]:
    log = tmp_path / "log"
    program = tmp_path / "ssh"
    program.write_text(f'#!/bin/sh\necho "$@" >>{log}\n{script}\n')
    program.chmod(0o755)
    environment = {"GIT_SSH_COMMAND": f"{program} -q", "PATH": "/usr/bin:/bin"}
    return SshAuthenticator(ADDRESS, {}, environment, lambda: clock[0]), log


def test_a_grant_is_kept_until_it_expires(tmp_path: Path) -> None:
    clock = [0.0]
    ssh, log = authenticator(tmp_path, """echo '{"href": "https://lfs", "expires_in": 100}'""", clock)
    grant = ssh.grant("download")
    assert ssh.grant("download") is grant
    clock[0] = 96.0
    other = ssh.grant("download")
    assert other is not grant
    assert ssh.refused(other)
    assert not ssh.refused(other)
    ssh.grant("download")
    assert log.read_text() == f"-q git@example.com {ASK}\n" * 3


@pytest.mark.parametrize(
    ("script", "said", "retry"),
    [
        ("echo 'no such\nrepository' >&2; exit 1", "access to Git LFS: no such repository", False),
        ("echo 'Permission denied (publickey).' >&2; exit 255", "can't be reached: Permission denied", False),
        ("echo 'Connection timed out' >&2; exit 255", "can't be reached: Connection timed out", True),
        ("echo 'ssh: host not found' >&2; exit 255", "can't be reached: ssh: host not found", True),
        ("exit 255", "can't be reached: exit code 255", True),
        ("yes", "invalid answer to git-lfs-authenticate: more than 1048576 bytes", False),
    ],
)
def test_a_host_that_refuses(tmp_path: Path, script: str, said: str, retry: bool) -> None:
    ssh, _ = authenticator(tmp_path, script, [0.0])
    with pytest.raises(TransferError, match=said) as caught:
        ssh.grant("upload")
    assert not isinstance(caught.value, NoLfsError)
    assert caught.value.retry is retry
    assert ("lfs.url" in caught.value.hint) is ("access to Git LFS" in said)


@pytest.mark.parametrize(
    "script",
    [
        "exit 127",
        "echo 'sh: git-lfs-authenticate: not found' >&2; exit 1",
        "echo Unknown command >&2; exit 255",
    ],
)
def test_a_host_without_git_lfs(tmp_path: Path, script: str) -> None:
    ssh, _ = authenticator(tmp_path, script, [0.0])
    with pytest.raises(NoLfsError):
        ssh.grant("upload")
