"""Take one side whole: the only strategies that work for every dtype, and for parameters that are gone."""

from __future__ import annotations

from typing import Any

from git_theta.errors import UsageError
from git_theta.strategies.base import Case
from git_theta.strategies.lazy_array import LazyArray
from git_theta.strategies.options import NoOptions


class TakeSide:
    """What one side has.

    Attributes:
        side: Index of a model; `None` for the base.
    """

    name: str
    side: int | None
    options: type[Any] = NoOptions
    needs_base = False
    most: int | None = None

    def merge(self, case: Case, options: Any) -> LazyArray:
        """The numbers of that side."""
        numbers = case.base if self.side is None else (*case.models, None)[self.side]
        if numbers is None:
            raise UsageError(f"parameter {case.name!r}: there's no value for {self.name!r} to take")
        return numbers


class Ours(TakeSide):
    """The value of the branch that's merged into."""

    name = "ours"
    side = 0


class Theirs(TakeSide):
    """The value of the branch that's merged."""

    name = "theirs"
    side = 1
    most = 2


class Base(TakeSide):
    """The value of the merge base: both changes are dropped."""

    name = "base"
    side = None
    needs_base = True
