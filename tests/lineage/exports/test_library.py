"""Libraries of exports that aren't installed."""

from __future__ import annotations

import pytest

from git_theta.errors import UsageError
from git_theta.lineage.exports.library import required_library


def test_the_message_says_how_to_install_it() -> None:
    with pytest.raises(UsageError, match="some-library isn't installed") as raised:
        required_library("no_such_module.part", "some-library")
    assert raised.value.hint == "pip install 'git-theta[lineage-export]'"
