"""Who asks: the user names and passwords that are shown to a Git LFS server."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from threading import Lock

from git_theta.store.credential import Credential, Credentials
from git_theta.store.urls import user_and_password

#: How many wrong passwords are tried.
_TRIES = 3


class Authorization:
    """The header `Authorization` for one server. Safe to use from many threads.

    Args:
        url: The server's URL; a user and a password in it are used first.
        credentials: Where others come from; `None` for nowhere.
    """

    def __init__(self, url: str, credentials: Credentials | None) -> None:
        self._url = url
        self._credentials = credentials
        user, password = user_and_password(url)
        self._current = None if password is None else Credential(user or "", password)
        self._given = False
        self._approved = False
        self._failures = 0
        self._turn = Lock()

    @property
    def credential(self) -> Credential | None:
        """The one in use, if one was needed."""
        return self._current

    def header(self) -> Mapping[str, str]:
        """The header, or nothing as long as none was needed."""
        current = self._current
        return _basic(current) if current else {}

    def refused(self, used: Mapping[str, str]) -> bool:
        """Look for another credential after one, or none, was refused, and return whether there's one."""
        # One thread asks the user; the others wait for what it gets.
        with self._turn:
            if self.header() != used:
                return self._current is not None
            rejected, self._current = self._current, None
            if self._credentials is None:
                return False
            if rejected and self._given:
                self._credentials.reject(self._url, rejected)
                self._failures += 1
            if self._failures >= _TRIES:
                return False
            found = self._credentials.fill(self._url)
            if found is None or (rejected and _basic(found) == _basic(rejected)):
                return False
            self._current, self._given, self._approved = found, True, False
            return True

    def accepted(self, used: Mapping[str, str]) -> None:
        """Keep the credential that the server took."""
        if self._approved or not self._given:
            return
        with self._turn:
            if self._credentials and self._current and not self._approved and self.header() == used:
                self._approved = True
                self._credentials.approve(self._url, self._current)


def _basic(credential: Credential) -> dict[str, str]:
    word = b64encode(f"{credential.user}:{credential.password}".encode()).decode()
    return {"Authorization": f"Basic {word}"}
