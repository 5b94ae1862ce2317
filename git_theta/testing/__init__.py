"""Contract checks for plugins, to be run in the tests of their authors.

    from git_theta.testing import check_format

    def test_the_contract():
        check_format(MyFormat(), [Path("a.xyz").read_bytes(), …])

Each check raises an AssertionError whose message names the broken rule.
"""

from __future__ import annotations

from git_theta.testing.formats import check_format
from git_theta.testing.group_strategies import check_group_strategy
from git_theta.testing.remotes import check_remote
from git_theta.testing.strategies import check_strategy
from git_theta.testing.updates import check_dense, check_update

__all__ = [
    "check_dense",
    "check_format",
    "check_group_strategy",
    "check_remote",
    "check_strategy",
    "check_update",
]
