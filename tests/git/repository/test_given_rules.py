from __future__ import annotations

import pytest

from git_theta.errors import UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.given_rules import given_rules, keep_rules, parse_given
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.rule_variables import gives_rules
from git_theta.merging.purpose import Operation, Purpose
from tests.helpers.repo import Repo

REBASE = Operation(Purpose.PICK, "rebase")


def rules(repo: Repo, operation: Operation = REBASE, **environment: str) -> list[str]:
    repository = Repository(Git(repo.path, environment or None))
    return [str(rule) for rule in given_rules(repository, operation, environment)]


def config(*pairs: tuple[str, str]) -> dict[str, str]:
    """The environment of `git -c KEY=VALUE`."""
    keys = {f"GIT_CONFIG_KEY_{index}": key for index, (key, _) in enumerate(pairs)}
    values = {f"GIT_CONFIG_VALUE_{index}": value for index, (_, value) in enumerate(pairs)}
    return {"GIT_CONFIG_COUNT": str(len(pairs)), **keys, **values}


def test_the_variable_is_stronger_than_settings_of_the_command(repo: Repo) -> None:
    repo.git("config", "theta.mergeRule", "base")
    given = config(("theta.merge", "ties"), ("theta.pickMerge", "slerp"), ("theta.merge", "ask"))
    assert rules(repo, **given, GIT_THETA_MERGE="ours; theirs parameters=a") == [
        "ties",
        "slerp when=pick",
        "ours",
        "theirs parameters=a",
    ]


@pytest.mark.parametrize("folder", ["rebase-merge", "rebase-apply"])
def test_rules_are_kept_for_the_next_command_of_a_rebase(repo: Repo, folder: str) -> None:
    repository = Repository(Git(repo.path))
    keep_rules(repository, REBASE, parse_given(["della seed=7"]))
    assert rules(repo) == []
    (repo.path / ".git" / folder).mkdir()
    keep_rules(repository, REBASE, ())
    keep_rules(repository, REBASE, parse_given(["della seed=7", "ours 'parameters=a b'"]))
    assert rules(repo) == ["della seed=7", "ours 'parameters=a b'"]
    assert rules(repo, GIT_THETA_MERGE="slerp") == ["della seed=7", "ours 'parameters=a b'", "slerp"]
    # Another command in the middle of it isn't meant.
    assert rules(repo, Operation(Purpose.MERGE, "merge")) == []


@pytest.mark.parametrize(
    ("operation", "file", "text"),
    [
        ("rebase", "rebase-merge/strategy_opts", " --theirs"),
        ("rebase", "rebase-merge/strategy_opts", " '--patience' '--theirs'\n"),
        ("revert", "sequencer/opts", "[options]\n\tstrategy-option = theirs\n"),
    ],
)
def test_the_side_that_git_keeps(repo: Repo, operation: str, file: str, text: str) -> None:
    repo.write(f".git/{file}", text.encode())
    assert rules(repo, Operation(Purpose.PICK, operation)) == ["theirs"]
    keep_rules(Repository(Git(repo.path)), Operation(Purpose.PICK, operation), parse_given(["theirs"]))
    assert rules(repo, Operation(Purpose.PICK, operation)) == ["theirs"]


def test_rules_that_are_wrong_name_their_place(repo: Repo) -> None:
    with pytest.raises(UsageError, match=r"^GIT_THETA_MERGE: there's no merge strategy called 'tise'"):
        rules(repo, GIT_THETA_MERGE="tise")
    with pytest.raises(UsageError, match=r"^git -c theta\.merge: 'ties' has no option 'x'"):
        rules(repo, **config(("theta.merge", "ties x=1")))


def test_an_environment_with_rules() -> None:
    assert gives_rules({"GIT_THETA_MERGE": "ours"})
    assert gives_rules({"GIT_CONFIG_PARAMETERS": "'theta.Merge'='ties'"})
    assert gives_rules(config(("theta.mergeRule", "ties")))
    assert not gives_rules({"GIT_CONFIG_PARAMETERS": "'core.quotePath'='false'", "GIT_THETA_MERGE": ""})
