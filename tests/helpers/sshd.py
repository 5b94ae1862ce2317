"""An SSH server on a free port, for the current user."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.ports import await_port, free_port

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
INSTALLED = SSHD is not None and shutil.which("ssh") is not None


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        command: The command for SSH with the options for it.
        port: Its port.
        bin: A folder for programs that those who connect find.
    """

    command: Sequence[str]
    port: int
    bin: Path


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Run a server whose files are in a folder."""
    assert SSHD
    (folder / "bin").mkdir()
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    port = free_port()
    (folder / "config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {folder}/host\nPidFile none\n"
        f"AuthorizedKeysFile {folder}/user.pub\nStrictModes no\nPasswordAuthentication no\nUsePAM no\n"
        f"MaxStartups 100\nSetEnv PATH={folder}/bin:/usr/local/bin:/usr/bin:/bin\n"
    )
    if os.geteuid() == 0:
        # Where an unprivileged half of the server goes; packages make it when they start theirs.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    process = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "config"], stderr=subprocess.DEVNULL)
    options = [
        *("-F", "none", "-i", f"{folder}/user", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR"),
        *("-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={folder}/known"),
    ]
    try:
        await_port(port, (process.poll() is None for _ in itertools.count()))
        yield Server(["ssh", *options], port, folder / "bin")
    finally:
        process.terminate()
        process.wait()
