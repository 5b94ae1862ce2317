from __future__ import annotations

import getpass
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from git_theta.store.local import LocalStore
from git_theta.store.names import object_path
from git_theta.store.remote import RemoteObject, TransferError
from git_theta.store.ssh import SshRemote, ssh_arguments, ssh_command
from git_theta.testing.remotes import download_bytes, object_of, sample_bytes, upload_bytes
from tests.helpers import sshd
from tests.helpers.remote_contract import RemoteContract
from tests.helpers.sshd import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if not sshd.INSTALLED:
        pytest.skip("needs OpenSSH's server")
    with sshd.serving(tmp_path_factory.mktemp("sshd")) as made:
        yield made


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    path = tmp_path / "it's a $(touch oops) 'place'.git"
    subprocess.run(["git", "init", "-q", "--bare", path], check=True)
    return path


class TestSsh(RemoteContract):
    @pytest.fixture
    def remote(self, server: Server, bare: Path) -> Iterator[SshRemote]:
        host = f"{getpass.getuser()}@127.0.0.1"
        with SshRemote(server.command, host, server.port, str(bare)) as remote:
            yield remote


def shells() -> list[str]:
    found = [name for name in ("dash", "bash", "zsh", "ksh", "yash") if shutil.which(name)]
    return [*found, *(["busybox sh"] if shutil.which("busybox") else [])]


def pretend(folder: Path, script: str) -> list[str]:
    """A command in place of SSH that runs a shell script here; its `$1` is the command for the host."""
    path = folder / "pretend-ssh"
    path.write_text(f"#!/bin/sh\nshift\n{script}\n")
    path.chmod(0o755)
    return [str(path)]


def fewest_tools(folder: Path, shell: str) -> Path:
    """A folder with `sh` and, for busybox, its own tools."""
    tools = folder / "tools"
    tools.mkdir()
    if shell == "busybox sh":
        busybox = shutil.which("busybox")
        assert busybox
        for name in ("sh", "dd", "ls", "wc", "mv", "rm", "mkdir", "cat", "tail", "printf", "sha256sum"):
            (tools / name).symlink_to(busybox)
    else:
        (tools / "sh").symlink_to(str(shutil.which(shell)))
        for name in ("dd", "ls", "wc", "mv", "rm", "mkdir", "cat", "tail"):
            (tools / name).symlink_to(str(shutil.which(name)))
    return tools


@pytest.fixture(params=shells())
def tools(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return fewest_tools(tmp_path, request.param)


class TestShells(RemoteContract):
    """The script in every shell at hand, with few tools beside it."""

    # There is no `sha256sum`.
    checks_uploads = False

    @pytest.fixture
    def remote(self, tools: Path, bare: Path, tmp_path: Path) -> Iterator[SshRemote]:
        run = f'PATH={shlex.quote(str(tools))} exec sh -c "$1"'
        with SshRemote(pretend(tmp_path, run), "host", None, str(bare)) as remote:
            yield remote


def here(folder: Path, path: Path | str, script: str = 'exec sh -c "$1"') -> SshRemote:
    return SshRemote(pretend(folder, script), "host", None, str(path))


def files(bare: Path) -> list[Path]:
    return [path for path in (bare / "theta").rglob("*") if path.is_file()]


def test_objects_are_laid_out_as_in_a_store(bare: Path, tmp_path: Path) -> None:
    with here(tmp_path, bare) as remote:
        upload_bytes(remote, tmp_path, b"x")
    store = LocalStore(bare / "theta")
    store.verify(object_of(b"x").oid)
    assert store.path(object_of(b"x").oid).stat().st_mode & 0o777 == 0o444
    assert not any(store.tmp.iterdir())
    assert not (bare / "oops").exists()


@pytest.mark.parametrize(
    ("shared", "file", "directory"), [("group", 0o440, 0o770), ("all", 0o444, 0o775), ("0640", 0o440, 0o750)]
)
def test_a_shared_repository(bare: Path, tmp_path: Path, shared: str, file: int, directory: int) -> None:
    subprocess.run(["git", "-C", bare, "config", "core.sharedRepository", shared], check=True)
    with here(tmp_path, bare, 'umask 077; exec sh -c "$1"') as remote:
        upload_bytes(remote, tmp_path, b"x")
    path = bare / "theta" / object_path(object_of(b"x").oid)
    assert path.stat().st_mode & 0o777 == file
    assert path.parent.stat().st_mode & 0o777 == directory


def test_a_work_tree_and_a_name_without_git(bare: Path, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path / "work"], check=True)
    with here(tmp_path, tmp_path / "work") as remote:
        upload_bytes(remote, tmp_path, b"x")
    assert (tmp_path / "work/.git/theta" / object_path(object_of(b"x").oid)).exists()
    with here(tmp_path, str(bare).removesuffix(".git")) as remote:
        upload_bytes(remote, tmp_path, b"x")
    assert (bare / "theta" / object_path(object_of(b"x").oid)).exists()


def test_a_path_from_home(bare: Path, tmp_path: Path) -> None:
    home = shlex.quote(str(tmp_path))
    run = f'cd /; HOME={home} exec sh -c "$1"'
    with here(tmp_path, f"~/{bare.name}", run) as remote:
        assert remote.uploads([object_of(b"x")])


@pytest.mark.parametrize("path", ["-rf", "~$(touch oops)/x", "$(touch oops)", "`touch oops`", "a;touch oops"])
def test_paths_are_not_run(tmp_path: Path, path: str) -> None:
    run = f'cd {shlex.quote(str(tmp_path))}; exec sh -c "$1"'
    with here(tmp_path, path, run) as remote, pytest.raises(TransferError, match="no repository there"):
        remote.uploads([object_of(b"x")])
    assert not (tmp_path / "oops").exists()


@pytest.mark.parametrize("path", ["", "a\nb", "a\0b"])
def test_invalid_paths(path: str) -> None:
    with pytest.raises(TransferError, match="isn't a path"):
        SshRemote(["ssh"], "host", None, path)


@pytest.mark.parametrize("host", ["-oProxyCommand=x", "", "a b", "user@-host", "-l@host", "a\n", "a@b@c"])
def test_hosts_that_are_options(host: str) -> None:
    with pytest.raises(TransferError, match="isn't the name of a host"):
        ssh_arguments(["ssh"], host, 22)


def test_noise_of_start_up_files_is_skipped(bare: Path, tmp_path: Path) -> None:
    with here(tmp_path, bare, 'echo Welcome; echo; exec sh -c "$1"') as remote:
        upload_bytes(remote, tmp_path, b"x")
        assert download_bytes(remote, tmp_path, object_of(b"x"))[0] == b"x"


@pytest.mark.parametrize(
    "script",
    [
        'exec git shell -c "$1"',
        'echo "Hi! You have authenticated, but the host does not provide shell access." >&2; exit 1',
        'echo "Invalid command: sh"; exit 1',
        "exit 127",
    ],
)
def test_a_server_for_git_alone(bare: Path, tmp_path: Path, script: str) -> None:
    with (
        here(tmp_path, bare, script) as remote,
        pytest.raises(TransferError, match="other than Git") as caught,
    ):
        remote.uploads([object_of(b"x")])
    assert "theta.remote.NAME.url" in caught.value.hint
    assert not caught.value.retry


@pytest.mark.parametrize(
    ("words", "retry"),
    [
        ("ssh: connect to host: Connection refused", True),
        ("user@host: Permission denied (publickey).", False),
    ],
)
def test_a_server_that_can_not_be_reached(bare: Path, tmp_path: Path, words: str, retry: bool) -> None:
    script = f"echo {shlex.quote(words)} >&2; exit 255"
    with (
        here(tmp_path, bare, script) as remote,
        pytest.raises(TransferError, match="can't be reached") as caught,
    ):
        remote.downloads([object_of(b"x")])
    assert words in str(caught.value)
    assert caught.value.retry is retry


def test_ssh_is_not_installed() -> None:
    remote = SshRemote(["/nowhere/ssh"], "host", None, "/path")
    with pytest.raises(TransferError, match="can't be run"):
        remote.uploads([object_of(b"x")])


@pytest.fixture
def cut(tmp_path: Path) -> Callable[[int], None]:
    """Cuts the connection of `killable`."""

    def kill(_: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(int((tmp_path / "pid").read_text()), 9)

    return kill


@pytest.fixture
def killable(server: Server, bare: Path, tmp_path: Path) -> Iterator[SshRemote]:
    program = tmp_path / "killable-ssh"
    program.write_text(f'#!/bin/sh\necho $$ >{shlex.quote(str(tmp_path))}/pid\nexec "$@"\n')
    program.chmod(0o755)
    with SshRemote([str(program), *server.command], "127.0.0.1", server.port, str(bare)) as remote:
        yield remote


def test_a_connection_that_is_cut_while_sending(
    killable: SshRemote, cut: Callable[[int], None], bare: Path, tmp_path: Path
) -> None:
    data = sample_bytes(9_000_000)
    oid = object_of(data).oid
    (tmp_path / "file").write_bytes(data)
    uploads = killable.uploads([object_of(data)])
    with (tmp_path / "file").open("rb") as file:
        with pytest.raises(TransferError, match="connection was lost") as caught:
            uploads[oid](file, cut)
        assert caught.value.retry
        assert not (bare / "theta" / object_path(oid)).exists()
        uploads[oid](file, int)
    assert download_bytes(killable, tmp_path, object_of(data))[0] == data
    assert [path.name for path in (bare / "theta/objects").rglob("*") if path.is_file()] == [oid]


def test_a_connection_that_is_cut_while_fetching(
    killable: SshRemote, cut: Callable[[int], None], tmp_path: Path
) -> None:
    data = sample_bytes(9_000_000)
    upload_bytes(killable, tmp_path, data)
    downloads = killable.downloads([object_of(data)])
    counts: list[int] = []

    def count_and_cut(count: int) -> None:
        counts.append(count)
        cut(0)

    with (tmp_path / "part").open("w+b") as file:
        with pytest.raises(TransferError, match="connection was lost") as caught:
            downloads[object_of(data).oid](file, 0, count_and_cut)
        file.seek(0)
        have = file.read()
    assert caught.value.retry
    assert have == data[: sum(counts)]
    assert have
    assert download_bytes(killable, tmp_path, object_of(data), have) == (data, len(data) - len(have))


def test_bytes_that_are_damaged_on_the_way(bare: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"other")
    with here(tmp_path, bare) as remote:
        uploads = remote.uploads([object_of(b"right")])
        with (tmp_path / "file").open("rb") as file, pytest.raises(TransferError, match="damaged"):
            uploads[object_of(b"right").oid](file, int)
    assert files(bare) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mounted, capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount")
    subprocess.run(["git", "init", "-q", "--bare", "--template=", disk / "bare"], check=True)
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk(small_disk: Path, server: Server, tmp_path: Path) -> None:
    bare = small_disk / "bare"
    with SshRemote(server.command, "127.0.0.1", server.port, str(bare)) as remote:
        with pytest.raises(TransferError, match="No space left") as caught:
            upload_bytes(remote, tmp_path, sample_bytes(30_000_000))
        assert "free some disk space" in caught.value.hint
        assert not caught.value.retry
        upload_bytes(remote, tmp_path, b"small")
    assert [path.name for path in files(bare)] == [object_of(b"small").oid]


def test_a_repository_that_is_read_only(small_disk: Path, tmp_path: Path) -> None:
    bare = small_disk / "bare"
    with here(tmp_path, bare) as remote:
        upload_bytes(remote, tmp_path, b"x")
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        assert download_bytes(remote, tmp_path, object_of(b"x"))[0] == b"x"
        with pytest.raises(TransferError, match="Read-only") as caught:
            upload_bytes(remote, tmp_path, b"y")
    assert "permission" in caught.value.hint


def test_few_connections_are_made(bare: Path, tmp_path: Path) -> None:
    script = f'echo >>{shlex.quote(str(tmp_path))}/count; exec sh -c "$1"'
    with here(tmp_path, bare, script) as remote:
        for number in range(20):
            upload_bytes(remote, tmp_path, b"%d" % number)
    assert (tmp_path / "count").read_text() == "\n"


@pytest.mark.parametrize(
    ("settings", "environment", "command"),
    [
        ({}, {}, ("ssh",)),
        ({}, {"GIT_SSH": "/my ssh"}, ("/my ssh",)),
        ({"core.sshcommand": "ssh -v"}, {"GIT_SSH": "x"}, ("sh", "-c", 'ssh -v "$@"', "ssh -v")),
        ({"core.sshcommand": "x"}, {"GIT_SSH_COMMAND": "ssh -4"}, ("sh", "-c", 'ssh -4 "$@"', "ssh -4")),
    ],
)
def test_the_command_is_the_one_git_would_use(
    settings: dict[str, str], environment: dict[str, str], command: tuple[str, ...]
) -> None:
    assert ssh_command(settings, environment) == command


def test_a_command_line_with_options(bare: Path, tmp_path: Path) -> None:
    program = shlex.quote(*pretend(tmp_path, 'shift; exec sh -c "$1"'))
    command = ssh_command({}, {"GIT_SSH_COMMAND": f"{program} -4"})
    with SshRemote(command, "host", None, str(bare)) as remote:
        upload_bytes(remote, tmp_path, b"x")


def hostile(folder: Path, size: str) -> SshRemote:
    """A host that has one byte of everything, and then answers with another size, and many bytes."""
    has = (
        'while read -r v a b o n && [ "$v" = has ]; do all="$all $o"; done; for o in $all; do echo 1 $o; done'
    )
    get = f"read -r v rest; echo {shlex.quote(size)}; head -c 300000 /dev/zero"
    return here(folder, "/p", f"echo 'git-theta 1'; {has}; echo end; {get}")


@pytest.mark.parametrize(
    "size", ["size 300000", "size 0", "size -5", "size abc", "size", "size 1x", "size \u0661", "size 1 1"]
)
@pytest.mark.parametrize("known", [True, False])
def test_a_host_that_sends_another_size(tmp_path: Path, size: str, known: bool) -> None:
    wanted = RemoteObject(object_of(b"a").oid, 1 if known else None)
    with (
        hostile(tmp_path, size) as remote,
        (tmp_path / "part").open("w+b") as file,
        pytest.raises(TransferError),
    ):
        remote.downloads([wanted])[wanted.oid](file, 0, int)
    assert (tmp_path / "part").stat().st_size == 0


@pytest.mark.parametrize("answer", ["yes", "-1 {oid}", "x {oid}", "1", "1 " + "b" * 64, ""])
def test_a_host_with_invalid_answers(tmp_path: Path, answer: str) -> None:
    answer = answer.format(oid=object_of(b"a").oid)
    script = f"echo 'git-theta 1'; read -r x; read -r x; echo {shlex.quote(answer)}; echo end; read -r x"
    with (
        here(tmp_path, "/p", script) as remote,
        pytest.raises(TransferError, match="doesn't answer as it should"),
    ):
        remote.downloads([object_of(b"a")])


def test_settings_of_the_host_do_not_change_sizes(bare: Path, tmp_path: Path) -> None:
    run = 'BLOCK_SIZE=human-readable QUOTING_STYLE=shell-always TIME_STYLE=full-iso exec sh -c "$1"'
    data = [sample_bytes(size, size) for size in range(5_000, 5_600)]
    with here(tmp_path, bare, f"export BLOCK_SIZE QUOTING_STYLE TIME_STYLE; {run}") as remote:
        upload_bytes(remote, tmp_path, data[0])
        upload_bytes(remote, tmp_path, data[-1])
        assert set(remote.downloads(list(map(object_of, data)))) == {
            object_of(data[0]).oid,
            object_of(data[-1]).oid,
        }
