from __future__ import annotations

import pytest

from git_theta.store.remote import TransferError
from git_theta.store.ssh_script import remote_command, request

OID = "ab" * 32


def test_the_script_is_one_line_that_every_shell_takes() -> None:
    command = remote_command("/path")
    assert not set("\n!") & set(command)
    assert command.count("'") == 4


@pytest.mark.parametrize(
    ("path", "ends"),
    [
        ("~/models.git", " sh ~/'models.git'"),
        ("~ann/it's.git", " sh ~ann/'it'\\''s.git'"),
        ("-o", " sh ./'-o'"),
        ("$(touch oops)", " sh '$(touch oops)'"),
    ],
)
def test_only_a_home_folder_is_expanded(path: str, ends: str) -> None:
    assert remote_command(path).endswith(ends)


@pytest.mark.parametrize("path", ["", "a\nb"])
def test_paths_without_a_meaning_are_refused(path: str) -> None:
    with pytest.raises(TransferError, match="isn't a path"):
        remote_command(path)


def test_a_request_is_a_line() -> None:
    assert request("get", OID, 7) == f"get ab ab {OID} 7\n".encode()


def test_a_request_for_what_is_no_object_is_never_sent() -> None:
    with pytest.raises(ValueError, match="isn't an object name"):
        request("get", "../../etc/passwd")
