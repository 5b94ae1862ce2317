from __future__ import annotations

import pytest

from git_theta.store.ssh_address import SshAddress, ssh_address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("ssh://host/a", SshAddress("host", None, "/a")),
        ("ssh://me@host:2222/a%20b.git", SshAddress("me@host", 2222, "/a b.git")),
        ("git+ssh://host/~me/a", SshAddress("host", None, "~me/a")),
        ("ssh://[::1]:22/a", SshAddress("::1", 22, "/a")),
        ("me@host:a/b.git", SshAddress("me@host", None, "a/b.git")),
        ("host:/a", SshAddress("host", None, "/a")),
        ("[::1]:a", SshAddress("::1", None, "a")),
        ("me@[::1]:a", SshAddress("me@::1", None, "a")),
        ("helper::address", None),
        ("https://host/a", None),
        ("/a:b", None),
        ("../a:b", None),
        ("a", None),
    ],
)
def test_addresses_in_urls(url: str, address: SshAddress | None) -> None:
    assert ssh_address(url) == address


def test_a_port_that_is_no_number() -> None:
    with pytest.raises(ValueError, match="Port"):
        ssh_address("ssh://host:x/a")
