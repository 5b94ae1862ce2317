"""Telling the user something while Git runs: on stderr, with our name before it."""

from __future__ import annotations

import sys

from git_theta.errors import ThetaError


def note(text: str) -> None:
    """Tell the user something, on stderr."""
    print(f"git-theta: {text}", file=sys.stderr, flush=True)


def explain(path: str | None, error: ThetaError) -> None:
    """Tell the user about a failure, on stderr."""
    where = f"{path}: " if path else ""
    note(where + str(error).replace("\n", "\ngit-theta: "))
