"""Credentials for servers: user names and passwords."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Credential:
    """A user name and a password.

    Attributes:
        user: User name.
        password: Password or token.
        more: Further fields, given back to the credential helper with an approval or a rejection.
    """

    user: str
    password: str = field(repr=False)
    more: tuple[tuple[str, str], ...] = field(default=(), repr=False)


class Credentials(Protocol):
    """A source of user names and passwords, such as Git's credential helpers."""

    def fill(self, url: str) -> Credential | None:
        """A credential for a URL; `None` if there is none. The user may be asked."""
        ...

    def approve(self, url: str, credential: Credential) -> None:
        """Keep a credential that a server accepted."""
        ...

    def reject(self, url: str, credential: Credential) -> None:
        """Forget a credential that a server refused."""
        ...
