from __future__ import annotations

import pytest

from git_theta.git.plumbing.colour import painted, palette
from git_theta.git.plumbing.command import Git
from tests.helpers.repo import Repo

TERMINAL = {"TERM": "xterm"}


@pytest.mark.parametrize(
    ("settings", "terminal", "environment", "coloured"),
    [
        ({}, True, TERMINAL, True),
        ({}, False, TERMINAL, False),
        ({}, True, {"TERM": "dumb"}, False),
        ({}, False, {**TERMINAL, "GIT_PAGER_IN_USE": "1"}, True),
        ({"color.pager": "false"}, False, {**TERMINAL, "GIT_PAGER_IN_USE": "1"}, False),
        ({"color.ui": "false"}, True, TERMINAL, False),
        ({"color.ui": "never", "color.diff": "always"}, False, {}, True),
        ({"color.ui": "always", "color.diff": "auto"}, False, TERMINAL, False),
        ({"color.diff": "true"}, True, TERMINAL, True),
    ],
)
def test_when_git_would_use_colour(
    repo: Repo, settings: dict[str, str], terminal: bool, environment: dict[str, str], coloured: bool
) -> None:
    for key, value in settings.items():
        repo.git("config", key, value)
    assert bool(palette(Git(repo.path), terminal=terminal, environment=environment)) == coloured


def test_paint() -> None:
    line = (("head", "a\udc80:"), ("faint", ""), ("", " b"))
    assert painted([line], {}) == b"a%80: b\n"
    assert painted([line], {"head": "\x1b[1m", "faint": "\x1b[2m"}) == b"\x1b[1ma%80:\x1b[m b\n"
