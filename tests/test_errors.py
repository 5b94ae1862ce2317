from __future__ import annotations

from git_theta import errors
from git_theta.errors import ThetaError, UsageError


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
    own = [kind for kind in kinds if kind.__module__ == errors.__name__]
    assert len({kind.exit_code for kind in own}) == len(own) >= 7
