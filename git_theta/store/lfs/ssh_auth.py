"""Access to a Git LFS server by SSH: the command `git-lfs-authenticate` on the repository's host."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock

from git_theta.runtime.bounded_output import run_bounded
from git_theta.store.lfs.batch import headers_of, lifetime
from git_theta.store.lfs.endpoint import Operation
from git_theta.store.remote import TransferError
from git_theta.store.ssh import ssh_arguments, ssh_command
from git_theta.store.ssh_address import SshAddress
from git_theta.store.urls import http_url

#: Messages of a shell, git-shell, and servers made for Git about an unknown command.
_UNKNOWN = re.compile(r"not found|(unrecognized|unknown|invalid|bad|disallowed) command", re.IGNORECASE)

#: Exit code of a shell for an unknown command.
_NOT_FOUND = 127

#: Exit code of ssh when it can't connect, and the beginning of its own messages.
_FAILED, _SSH = 255, "ssh: "

#: The most bytes that the host says: a grant, or messages.
_OUTPUT_BYTES = 1 << 20

#: Seconds before a grant expires in which it isn't used any more.
_SLACK = 5.0


class NoLfsError(TransferError):
    """The host has Git and no Git LFS."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Access that a host gave.

    Attributes:
        href: URL of the API; empty for the usual one.
        header: Headers that prove the user's identity.
        lifetime: Seconds in which the headers may be used; `None` if unknown.
    """

    href: str
    header: Mapping[str, str]
    lifetime: float | None


class SshAuthenticator:
    """Asks a host for access, and keeps each grant until it expires. Safe to use from many threads.

    Args:
        address: The repository.
        settings: Git's settings, with lower-case keys.
        environment: Environment variables, for `ssh` too.
        clock: Seconds since some moment.
    """

    def __init__(
        self,
        address: SshAddress,
        settings: Mapping[str, str],
        environment: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = address
        self._settings = settings
        self._environment = environment
        self._clock = clock
        self._lock = Lock()
        self._grants: dict[Operation, tuple[Grant, float]] = {}

    def grant(self, operation: Operation) -> Grant:
        """The grant for an operation.

        Raises:
            NoLfsError: The host has no Git LFS.
            TransferError: The host can't be reached, or refuses.
        """
        with self._lock:
            known = self._grants.get(operation)
            if known and self._clock() < known[1]:
                return known[0]
            grant = self._ask(operation)
            seconds = float("inf") if grant.lifetime is None else grant.lifetime
            slack = min(_SLACK, seconds / 10)
            self._grants[operation] = grant, self._clock() + seconds - slack
            return grant

    def refused(self, grant: Grant) -> bool:
        """Forget a grant that the server refused; returns whether it was in use."""
        with self._lock:
            found = [operation for operation, (known, _) in self._grants.items() if known is grant]
            for operation in found:
                del self._grants[operation]
            return bool(found)

    def _ask(self, operation: Operation) -> Grant:
        command = authenticate_command(self._address, operation, self._settings, self._environment)
        host = self._address.host
        try:
            done = run_bounded(command, self._environment, _OUTPUT_BYTES)
        except ValueError as error:
            raise TransferError(f"{host} gave an invalid answer to git-lfs-authenticate: {error}") from error
        except OSError as error:
            raise TransferError(f"can't run {command[0]}: {error.strerror or error}") from error
        if done.returncode:
            said = " ".join(done.stderr.decode(errors="replace").split())[-300:]
            said = said or f"exit code {done.returncode}"
            message = f"{host} doesn't give access to Git LFS: {said}"
            if not said.startswith(_SSH) and (done.returncode == _NOT_FOUND or _UNKNOWN.search(said)):
                raise NoLfsError(message)
            if done.returncode == _FAILED:
                raise TransferError(
                    f"{host} can't be reached: {said}",
                    "try the same with `ssh` first",
                    retry="denied" not in said and "verification" not in said,
                )
            raise TransferError(
                message, "if its Git LFS server is elsewhere, set `lfs.url` to its https:// URL"
            )
        return parse_grant(done.stdout, host)


def parse_grant(answer: bytes, host: str, now: datetime | None = None) -> Grant:
    """Read the output of `git-lfs-authenticate`.

    Args:
        answer: The output.
        host: Host name, for messages.
        now: The time; `None` for the clock's.

    Raises:
        TransferError: The output isn't valid.
    """
    try:
        entry = json.loads(answer)
        href = http_url(entry["href"]) if entry.get("href") else ""
        header, seconds = headers_of(entry), lifetime(entry, now or datetime.now(UTC))
    except (ValueError, AttributeError, TypeError, OverflowError, RecursionError) as error:
        raise TransferError(f"{host} gave an invalid answer to git-lfs-authenticate") from error
    return Grant(href.rstrip("/"), header, seconds)


def authenticate_command(
    address: SshAddress, operation: Operation, settings: Mapping[str, str], environment: Mapping[str, str]
) -> list[str]:
    """The command that asks for access, with the program that Git would use for SSH.

    Raises:
        TransferError: The host or the path isn't valid, or could be taken for an option.
    """
    if "\0" in address.path:
        raise TransferError(f"the path {address.path!r} has a zero byte")
    command = ssh_arguments(ssh_command(settings, environment), address.host, address.port)
    return [*command, f"git-lfs-authenticate {shlex.quote(address.path)} {operation}"]
