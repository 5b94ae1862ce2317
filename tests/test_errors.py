from __future__ import annotations

from git_theta import errors
from git_theta.errors import ThetaError, UsageError, explained, join_hints


def test_a_message_and_a_hint() -> None:
    error = UsageError("no such file", "name another")
    assert (error.message, error.hint, str(error)) == (
        "no such file",
        "name another",
        "no such file\nhint: name another",
    )
    assert str(ThetaError("it broke")) == "it broke"


def test_kinds_of_errors_have_exit_codes_of_their_own() -> None:
    kinds = [ThetaError, *ThetaError.__subclasses__()]
    own = [kind for kind in kinds if kind.__module__ == errors.__name__ and "exit_code" in vars(kind)]
    assert len({kind.exit_code for kind in own}) == len(own) >= 7


def test_an_error_in_one_line_has_its_hint_in_brackets_if_there_is_one() -> None:
    assert UsageError("no such file", "name another").one_line == "no such file (name another)"
    assert ThetaError("it broke").one_line == "it broke"


def test_hints_are_joined_without_the_empty_ones() -> None:
    assert join_hints("", "ask Ann") == "ask Ann"
    assert join_hints("push", "", "ask Ann") == "push; ask Ann"
    assert join_hints("", "") == ""


def test_a_full_disk_is_explained_with_its_file_and_a_hint() -> None:
    full = explained(OSError(28, "No space left on device", "folder/file"))
    assert full.lines == (
        "No space left on device: folder/file",
        "hint: free some disk space and try again",
    )
    assert explained(OSError(13, "Permission denied")).lines == ("Permission denied",)
