"""User names and passwords from Git's credential helpers."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from git_theta.errors import GitError
from git_theta.git.plumbing.command import Git
from git_theta.store.credential import Credential
from git_theta.store.urls import user_and_password

#: A credential helper that answers from environment variables: other users of the machine see arguments only.
_HELPER = (
    '!theta() { test "$1" != get || '
    'printf "username=%s\\npassword=%s\\n" "$THETA_USER" "$THETA_PASSWORD"; }; theta'
)


@dataclass(frozen=True)
class GitCredentials:
    """Credentials that `git credential` knows, or asks for on the terminal unless `GIT_TERMINAL_PROMPT` is 0.

    Attributes:
        git: Git in any folder; its configuration names the helpers.
    """

    git: Git

    def fill(self, url: str) -> Credential | None:
        """A credential for a URL; `None` if there's none, and nobody to ask.

        Raises:
            GitError: The URL contains a line break.
        """
        request = _request(url)
        try:
            answer = self.git.run("credential", "fill", stdin=request)
        except GitError:
            return None
        found = dict(
            line.split("=", 1) for line in answer.decode(errors="replace").splitlines() if "=" in line
        )
        if "username" not in found or "password" not in found:
            return None
        more = tuple((key, value) for key, value in found.items() if key not in ("username", "password"))
        return Credential(found["username"], found["password"], more)

    def approve(self, url: str, credential: Credential) -> None:
        """Let helpers store a credential that worked."""
        self.git.ok("credential", "approve", stdin=_request(url, credential))

    def reject(self, url: str, credential: Credential) -> None:
        """Let helpers drop a credential that was refused."""
        self.git.ok("credential", "reject", stdin=_request(url, credential))


def with_credential(git: Git, url: str, credential: Credential) -> Git:
    """Git that already has the user name and the password for the server of a URL."""
    parts = urlsplit(url)
    env = dict(os.environ if git.env is None else git.env)
    count = int(env.get("GIT_CONFIG_COUNT") or 0)
    return Git(
        git.cwd,
        {
            **env,
            "GIT_CONFIG_COUNT": str(count + 1),
            f"GIT_CONFIG_KEY_{count}": f"credential.{parts.scheme}://{parts.netloc.rpartition('@')[2]}.helper",
            f"GIT_CONFIG_VALUE_{count}": _HELPER,
            "THETA_USER": credential.user,
            "THETA_PASSWORD": credential.password,
        },
    )


def _request(url: str, credential: Credential | None = None) -> bytes:
    parts = urlsplit(url)
    user, _ = user_and_password(url)
    # Git itself drops the path, unless it's told to use it by `credential.useHttpPath`.
    fields = {
        "protocol": parts.scheme,
        "host": parts.netloc.rpartition("@")[2],
        "path": parts.path.lstrip("/"),
    }
    if user:
        fields["username"] = user
    if credential:
        fields |= {**dict(credential.more), "username": credential.user, "password": credential.password}
    lines = [f"{key}={value}" for key, value in fields.items()]
    if any("\n" in line or "\r" in line or "\0" in line for line in lines):
        # A line break would add fields of its own to the request.
        raise GitError(f"the address of {parts.hostname} contains a line break")
    return ("\n".join(lines) + "\n\n").encode()
