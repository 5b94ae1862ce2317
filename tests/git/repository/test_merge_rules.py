from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from git_theta.errors import UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.given_rules import given_rules
from git_theta.git.repository.merge_rules import from_attribute, merge_rules
from git_theta.git.repository.repository import Repository
from git_theta.merging.purpose import Operation, Purpose
from git_theta.merging.rules import MergeRule
from tests.helpers.repo import Repo

PATH = "models/a.pt"


@pytest.fixture(autouse=True)
def in_repo(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repo.path)


def attribute(value: str) -> None:
    with Path(".gitattributes").open("a") as file:
        file.write(f"*.pt theta-merge={value}\n")


def tracked(text: str) -> None:
    Path(".theta").mkdir(exist_ok=True)
    Path(".theta/config.toml").write_text(text)


def chosen(variable: str = "", name: str = "w", path: str = PATH, purpose: Purpose = Purpose.MERGE) -> str:
    """The rule for a parameter, as text."""
    environment = {"GIT_THETA_MERGE": variable} if variable else {}
    given = given_rules(Repository(Git()), Operation(purpose), environment)
    return str(next(merge_rules(Repository(Git()), path, purpose, given).to_try(name)))


def test_each_place_is_stronger_than_the_one_before(repo: Repo) -> None:
    assert chosen() == "average"
    attribute("ties,density=0.3,weights=1:2")
    assert chosen() == "ties density=0.3 weights=1,2"
    tracked('[[merge]]\nstrategy = "slerp"\n')
    assert chosen() == "slerp"
    repo.git("config", "theta.merge", "linear normalize=false")
    assert chosen() == "linear normalize=false"
    repo.git("config", "theta.mergeRule", "ours")
    assert chosen() == "ours"
    assert chosen("theirs") == "theirs"


def test_lasting_rules_for_picks(repo: Repo) -> None:
    pick = Purpose.PICK
    attribute("ties")
    assert chosen(purpose=pick) == "task-arithmetic"
    assert chosen("slerp", purpose=pick) == "slerp"
    assert chosen("slerp when=merge", purpose=pick) == "task-arithmetic"
    with Path(".gitattributes").open("a") as file:
        file.write("*.pt theta-pick-merge=average\n")
    assert (chosen(purpose=pick), chosen()) == ("average when=pick", "ties")
    tracked('[[merge]]\nstrategy = "ours"\n[[merge]]\nstrategy = "ties"\nwhen = "always"\nparameters = "v"\n')
    assert (chosen(purpose=pick), chosen(purpose=pick, name="v")) == ("ours", "ties parameters=v when=always")
    repo.git("config", "theta.pickMerge", "linear")
    assert (chosen(purpose=pick), chosen()) == ("linear when=pick", "ours")
    repo.git("config", "theta.mergeRule", "slerp when=pick")
    assert (chosen(purpose=pick), chosen()) == ("slerp when=pick", "ours")
    repo.git("config", "theta.mergeRule", "slerp when=never")
    with pytest.raises(UsageError, match="when=never isn't one of merge, pick, always"):
        chosen()


def test_within_a_place_the_last_that_matches_counts(repo: Repo) -> None:
    repo.git("config", "theta.merge", "average")
    repo.git("config", "--add", "theta.mergeRule", "ours parameters=head.*")
    repo.git("config", "--add", "theta.mergeRule", "theirs parameters=head.bias parameters=*.scale")
    assert chosen(name="w") == "average"
    assert chosen(name="head.w") == "ours 'parameters=head.*'"
    assert chosen(name="head.bias").startswith("theirs ")
    assert chosen("base; ties parameters=*.bias\nslerp parameters=none", name="head.bias").startswith("ties ")
    assert chosen("base; ties parameters=*.bias", name="w") == "base"


def test_a_given_strategy_is_for_counters_too() -> None:
    counter = "bn.num_batches_tracked"
    assert chosen("", counter).startswith("counter ")
    assert chosen("ties", counter) == "ties"
    rules = merge_rules(Repository(Git()), "m.pt", given=[MergeRule("ties")])
    assert [rule.strategy for rule in rules.to_try(counter)] == ["ties"]


def test_rules_for_paths(repo: Repo) -> None:
    tracked(
        '[[merge]]\nstrategy = "average"\n'
        '[[merge]]\nstrategy = "ours"\npath = ["models/*.pt", "/top.pt"]\n'
        '[[merge]]\nstrategy = "ties"\npath = "b.pt"\nparameters = "w*"\noptions = {density = [0.5, 1]}\n'
    )
    assert chosen(path="a.pt") == "average"
    assert chosen(path="top.pt").startswith("ours ")
    assert chosen(path="models/top.pt").startswith("ours ")
    assert chosen(path="other/top.pt") == "average"
    assert chosen(path="deep/b.pt", name="w1").startswith("ties density=0.5,1 ")
    assert chosen(path="deep/b.pt", name="v") == "average"


def test_where_there_is_no_work_tree_head_counts(repo: Repo) -> None:
    tracked('[[merge]]\nstrategy = "ours"\n')
    repo.commit()
    Path(".theta/config.toml").unlink()
    assert chosen() == "ours"


def test_ask_is_no_strategy(repo: Repo) -> None:
    repo.git("config", "theta.merge", "ask")
    assert chosen() == "average"


@pytest.mark.parametrize("value", ["-theta-merge", "theta-merge", "!theta-merge", "theta-merge="])
def test_an_attribute_without_a_value_says_nothing(value: str) -> None:
    Path(".gitattributes").write_text(f"*.pt {value}\n")
    assert chosen() == "average"


def test_an_attribute_is_written_without_spaces() -> None:
    assert from_attribute("ties") == MergeRule("ties")
    found = from_attribute("ties,weights=1:2,density=0.3")
    assert found == MergeRule("ties", (("density", "0.3"), ("weights", "1,2")))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("nonesuch", "the attribute theta-merge of models/a.pt: there's no merge strategy called 'nonesuch'"),
        ("ties,depth=1", "the attribute theta-merge of models/a.pt: 'ties' has no option 'depth'"),
        ("ties,density", "the attribute theta-merge of models/a.pt: 'density' in the merge rule"),
    ],
)
def test_errors_name_the_attribute(value: str, said: str) -> None:
    attribute(value)
    with pytest.raises(UsageError) as caught:
        chosen()
    assert said in str(caught.value)
    assert ("or name another strategy there" in caught.value.hint) == (value == "nonesuch")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[merge]]\nstrategy = "nonesuch"\n', "there's no merge strategy called 'nonesuch'"),
        ('[[merge]]\nstrategy = "ours"\n[[merge]]\nstrategy = 3\n', "rule 2 needs a strategy"),
        ("[[merge]\n", "isn't valid TOML"),
        ("[merge]\nstrategy = 'ours'\n", "[[merge]] tables"),
    ],
)
def test_errors_name_the_tracked_file(text: str, said: str) -> None:
    tracked(text)
    with pytest.raises(UsageError) as caught:
        chosen()
    assert caught.value.message.startswith(".theta/config.toml: ")
    assert said in caught.value.message


def test_errors_name_the_setting_and_the_variable(repo: Repo) -> None:
    with pytest.raises(UsageError, match=r"^GIT_THETA_MERGE: option 'density': 'x' isn't a list"):
        chosen("ours; ties density=x")
    repo.git("config", "theta.mergeRule", "ties 'open")
    with pytest.raises(UsageError, match=r"^git config theta.merge: \"ties 'open\" isn't a merge rule"):
        chosen()


def test_a_rule_for_another_path_is_checked_all_the_same() -> None:
    tracked('[[merge]]\nstrategy = "ties"\ndensity = "x"\npath = "other.pt"\n')
    with pytest.raises(UsageError, match="density"):
        chosen()


def test_a_rule_for_another_path_may_name_a_strategy_that_is_not_installed() -> None:
    tracked('[[merge]]\nstrategy = "nonesuch"\npath = "other.pt"\n')
    chosen()


@pytest.mark.parametrize(
    "file",
    [
        "/etc/secret.pt",
        "../secret.pt",
        "a/../../secret.pt",
        "untracked.pt",
        "none.pt",
        "tracked-link.pt",
        "tracked-folder/secret.pt",
        "replaced/inner.pt",
        "swapped.pt",
        ".git/config",
        "",
    ],
)
def test_tracked_rules_name_files_in_the_tree(repo: Repo, tmp_path: Path, file: str) -> None:
    """A stranger's rule reads nothing of the user's own: the merged values would tell it."""
    for name in ("secret.pt", "inner.pt"):
        (tmp_path / name).write_bytes(b"secret")
    Path("tracked-link.pt").symlink_to("../secret.pt")
    Path("tracked-folder").symlink_to("..")
    for name in ("replaced/inner.pt", "swapped.pt", "fine.pt"):
        repo.write(name, b"x")
    repo.commit()
    shutil.rmtree("replaced")
    Path("replaced").symlink_to("..")
    Path("swapped.pt").unlink()
    Path("swapped.pt").symlink_to("../secret.pt")
    repo.write("untracked.pt", b"secret")
    tracked(f'[[merge]]\nstrategy = "fisher"\noptions = {{ files = ["fine.pt", "{file}"] }}\n')
    with pytest.raises(UsageError, match=r"tracked rules|isn't a file that Git tracks"):
        chosen()
    Path(".theta/config.toml").unlink()
    attribute(f"fisher,files=fine.pt:{file or ':'}")
    with pytest.raises(UsageError, match=r"tracked rules|isn't a file that Git tracks"):
        chosen()


def test_rules_of_the_user_name_any_file(repo: Repo) -> None:
    rule = "fisher files=../a.pt,/b.pt"
    assert chosen(rule) == rule
    repo.git("config", "theta.mergeRule", rule)
    assert chosen() == rule


def test_tracked_files_of_a_tracked_rule(repo: Repo) -> None:
    tracked('[[merge]]\nstrategy = "fisher"\noptions = { files = ["f/a.pt", "./f/b.pt"] }\n')
    repo.write("f/a.pt", b"a")
    repo.write("f/b.pt", b"b")
    repo.git("add", "f/a.pt", "f/b.pt")
    assert chosen() == "fisher files=f/a.pt,./f/b.pt"
    repo.commit()
    shutil.rmtree("f")
    assert chosen() == "fisher files=f/a.pt,./f/b.pt"
    repo.git("rm", "-qr", "--cached", "f")
    assert chosen() == "fisher files=f/a.pt,./f/b.pt"
