"""A repository on another host as a remote, by SSH. The host needs no more than a POSIX shell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from queue import Empty, LifoQueue
from types import TracebackType
from typing import BinaryIO

from git_theta.store.remote import Advance, Download, RemoteContext, RemoteObject, TransferError, Upload
from git_theta.store.ssh_address import ssh_address
from git_theta.store.ssh_script import remote_command
from git_theta.store.ssh_session import SshSession
from git_theta.store.urls import without_password


def ssh_command(settings: Mapping[str, str], environment: Mapping[str, str]) -> tuple[str, ...]:
    """The command for SSH that Git would use, without options and host.

    Args:
        settings: Git's settings, with lower-case keys.
        environment: Environment variables.
    """
    line = environment.get("GIT_SSH_COMMAND") or settings.get("core.sshcommand")
    if line:
        return ("sh", "-c", f'{line} "$@"', line)
    return (environment.get("GIT_SSH") or "ssh",)


def ssh_arguments(command: Sequence[str], host: str, port: int | None) -> list[str]:
    """A command for SSH with the host; the command to run there is appended by the caller.

    Raises:
        TransferError: The host isn't valid, or could be taken for an option.
    """
    if not re.fullmatch(r"[^-\s@][^\s@]*(@[^-\s@][^\s@]*)?", host) or not host.isprintable():
        raise TransferError(f"{host!r} isn't the name of a host")
    return [*command, *(("-p", str(port)) if port is not None else ()), host]


class SshKind:
    """Repositories reached by SSH: `ssh://user@host/path`, or `user@host:path`."""

    def open(self, url: str, context: RemoteContext) -> SshRemote:
        """The remote; see `RemoteKind.open`."""
        try:
            address = ssh_address(url)
        except ValueError as error:
            raise TransferError(f"{without_password(url)}: the port isn't a number") from error
        if address is None:
            raise TransferError(f"{without_password(url)} isn't an address for SSH")
        command = ssh_command(context.settings, context.environment)
        return SshRemote(command, address.host, address.port, address.path)


class SshRemote:
    """The folder `theta` of a repository on another host.

    Connections are made when needed, used again, and ended by `close` or the end of a `with` block.

    Args:
        command: The command for SSH; see `ssh_command`.
        host: Host name, with `user@` before it if there's a user.
        port: Port; `None` for SSH's own choice.
        path: Path of the repository: absolute, from the user's home, or with `~user` at its beginning.
        connections: The most connections at once.

    Raises:
        TransferError: The host or the path isn't valid.
    """

    batch_size = 10_000

    def __init__(
        self, command: Sequence[str], host: str, port: int | None, path: str, connections: int = 4
    ) -> None:
        self.url = f"ssh://{host}{'' if port is None else f':{port}'}/{path.removeprefix('/')}"
        self._command = [*ssh_arguments(command, host, port), remote_command(path)]
        self._closed = False
        # The connection that was put back last is taken first, so no more are made than are used at once.
        self._idle: LifoQueue[SshSession | None] = LifoQueue()
        for _ in range(connections):
            self._idle.put(None)

    def __enter__(self) -> SshRemote:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connections; those in use end after their current transfer."""
        self._closed = True
        idle: list[SshSession | None] = []
        with suppress(Empty):
            while True:
                idle.append(self._idle.get_nowait())
        for session in idle:
            if session:
                session.close()
            self._idle.put(None)

    def uploads(self, objects: Sequence[RemoteObject]) -> Mapping[str, Upload]:
        """Uploads of objects that aren't there; see `Remote.uploads`."""
        sizes = self._sizes(objects)
        return {
            wanted.oid: partial(self._send, wanted.oid)
            for wanted in objects
            if not wanted.fits(sizes.get(wanted.oid))
        }

    def downloads(self, objects: Sequence[RemoteObject]) -> Mapping[str, Download]:
        """Downloads of objects that are there; see `Remote.downloads`."""
        sizes = self._sizes(objects)
        return {
            wanted.oid: partial(self._receive, wanted.oid, sizes[wanted.oid])
            for wanted in objects
            if wanted.fits(sizes.get(wanted.oid))
        }

    def _sizes(self, objects: Sequence[RemoteObject]) -> dict[str, int]:
        if not objects:
            return {}
        with self._session() as session:
            return session.sizes([wanted.oid for wanted in objects])

    def _send(self, oid: str, file: BinaryIO, advance: Advance) -> None:
        with self._session() as session:
            session.put(oid, file, advance)

    def _receive(self, oid: str, size: int, file: BinaryIO, have: int, advance: Advance) -> None:
        with self._session() as session:
            session.get(oid, size, file, have, advance)

    @contextmanager
    def _session(self) -> Iterator[SshSession]:
        session = self._idle.get()
        try:
            session = session or SshSession(self.url, self._command)
            yield session
        except BaseException:
            # The state of the other end isn't known any more.
            if session:
                session.kill()
            session = None
            raise
        finally:
            if session and self._closed:
                session.close()
                session = None
            self._idle.put(session)
