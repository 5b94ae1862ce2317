"""The colours in which Git is configured to show differences."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress

from git_theta.errors import GitError
from git_theta.git.plumbing.command import Git
from git_theta.report.lines import Line
from git_theta.runtime.output import visible

_RESET = "\x1b[m"

#: Style → Git's setting, and the escape sequence that is its default.
_STYLES = {
    "head": ("color.diff.meta", "\x1b[1m"),
    "new": ("color.diff.new", "\x1b[32m"),
    "old": ("color.diff.old", "\x1b[31m"),
    "changed": ("color.diff.frag", "\x1b[36m"),
    "faint": ("color.diff.context", ""),
}

_NEVER = ("never", "false", "no", "off", "0", "")


def palette(git: Git, *, terminal: bool, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Style → escape sequence; empty if Git is configured to use no colours here.

    Args:
        git: Git in the user's folder.
        terminal: Whether the output goes to a terminal.
        environment: Environment variables; `GIT_PAGER_IN_USE` says that Git runs a pager.
    """
    wanted = git.config("color.diff", git.config("color.ui", "auto")).lower()
    if wanted in _NEVER:
        return {}
    if wanted != "always":
        paged = environment.get("GIT_PAGER_IN_USE") in ("1", "true")
        paged = paged and git.config("color.pager", "true").lower() not in _NEVER
        if not (terminal or paged) or environment.get("TERM", "dumb") == "dumb":
            return {}
    return {style: _sequence(git, key, default) for style, (key, default) in _STYLES.items()}


def _sequence(git: Git, key: str, default: str) -> str:
    if key in git.settings:
        with suppress(GitError):
            return git.line("config", "--get-color", key)
    return default


def painted(lines: Iterable[Line], colours: Mapping[str, str]) -> bytes:
    """Coloured lines as UTF-8 for stdout, whatever the locale, like Git's own output, with escaped pieces."""
    text = "".join(
        "".join(_paint(piece, colours.get(style, "")) for style, piece in line) + "\n" for line in lines
    )
    return text.encode()


def _paint(text: str, sequence: str) -> str:
    shown = visible(text)
    return f"{sequence}{shown}{_RESET}" if sequence and text else shown
