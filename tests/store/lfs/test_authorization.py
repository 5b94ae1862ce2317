from __future__ import annotations

from base64 import b64encode

from git_theta.store.credential import Credential
from git_theta.store.lfs.authorization import Authorization

URL = "https://host/lfs"


class Helper:
    """A credential helper with some passwords, which logs every call."""

    def __init__(self, *passwords: str) -> None:
        self.passwords = list(passwords)
        self.log: list[str] = []

    def fill(self, url: str) -> Credential | None:
        self.log.append("fill")
        return Credential("me", self.passwords.pop(0)) if self.passwords else None

    def approve(self, url: str, credential: Credential) -> None:
        self.log.append(f"approve {credential.password}")

    def reject(self, url: str, credential: Credential) -> None:
        self.log.append(f"reject {credential.password}")


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"me:{password}".encode()).decode()}


def test_nothing_is_sent_until_the_server_asks() -> None:
    helper = Helper("one")
    authorization = Authorization(URL, helper)
    assert authorization.header() == {}
    assert authorization.refused({})
    assert authorization.header() == basic("one")
    authorization.accepted(basic("one"))
    authorization.accepted(basic("one"))
    assert helper.log == ["fill", "approve one"]


def test_a_password_in_the_url_comes_first() -> None:
    helper = Helper("two")
    authorization = Authorization("https://me:one@host/lfs", helper)
    assert authorization.header() == basic("one")
    assert authorization.refused(basic("one"))
    assert authorization.header() == basic("two")
    assert helper.log == ["fill"]


def test_wrong_passwords_are_rejected_and_end() -> None:
    helper = Helper("one", "two", "three", "four")
    authorization = Authorization(URL, helper)
    used: dict[str, str] = {}
    while authorization.refused(used):
        used = dict(authorization.header())
    assert helper.log == ["fill", "reject one", "fill", "reject two", "fill", "reject three"]


def test_a_thread_that_was_refused_before_uses_what_another_was_given() -> None:
    helper = Helper("one")
    authorization = Authorization(URL, helper)
    assert authorization.refused({})
    assert authorization.refused({})
    assert helper.log == ["fill"]


def test_without_a_source_nobody_is_asked() -> None:
    assert not Authorization(URL, None).refused({})
