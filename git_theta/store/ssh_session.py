"""A connection to the script that SSH runs beside a repository on another host."""

from __future__ import annotations

import re
import secrets
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import BinaryIO

from git_theta.store.remote import Advance, TransferError
from git_theta.store.ssh_script import READY, request

_PIECE = 1 << 18

#: Names asked for at once: few enough that the pipes hold requests and answers, so neither side blocks.
_NAMES_AT_ONCE = 250

_GIT_ONLY = "set theta.remote.NAME.url to a bucket, a folder or an LFS server, or use a host that has LFS"


class SshSession:
    """One connection with the script at its other end. To be used by one thread at a time.

    Args:
        url: URL of the repository, for messages.
        command: Command that runs the script by SSH.

    Raises:
        TransferError: SSH can't be run, or the host can't be reached or has no such repository.
    """

    def __init__(self, url: str, command: Sequence[str]) -> None:
        self._url = url
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the connection)
        temporary = f"ssh.{secrets.token_hex(8)}"
        try:
            process = subprocess.Popen(
                [*command[:-1], f"{command[-1]} {temporary}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
            )
        except OSError as error:
            self._errors.close()
            raise TransferError(f"{url}: {command[0]} can't be run: {error.strerror}") from error
        assert process.stdin  # noqa: S101
        assert process.stdout  # noqa: S101
        self._process, self._to, self._from = process, process.stdin, process.stdout
        try:
            self._await_ready()
        except BaseException:
            self.kill()
            raise

    def sizes(self, oids: Sequence[str]) -> dict[str, int]:
        """Sizes in bytes of the objects that are there, by name.

        Raises:
            TransferError: The connection broke, or the answer isn't valid.
        """
        found = {}
        for first in range(0, len(oids), _NAMES_AT_ONCE):
            part = set(oids[first : first + _NAMES_AT_ONCE])
            self._write([*(request("has", oid) for oid in part), b"end\n"])
            while (line := self._answer()) != "end":
                size, _, oid = line.partition(" ")
                if oid not in part:
                    raise self._invalid_answer(line)
                part.remove(oid)
                found[oid] = self._number(size)
        return found

    def put(self, oid: str, file: BinaryIO, advance: Advance) -> None:
        """Upload an object, and wait for the confirmation.

        Raises:
            TransferError: The object can't be written there, or the connection broke.
        """
        left = file.seek(0, 2)
        file.seek(0)
        self._write([request("put", oid, left)])
        while left:
            piece = file.read(min(_PIECE, left))
            if not piece:
                raise TransferError(f"object {oid} became shorter while it was sent", retry=True)
            self._write([piece])
            left -= len(piece)
            advance(len(piece))
        self._answer()

    def get(self, oid: str, size: int, file: BinaryIO, have: int, advance: Advance) -> None:
        """Download an object.

        Args:
            oid: Name of the object.
            size: Size of the object in bytes.
            file: File for the bytes.
            have: Bytes that the file has already. If these are more than the object has, it begins again.
            advance: Called with bytes that arrived.

        Raises:
            TransferError: The object isn't there, has another size, or the connection broke.
        """
        if have > size:
            have = 0
        self._write([request("get", oid, have)])
        word, _, there = self._answer().partition(" ")
        if word != "size":
            raise TransferError(f"{self._url} doesn't have object {oid}, or it can't be read there")
        if self._number(there) != size:
            raise TransferError(f"{self._url}: object {oid} has {there} bytes instead of {size}")
        file.seek(have)
        file.truncate()
        left = size - have
        while left:
            piece = self._from.read1(min(_PIECE, left))  # type: ignore[attr-defined]
            if not piece:
                file.flush()
                raise self._broken()
            file.write(piece)
            left -= len(piece)
            advance(len(piece))
        file.flush()

    def close(self) -> None:
        """End the connection, and wait for that."""
        with suppress(OSError):
            self._to.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._from.close()
        self._errors.close()

    def kill(self) -> None:
        """End the connection at once."""
        self._process.kill()
        self.close()

    def _number(self, text: str) -> int:
        if not _NUMBER.fullmatch(text):
            raise self._invalid_answer(text)
        return int(text)

    def _write(self, pieces: Iterable[bytes]) -> None:
        try:
            for piece in pieces:
                self._to.write(piece)
            self._to.flush()
        except OSError:
            # The script has stopped; its last answer may tell the reason.
            self._answer()
            raise self._broken() from None

    def _answer(self) -> str:
        line = self._from.readline(1 << 16)
        if not line.endswith(b"\n"):
            raise self._broken()
        text: str = line.decode("utf-8", "replace").strip()
        if text.startswith("bad "):
            rest = self._from.read(1 << 16).decode("utf-8", "replace")
            raise self._refusal(f"{text[4:]}\n{rest}")
        return text

    def _await_ready(self) -> None:
        # The user's start-up files may print something first.
        for _ in range(100):
            line = self._from.readline(1 << 12)
            if line.strip() == READY:
                return
            if line.strip() == b"git-theta none":
                raise TransferError(
                    f"{self._url}: there's no repository there", "check the path of the remote's URL"
                )
            if not line:
                break
        raise self._unusable()

    def _refusal(self, text: str) -> TransferError:
        lines = [line for line in _plain(text) if not _DD.fullmatch(line)]
        if "damaged" in lines:
            return TransferError(f"{self._url}: the object arrived damaged", retry=True)
        reason = lines[-1] if lines else self._error_output()
        reason = " ".join(part for part in (reason, self._error_output()) if part)
        hint = ""
        if re.search(r"no space left|quota", reason, re.IGNORECASE):
            hint = "free some disk space there and try again"
        elif re.search(r"permission denied|read-only|can not write", reason, re.IGNORECASE):
            hint = "ask the repository's owner for permission"
        return TransferError(f"{self._url}: the object can't be written: {reason}", hint)

    def _invalid_answer(self, text: str) -> TransferError:
        return TransferError(f"{self._url} doesn't answer as it should: {text[:80]!r}")

    def _broken(self) -> TransferError:
        words = self._error_output()
        return TransferError(
            f"{self._url}: the connection was lost{f': {words}' if words else ''}", retry=True
        )

    def _unusable(self) -> TransferError:
        with suppress(OSError):
            self._to.close()
        try:
            code = self._process.wait(10)
        except subprocess.TimeoutExpired:
            return TransferError(f"{self._url}: it doesn't answer as a shell does", _GIT_ONLY)
        words = self._error_output()
        said = f": {words}" if words else ""
        if code != 255 or _NO_SHELL.search(words):
            return TransferError(
                f"{self._url}: commands can't be run there, other than Git's{said}", _GIT_ONLY
            )
        return TransferError(
            f"{self._url} can't be reached{said}",
            "try the same with `ssh` first",
            retry=not _FINAL.search(words),
        )

    def _error_output(self) -> str:
        self._errors.seek(max(0, self._errors.seek(0, 2) - _ERROR_BYTES))
        lines = _plain(self._errors.read(_ERROR_BYTES).decode("utf-8", "replace"))
        return lines[-1] if lines else ""


#: The bytes at the end of the host's messages that are read.
_ERROR_BYTES = 4096

#: A size in bytes.
_NUMBER = re.compile(r"[0-9]{1,18}")

#: What `dd` always says.
_DD = re.compile(r"\d+\+\d+ records (in|out)|\d+ bytes.*")

#: How servers that only serve Git refuse a command.
_NO_SHELL = re.compile(
    r"shell access|unrecognized command|unknown git|invalid command|disallowed|interactive git shell"
    r"|not allowed|only git",
    re.IGNORECASE,
)

#: Failures that don't pass by themselves.
_FINAL = re.compile(
    r"permission denied|host key|could not resolve|too many authentication|no route|bad (port|configuration)",
    re.IGNORECASE,
)


def _plain(text: str) -> list[str]:
    lines = ("".join(c for c in line if c.isprintable()).strip() for line in text.splitlines())
    return [line for line in lines if line]
