"""Pathspecs of Git."""

from __future__ import annotations

from collections.abc import Iterable


def literal(paths: Iterable[str]) -> list[str]:
    """Pathspecs that stand for paths from the top alone, whatever characters are in them."""
    return [f":(top,literal){path}" for path in paths]
