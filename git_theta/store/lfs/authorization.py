"""The header `Authorization` for a Git LFS server: user names and passwords."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from threading import Lock

from git_theta.store.credential import Credential, Credentials
from git_theta.store.urls import user_and_password

#: The most wrong passwords that are tried.
_TRIES = 3


class Authorization:
    """The header `Authorization` for one server. Safe to use from many threads.

    Args:
        url: URL of the server; a user and a password in it are used first.
        credentials: Source of other credentials; `None` without.
    """

    def __init__(self, url: str, credentials: Credentials | None) -> None:
        self._url = url
        self._credentials = credentials
        user, password = user_and_password(url)
        self._current = None if password is None else Credential(user or "", password)
        self._from_source = False
        self._approved = False
        self._failures = 0
        self._lock = Lock()

    @property
    def credential(self) -> Credential | None:
        """The credential in use; `None` as long as the server needs none."""
        return self._current

    def header(self) -> Mapping[str, str]:
        """The header; empty as long as the server needs none."""
        current = self._current
        return _basic(current) if current else {}

    def refused(self, used: Mapping[str, str]) -> bool:
        """Look for another credential after the server refused one; returns whether there is one.

        Args:
            used: The header that was refused; may be empty.
        """
        # One thread asks the user; the others wait for the answer.
        with self._lock:
            if self.header() != used:
                return self._current is not None
            rejected, self._current = self._current, None
            if self._credentials is None:
                return False
            if rejected and self._from_source:
                self._credentials.reject(self._url, rejected)
                self._failures += 1
            if self._failures >= _TRIES:
                return False
            found = self._credentials.fill(self._url)
            if found is None or (rejected and _basic(found) == _basic(rejected)):
                return False
            self._current, self._from_source, self._approved = found, True, False
            return True

    def accepted(self, used: Mapping[str, str]) -> None:
        """Let the source keep the credential that the server accepted.

        Args:
            used: The header that was accepted.
        """
        if self._approved or not self._from_source:
            return
        with self._lock:
            if self._credentials and self._current and not self._approved and self.header() == used:
                self._approved = True
                self._credentials.approve(self._url, self._current)


def _basic(credential: Credential) -> dict[str, str]:
    word = b64encode(f"{credential.user}:{credential.password}".encode()).decode()
    return {"Authorization": f"Basic {word}"}
