"""Shell completion belongs to the program `git-theta`, and leaves that of git alone."""

from __future__ import annotations

import sys

import pytest

from tests.helpers.repo import Repo

PROGRAM = (sys.executable, "-c", "from git_theta.__main__ import main; main()")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_for_one_program(repo: Repo, shell: str) -> None:
    # Click asks bash for its version, and warns about old ones on stderr.
    script = repo.run(*PROGRAM, env={"_GIT_THETA_COMPLETE": f"{shell}_source"}, ok=False).stdout
    assert "_GIT_THETA_COMPLETE" in script
    assert "git-theta" in script
    assert "git theta" not in script


@pytest.mark.parametrize(
    ("words", "expected"),
    [("git-theta un", {"uninstall", "untrack"}), ("git-theta install --lo", {"--local"})],
)
def test_completions(repo: Repo, words: str, expected: set[str]) -> None:
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = repo.run(*PROGRAM, env={"_GIT_THETA_COMPLETE": "bash_complete", **asked}, ok=False)
    assert {line.partition(",")[2] for line in done.stdout.split()} == expected
