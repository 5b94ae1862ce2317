from __future__ import annotations

import pytest

from git_theta.git.plumbing.parent_command import is_difftool, options, subcommand


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("git diff HEAD", "diff"),
        ("/usr/bin/git --no-pager -P log -p", "log"),
        ("git -C diff show", "show"),
        ("git -c diff.x=log --git-dir diff --work-tree=/show checkout-index", "checkout-index"),
        ("git --something-new diff", ""),
        ("git --exec-path diff", ""),
        ("git -C", ""),
        ("git", ""),
    ],
)
def test_the_command_among_gits_own_options(words: str, found: str) -> None:
    assert subcommand(words.split()) == found


def test_words_that_may_be_parts_of_arguments_are_no_proof() -> None:
    assert subcommand(["git", "--no-pager", "diff"], exact=False) == "diff"
    # This may be `git -C "my diff" checkout-index`.
    assert subcommand(["git", "-C", "my", "diff", "checkout-index"], exact=False) == ""
    assert subcommand(["git", "--work-tree=my", "diff", "checkout-index"], exact=False) == ""


def test_difftool_is_known_by_its_helper() -> None:
    assert is_difftool({"GIT_EXTERNAL_DIFF": "git-difftool--helper"})
    assert not is_difftool({"GIT_EXTERNAL_DIFF": "difft"})
    assert not is_difftool({})


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("-fn origin main -q", "-f -n -q"),
        ("-o -n -uo -q --repo --dry-run -oq x", "-u --repo"),
        ("--repo=-n --dry-run --quiet --no-quiet", "--repo=-n --dry-run"),
        ("origin -- -n --dry-run", ""),
        ("- -fo", "-f"),
    ],
)
def test_options_and_what_belongs_to_them(words: str, found: str) -> None:
    assert options(words.split(), "o", ["--repo"]) == set(found.split())
