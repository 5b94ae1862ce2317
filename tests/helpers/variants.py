"""Variants of a test, of which some run only where there is time for the slow tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def mostly_slow(variants: Iterable[Any], quick: Iterable[Any]) -> list[Any]:
    """The arguments of a parametrised test; all but the quick ones are marked slow."""
    chosen = list(quick)
    return [each if each in chosen else pytest.param(each, marks=pytest.mark.slow) for each in variants]
