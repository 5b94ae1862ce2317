"""Strategies that take the value of one side. They work for every dtype, and for removed parameters."""

from __future__ import annotations

from git_theta.errors import UsageError
from git_theta.strategies.base import Case, Strategy
from git_theta.strategies.lazy_array import LazyArray
from git_theta.strategies.options import NoOptions

#: Names of the strategies that take a side.
SIDES = frozenset(("ours", "theirs", "base"))


class TakeSide(Strategy):
    """The value of one side.

    Attributes:
        side: Index of the side, 0 for ours; `None` for the merge base.
    """

    side: int | None

    def merge(self, case: Case, options: NoOptions) -> LazyArray:
        """The value of the side.

        Raises:
            UsageError: The side has no value.
        """
        value = case.base if self.side is None else (*case.models, None)[self.side]
        if value is None:
            raise UsageError(f"parameter {case.name!r}: there's no value for {self.name!r} to take")
        return value


class TakeOurs(TakeSide):
    """The value of the branch that's merged into."""

    name = "ours"
    side = 0


class TakeTheirs(TakeSide):
    """The value of the branch that's merged."""

    name = "theirs"
    side = 1
    max_models = 2


class TakeBase(TakeSide):
    """The value of the merge base: both changes are dropped."""

    name = "base"
    side = None
    needs_base = True
    for_all = "always"
