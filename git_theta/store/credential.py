"""User names and passwords, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Credential:
    """A user name and a password.

    Attributes:
        user: The name.
        password: The password or token.
        more: What else the one who gave them wants to be told when they're approved or rejected.
    """

    user: str
    password: str = field(repr=False)
    more: tuple[tuple[str, str], ...] = field(default=(), repr=False)


class Credentials(Protocol):
    """Where user names and passwords come from."""

    def fill(self, url: str) -> Credential | None:
        """A credential for a URL, or `None`; the user may be asked."""
        ...

    def approve(self, url: str, credential: Credential) -> None:
        """Say that the server took it, so that it's kept."""
        ...

    def reject(self, url: str, credential: Credential) -> None:
        """Say that the server refused it, so that it's forgotten."""
        ...
