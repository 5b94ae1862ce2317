"""Settings with several values."""

from __future__ import annotations

from pathlib import Path

from git_theta.git.plumbing.command import Git, parse_config
from git_theta.runtime.gitconfig import GitConfig, all_pairs, all_values
from tests.helpers.repo import Repo

PAIRS = [("a", "1"), ("b", "2"), ("a", "3")]


def test_the_last_value_counts_and_all_are_kept() -> None:
    settings = GitConfig(PAIRS)
    assert settings == {"a": "3", "b": "2"}
    assert list(all_pairs(settings)) == PAIRS
    assert all_values(settings, "a") == ["1", "3"]
    assert all_values(settings, "none") == []


def test_an_empty_value_drops_those_before() -> None:
    assert all_values(GitConfig([*PAIRS, ("a", ""), ("a", "4")]), "a") == ["4"]
    assert all_values(GitConfig([*PAIRS, ("a", "")]), "a") == []


def test_an_ordinary_mapping_has_one_value_each() -> None:
    assert all_values({"a": "1"}, "a") == ["1"]
    assert list(all_pairs({"a": "1"})) == [("a", "1")]


def test_what_git_lists() -> None:
    settings = parse_config(b"a.b\n1\0a.b\n2\nlines\0a.c\0a.d\n\0")
    assert settings.pairs == (("a.b", "1"), ("a.b", "2\nlines"), ("a.c", "true"), ("a.d", ""))


def test_from_a_repository(repo: Repo, tmp_path: Path) -> None:
    for value in ("X: 1", "Y: 2"):
        repo.git("config", "--add", "http.https://Host/.extraHeader", value)
    git = Git(repo.path)
    assert git.values("http.https://Host/.extraheader") == ["X: 1", "Y: 2"]
    assert git.config("http.https://Host/.extraheader") == "Y: 2"
