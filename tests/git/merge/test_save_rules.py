from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from git_theta.errors import UsageError
from git_theta.git.merge.save_rules import save_rules
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.merging.rule_text import parse_toml
from git_theta.merging.rules import MergeRule

CONFIG = Path(".theta/config.toml")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.chdir(tmp_path)
    Git().run("init", "-q")
    return Repository(Git())


def test_rules_are_for_one_path(repository: Repository) -> None:
    save_rules(repository, "m[1].pt", [MergeRule("ours")], "c")
    (rule,) = parse_toml(CONFIG.read_bytes(), "")
    assert rule.is_for_path("m[1].pt")
    assert not rule.is_for_path("sub/m[1].pt")
    assert not rule.is_for_path("m1.pt")


def test_what_was_there_stays(repository: Repository) -> None:
    CONFIG.parent.mkdir()
    CONFIG.write_text("# mine\n[[merge]]\nstrategy = 'ties'")
    CONFIG.chmod(0o640)
    save_rules(repository, "m.pt", [MergeRule("ours")], "c")
    assert CONFIG.read_text().startswith("# mine\n[[merge]]\nstrategy = 'ties'\n")
    assert [rule.strategy for rule in parse_toml(CONFIG.read_bytes(), "")] == ["ties", "ours"]
    assert CONFIG.stat().st_mode & 0o777 == 0o640
    before = CONFIG.read_bytes()
    assert "already" in save_rules(repository, "m.pt", [MergeRule("ours")], "c")
    assert CONFIG.read_bytes() == before


@pytest.mark.parametrize("text", ["merge = []\n", "[[merge]", "[merge]\na = 1\n"])
def test_a_file_that_cannot_be_added_to_stays(repository: Repository, text: str) -> None:
    CONFIG.parent.mkdir()
    CONFIG.write_text(text)
    with pytest.raises(UsageError):
        save_rules(repository, "m.pt", [MergeRule("ours")], "c")
    assert CONFIG.read_text() == text


def test_links_are_not_followed(repository: Repository, tmp_path: Path) -> None:
    CONFIG.parent.mkdir()
    CONFIG.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="link"):
        save_rules(repository, "m.pt", [MergeRule("ours")], "c")
    assert not (tmp_path / "elsewhere").exists()


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXT, st.lists(TEXT, min_size=1, max_size=3).map(tuple), TEXT)
def test_any_names_can_be_read_back(
    repository: Repository, path: str, names: tuple[str, ...], value: str
) -> None:
    CONFIG.unlink(missing_ok=True)
    save_rules(repository, path, [MergeRule("linear", (("weights", value),), names)], "c")
    (rule,) = parse_toml(CONFIG.read_bytes(), "")
    assert rule.parameters == names
    assert rule.options == (("weights", value),)
    assert rule.is_for_path(path)
