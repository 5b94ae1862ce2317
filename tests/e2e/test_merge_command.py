"""`git theta merge`: one branch by Git, several at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load

from git_theta.git.plumbing.git_version import MERGE_TREE
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.git_versions import needs_git, pretended_version
from tests.helpers.repo import Repo

NAME = "models/m.safetensors"
LINES = [f"line {number}\n" for number in range(30)]

Weights = dict[str, NDArray[Any]]


def weights(**changes: float) -> Weights:
    """Five tensors; a change is added to all elements of one, which is new if its name is."""
    made: Weights = {f"l{i}": np.full((20, 30), float(i), "f4") for i in range(5)}
    for name, change in changes.items():
        made[name] = made.get(name, np.zeros((3, 4), "f4")) + np.float32(change)
    return made


def data(**changes: float) -> bytes:
    return safetensors_bytes(weights(**changes))


def notes(**changes: str) -> bytes:
    """A text in which branches may change lines; `l3="x"` changes the fourth."""
    lines = list(LINES)
    for name, text in changes.items():
        lines[int(name[1:])] = text + "\n"
    return "".join(lines).encode()


def branch(repo: Repo, name: str, start: str = "base", /, **files: bytes | None) -> str:
    """Make a commit on a new branch; `__` in names stands for a dot, and `None` removes a file."""
    repo.git("checkout", "-q", "-b", name, start)
    for key, content in files.items():
        path = NAME if key == "model" else key.replace("__", ".")
        if content is None:
            repo.git("rm", "-q", path)
        else:
            repo.write(path, content)
    commit = repo.commit(name)
    repo.git("checkout", "-q", "main")
    return commit


def merge(repo: Repo, *args: str, env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """The exit code and the output."""
    done = repo.run_theta("merge", *args, ok=False, env=env)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def state(repo: Repo) -> tuple[str, ...]:
    """All that must stay as it is when a merge fails."""
    refs = repo.git("for-each-ref")
    head, status = repo.git("rev-parse", "HEAD"), repo.git("status", "--porcelain")
    files = [path for path in sorted(repo.path.rglob("*")) if path.is_file() and ".git" not in path.parts]
    return refs, head, status, *(f"{path}: {path.read_bytes()!r}" for path in files)


def same(repo: Repo, expected: Weights, name: str = NAME) -> None:
    found = load(repo.read(name))
    assert set(found) == set(expected)
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, rtol=1e-6, err_msg=key)
    assert repo.status() == ""


def parents(repo: Repo) -> list[str]:
    return repo.git("log", "-1", "--format=%P").split()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A base, changed on main and on the branches a, b and c: in the model, and in a text."""
    repo = Repo(tmp_path_factory.mktemp("original") / "repo")
    repo.path.mkdir()
    repo.git("init", "-q")
    repo.theta("track", "*.safetensors")
    repo.write(NAME, data())
    repo.write("notes.txt", notes())
    repo.commit("base")
    repo.git("branch", "base")
    branch(repo, "a", model=data(l0=2, l1=1), notes__txt=notes(l5="a"), a__txt=b"a")
    branch(repo, "b", model=data(l0=4, l2=1), notes__txt=notes(l15="b"))
    branch(repo, "c", model=data(l0=8, l4=1))
    repo.write(NAME, data(l0=6, l3=1))
    repo.commit("ours")
    return repo


@pytest.fixture
def forked(original: Repo, tmp_path: Path) -> Repo:
    """A copy of that."""
    return original.copy(tmp_path / "repo")


# One branch


def test_one_branch_is_merged_by_git(forked: Repo) -> None:
    code, output = merge(
        forked, "-s", "linear", "--set", "weights=3,1", "--no-all-parameters", "-m", "by hand", "a"
    )
    assert code == 0
    assert "1 by linear" in output
    same(forked, weights(l0=5, l1=1, l3=1))
    assert forked.git("log", "-1", "--format=%s") == "by hand\n"
    assert len(parents(forked)) == 2


def test_an_average_is_of_all_parameters(forked: Repo) -> None:
    assert merge(forked, "-s", "linear", "--set", "weights=3,1", "a")[0] == 0
    same(forked, weights(l0=5, l1=0.25, l3=0.75))


@pytest.mark.parametrize(
    ("words", "share"),
    [
        ("-s average-theirs-base", 0.5),
        ("--no-ff -s linear --set weights=1,3", 0.75),
        ("-s task-arithmetic --set scale=0.5", 0.5),
        pytest.param("-s base", 0, marks=pytest.mark.slow),
        pytest.param("-s ours --all-parameters", 0, marks=pytest.mark.slow),
        ("-s slerp --set t=0.25 --all-parameters", 0.25),
        pytest.param("-s linear --set weights=1,3 --param l1", 0.75, marks=pytest.mark.slow),
        pytest.param("-s average --no-commit", 0.5, marks=pytest.mark.slow),
    ],
)
def test_a_model_that_only_one_side_changed(forked: Repo, words: str, share: float) -> None:
    """HEAD could be moved, but the strategy makes a model of its own."""
    forked.git("checkout", "-q", "-B", "zero-shot", "base")
    forked.git("checkout", "-q", "-b", "tuned")
    forked.write(NAME, data(l1=4))
    forked.write("notes.txt", notes(l3="tuned"))
    forked.commit("tuned")
    forked.git("checkout", "-q", "zero-shot")
    code, output = merge(forked, *words.split(), "-m", "middle", "tuned")
    assert code == 0, output
    assert NAME in output
    if "--no-commit" in words:
        forked.git("commit", "-q", "--no-edit")
    same(forked, weights(l1=4 * share))
    assert forked.read("notes.txt") == notes(l3="tuned")
    assert len(parents(forked)) == 2
    assert forked.git("log", "-1", "--format=%s") == "middle\n"


@pytest.mark.slow
def test_a_strategy_that_was_not_used_says_so(forked: Repo) -> None:
    forked.git("checkout", "-q", "-B", "zero-shot", "base")
    before = state(forked)
    assert "excludes" not in merge(forked, "-s", "ties", "--ff-only", "a")[1]
    forked.git("reset", "-q", "--hard", "base")
    code, output = merge(forked, "-s", "ties", "a")
    assert (code, f"{NAME}: ties wasn't used: only theirs changed it (--all-parameters" in output) == (
        0,
        True,
    )
    assert "average wasn't used: base is merged already" in merge(forked, "-s", "average", "base")[1]
    forked.git("reset", "-q", "--hard", "base")
    assert state(forked) == before
    code, output = merge(forked, "-s", "average", "--ff-only", "a")
    assert (code, "which --ff-only doesn't allow" in output) == (2, True)
    assert state(forked) == before
    forked.git("checkout", "-q", "main")
    branch(forked, "other", model=data(l2=5))
    output = merge(forked, "-s", "ties", "-m", "x", "other")[1]
    assert "ties was used for no parameter, as both sides changed none" in output
    assert merge(forked, "-s", "ours", "-m", "x", "a")[0] == 0


def test_local_changes_of_a_model_that_git_would_leave(forked: Repo) -> None:
    branch(forked, "text", notes__txt=notes(l7="x"))
    forked.write(NAME, data(l0=100))
    before = state(forked)
    code, output = merge(forked, "-s", "average", "text")
    assert (code, "would be overwritten by the merge" in output) == (7, True)
    assert state(forked) == before
    forked.git("checkout", "--", NAME)
    assert merge(forked, "-s", "average", "text")[0] == 0
    same(forked, weights(l0=3, l3=0.5))


@pytest.mark.slow
def test_a_conflict_in_a_text_leaves_the_models_merged(forked: Repo) -> None:
    forked.write("notes.txt", notes(l5="mine"))
    forked.git("commit", "-qam", "text")
    branch(forked, "alone", model=None)
    forked.git("checkout", "-q", "-B", "alone", "base")
    forked.write("notes.txt", notes(l5="theirs"))
    forked.commit("theirs")
    forked.git("checkout", "-q", "main")
    code, _ = merge(forked, "-s", "average", "alone")
    assert code == 1
    forked.git("checkout", "--ours", "--", "notes.txt")
    forked.git("add", "notes.txt")
    forked.git("commit", "-q", "--no-edit")
    same(forked, weights(l0=3, l3=0.5))


@pytest.mark.parametrize("words", ["-s ours --param l1* --param ll*", "-s linear --param l7"])
def test_a_pattern_without_a_match_changes_nothing(forked: Repo, words: str) -> None:
    before = state(forked)
    code, output = merge(forked, *words.split(), "a")
    assert code == 2
    assert "there's no parameter" in output
    assert "the closest: l" in output
    assert state(forked) == before


def test_a_pattern_of_the_variable_without_a_match(forked: Repo) -> None:
    code, output = merge(forked, "-m", "x", "a", env={"GIT_THETA_MERGE": "ours parameters=k*"})
    assert (code, "there's no parameter 'k*'" in output) == (1, True)
    forked.git("merge", "--abort")
    branch(forked, "other", small__safetensors=safetensors_bytes({"k": np.ones(2, "f4")}))
    forked.git("merge", "-q", "-m", "x", "other")
    assert merge(forked, "-m", "x", "a", env={"GIT_THETA_MERGE": "ours parameters=k*"})[0] == 0


def test_the_rule_counts_more_than_the_settings(forked: Repo) -> None:
    forked.git("config", "theta.merge", "theirs")
    code, _ = merge(forked, "-s", "ours", "a", env={"GIT_THETA_MERGE": "base"})
    assert code == 0
    same(forked, weights(l0=6, l1=1, l3=1))


def test_a_rule_for_some_parameters_leaves_the_others_to_the_settings(forked: Repo) -> None:
    code, _ = merge(forked, "-s", "ours", "--param", "l1*", "a", env={"GIT_THETA_MERGE": "theirs"})
    assert code == 0
    same(forked, weights(l0=2, l1=1, l3=1))


def test_a_rule_is_an_answer_where_merges_ask(forked: Repo) -> None:
    forked.git("config", "theta.merge", "ask")
    assert merge(forked, "-s", "theirs", "-m", "x", "a")[0] == 0
    same(forked, weights(l0=2, l1=1, l3=1))


def test_no_commit(forked: Repo) -> None:
    assert merge(forked, "--no-commit", "a")[0] == 0
    assert (forked.path / ".git" / "MERGE_HEAD").exists()
    assert forked.git("log", "-1", "--format=%s") == "ours\n"


def test_fast_forwards(forked: Repo) -> None:
    code, _ = merge(forked, "--ff-only", "a")
    assert code == 128
    forked.git("checkout", "-q", "base")
    assert merge(forked, "--ff-only", "a")[0] == 0
    assert parents(forked) == [forked.git("rev-parse", "main~1").strip()]
    assert merge(forked, "--no-ff", "-m", "x", "main")[0] == 0


def test_an_exit_code_of_git_is_passed_on(forked: Repo) -> None:
    branch(forked, "clash", notes__txt=notes(l3="clash"))
    forked.write("notes.txt", notes(l3="ours"))
    forked.commit("other")
    code, output = merge(forked, "clash")
    assert code == 1
    assert "CONFLICT (content)" in output
    forked.git("merge", "--abort")
    assert merge(forked, "nonesuch")[0] == 1


@pytest.mark.parametrize(
    ("args", "output"),
    [
        (["-s", "nonesuch", "a"], "there's no merge strategy called 'nonesuch'; known: ours, theirs"),
        (["-s", "ties", "--set", "depth=1", "a"], "'ties' has no option 'depth'"),
        (["-s", "ties", "--set", "density", "a"], "isn't KEY=VALUE"),
        (["-s", "ties", "--set", "density=1", "--set", "density=2", "a"], "given twice"),
        (["-s", "ours", "--param", "a;b", "a"], "semicolon"),
        (["-s", "linear", "--set", "weights=1,2,3", "a"], "3 weights are given for 2 models"),
        (["-s", "linear", "--set", "weights=1,2", "a", "b"], "2 weights are given for 3 models"),
        (["--all-parameters", "a"], "--all-parameters needs a strategy"),
        (["--set", "density=1", "a"], "need a strategy"),
        (["--no-ff", "--ff-only", "a"], "exclude each other"),
        (["--json", "a"], "--list"),
        ([], "which branch"),
        (["a", "nonesuch"], "'nonesuch' isn't a branch or a commit"),
        (["--no-commit", "a", "b"], "--no-commit isn't for several branches"),
        (["--ff-only", "a", "b"], "can't be merged by a fast-forward"),
    ],
)
def test_invalid_options_change_nothing(forked: Repo, args: list[str], output: str) -> None:
    before = state(forked)
    code, words = merge(forked, *args)
    assert code == 2
    assert output in words
    assert state(forked) == before


def test_without_the_driver_it_says_so(forked: Repo) -> None:
    forked.git("config", "merge.theta.driver", "")
    code, output = merge(forked, "a")
    assert code == 7
    assert "git theta install" in output


def test_the_list_of_strategies(repo: Repo) -> None:
    output = merge(repo, "--list")[1]
    assert "\nties: Keep the largest changes" in output
    assert "\n  density=1.0 " in output
    listed = {row["name"]: row for row in json.loads(merge(repo, "--list", "--json")[1])}
    assert listed["slerp"]["most"] == 2
    assert {"name": "t", "default": "0.5"}.items() <= listed["slerp"]["options"][0].items()


# Several branches

several_branches = needs_git(*MERGE_TREE)


def test_an_older_git_is_refused_and_nothing_changes(forked: Repo, tmp_path: Path) -> None:
    before = state(forked)
    code, output = merge(forked, "a", "b", env=pretended_version(tmp_path / "bin", "2.37.1"))
    assert code == 7
    assert "a merge of several branches needs git 2.38 or newer; this is git 2.37.1" in output
    assert "merge one branch after the other" in output
    assert state(forked) == before


@several_branches
def test_three_sides_are_averaged_at_once(forked: Repo) -> None:
    heads = [forked.git("rev-parse", name).strip() for name in ("main", "a", "b")]
    code, output = merge(forked, "a", "b")
    assert code == 0
    assert f"{NAME}: merged 5 parameters: 1 unchanged" in output
    assert "1 averaged" in output
    same(forked, weights(l0=4, l1=1, l2=1, l3=1))
    assert forked.read("notes.txt") == notes(l5="a", l15="b")
    assert forked.read("a.txt") == b"a"
    assert parents(forked) == heads
    assert forked.git("log", "-1", "--format=%s") == "Merge branches 'a' and 'b'\n"
    assert "merge a b" in forked.git("reflog", "-1")
    assert forked.theta("fsck")


@several_branches
def test_four_sides_with_weights(forked: Repo) -> None:
    code, _ = merge(
        forked, "-s", "linear", "--set", "weights=1,2,3,4", "-m", "all", "-m", "more", "a", "b", "c"
    )
    assert code == 0
    same(forked, weights(l0=(6 + 2 * 2 + 3 * 4 + 4 * 8) / 10, l1=0.2, l2=0.3, l3=0.1, l4=0.4))
    assert forked.git("log", "-1", "--format=%B") == "all\n\nmore\n"
    assert len(parents(forked)) == 4


@several_branches
def test_ours_is_the_current_branch(forked: Repo) -> None:
    assert merge(forked, "-s", "ours", "a", "b")[0] == 0
    same(forked, weights(l0=6, l1=1, l2=1, l3=1))


@several_branches
def test_a_large_model_is_written(forked: Repo) -> None:
    forked.git("config", "theta.materialiseThreshold", "1k")
    assert merge(forked, "a", "b")[0] == 0
    same(forked, weights(l0=4, l1=1, l2=1, l3=1))


@several_branches
def test_from_a_folder(forked: Repo) -> None:
    assert merge(Repo(forked.path / "models"), "a", "b")[0] == 0
    same(forked, weights(l0=4, l1=1, l2=1, l3=1))


@several_branches
def test_a_conflict_in_a_text_changes_nothing(forked: Repo) -> None:
    branch(forked, "clash", model=data(l0=1), notes__txt=notes(l5="clash"))
    before = state(forked)
    code, output = merge(forked, "a", "clash")
    assert code == 7
    assert "1 file in conflict; nothing has changed\n  notes.txt\n" in output
    assert state(forked) == before


@several_branches
def test_a_conflict_in_a_model_changes_nothing(forked: Repo) -> None:
    odd = weights() | {"l0": np.zeros((2, 2), "f4")}
    branch(forked, "odd", model=safetensors_bytes(odd))
    before = state(forked)
    code, output = merge(forked, "a", "odd")
    assert code == 7
    assert f"  {NAME}: l0: changed to shapes" in output
    assert state(forked) == before
    code, output = merge(forked, "-s", "theirs", "a", "odd")
    assert code == 7
    assert "theirs isn't one side in a merge of several branches" in output
    assert merge(forked, "-s", "ours", "--param", "l0", "a", "odd")[0] == 0


@several_branches
@pytest.mark.parametrize("name", [NAME, "notes.txt", "a.txt"])
def test_local_changes_are_kept(forked: Repo, name: str) -> None:
    forked.write(name, data(l0=100) if name == NAME else b"mine")
    before = state(forked)
    code, output = merge(forked, "a", "b")
    assert code != 0
    assert "would be overwritten by merge" in output
    assert name in output
    assert state(forked) == before


@several_branches
def test_other_local_changes_stay(forked: Repo) -> None:
    forked.write("mine.txt", b"mine")
    assert merge(forked, "a", "b")[0] == 0
    assert forked.status() == "?? mine.txt\n"


@several_branches
def test_in_the_middle_of_a_merge(forked: Repo) -> None:
    forked.git("merge", "-q", "--no-commit", "a")
    code, output = merge(forked, "a", "b")
    assert code == 7
    assert "a merge is going on already" in output


@several_branches
def test_a_file_added_on_two_branches(forked: Repo) -> None:
    branch(forked, "x", new__safetensors=data(l0=1, l1=1))
    branch(forked, "y", new__safetensors=data(l0=3, l1=1))
    assert merge(forked, "-s", "linear", "--set", "weights=5,1,3,7", "x", "y", "b")[0] == 0
    # Of the weights, those of the branches that have it.
    same(forked, weights(l0=2.5, l1=1), "new.safetensors")


@several_branches
def test_a_model_that_one_branch_removed(forked: Repo) -> None:
    branch(forked, "gone", model=None)
    before = state(forked)
    code, output = merge(forked, "a", "gone")
    assert code == 7
    assert NAME in output
    assert state(forked) == before


@several_branches
def test_a_model_that_only_one_branch_touched(forked: Repo) -> None:
    forked.git("reset", "-q", "--hard", "base")
    forked.write("z.txt", b"z")
    forked.commit("z")
    branch(forked, "gone", model=None)
    branch(forked, "text", notes__txt=notes(l1="x"))
    assert merge(forked, "gone", "text")[0] == 0
    assert not (forked.path / NAME).exists()


@several_branches
@pytest.mark.slow
def test_a_model_that_was_renamed(forked: Repo) -> None:
    forked.git("checkout", "-q", "-b", "moved", "base")
    forked.git("mv", NAME, "moved.safetensors")
    forked.commit("moved")
    forked.git("checkout", "-q", "main")
    branch(forked, "text", notes__txt=notes(l1="x"))
    assert merge(forked, "moved", "text")[0] == 0
    same(forked, weights(l0=6, l3=1), "moved.safetensors")
    before = state(forked)
    # Now both the place and the values.
    forked.git("checkout", "-q", "-b", "main2", "main^1")
    forked.git("checkout", "-q", "-b", "moved2", "moved")
    forked.write("moved.safetensors", data(l0=1))
    forked.commit("moved and changed")
    forked.git("checkout", "-q", "main2")
    code, output = merge(forked, "moved2", "text")
    assert code == 7
    assert "moved.safetensors" in output
    forked.git("checkout", "-q", "main")
    forked.git("branch", "-qD", "main2", "moved2")
    assert state(forked) == before


@several_branches
def test_ancestors_are_dropped(forked: Repo) -> None:
    before = state(forked)
    code, output = merge(forked, "base", "main")
    assert code == 0
    assert "Already up to date" in output
    assert state(forked) == before
    assert merge(forked, "base", "a", "a~0", "a", "b")[0] == 0
    assert len(parents(forked)) == 3
    # One is left: that's Git's own merge.
    assert merge(forked, "a", "c", "-m", "one")[0] == 0
    assert len(parents(forked)) == 2


@several_branches
def test_a_head_that_is_behind_is_no_parent(forked: Repo) -> None:
    forked.git("checkout", "-q", "base")
    assert merge(forked, "a", "b")[0] == 0
    same(forked, weights(l0=3, l1=1, l2=1))
    assert len(parents(forked)) == 2
    assert forked.git("symbolic-ref", "--short", "HEAD") == "base\n"
    assert forked.git("log", "-1", "--format=%s") == "Merge branches 'a' and 'b' into base\n"
    forked.git("reset", "-q", "--hard", "HEAD^1~1")
    assert merge(forked, "--no-ff", "a", "b")[0] == 0
    same(forked, weights(l0=3, l1=1, l2=1))
    assert len(parents(forked)) == 3


@several_branches
def test_unrelated_histories(forked: Repo) -> None:
    forked.git("checkout", "-q", "--orphan", "lone")
    forked.write(NAME, data(l0=1))
    forked.git("add", NAME)
    forked.git("rm", "-q", "--cached", "notes.txt")
    forked.git("commit", "-q", "-m", "lone")
    (forked.path / "notes.txt").unlink()
    forked.git("checkout", "-q", "main")
    before = state(forked)
    code, output = merge(forked, "a", "lone")
    assert code == 7
    assert "--allow-unrelated-histories" in output
    assert state(forked) == before
    assert merge(forked, "--allow-unrelated-histories", "a", "lone")[0] == 0
    # Without a base, everything that differs is merged.
    same(forked, weights(l0=3, l1=1 / 3, l3=1 / 3))


@several_branches
def test_tags_and_commits_have_their_names_in_the_message(forked: Repo) -> None:
    forked.git("tag", "v1", "b")
    oid = forked.git("rev-parse", "a").strip()
    assert merge(forked, oid, "v1")[0] == 0
    output = forked.git("log", "-1", "--format=%s")
    assert "tag 'v1'" in output
    assert f"commit '{oid}'" in output


def test_a_file_of_information_beside_the_models(forked: Repo) -> None:
    for name, share in (("main", 1.0), ("a", 3.0)):
        each = {key: np.full_like(value, share) for key, value in weights().items()}
        forked.write(f"{name}-fisher.safetensors", safetensors_bytes(each))
    files = "files=main-fisher.safetensors,a-fisher.safetensors"
    forked.git("add", "main-fisher.safetensors")
    forked.git("commit", "-q", "-m", "information")
    # One of them is only in HEAD, the other one only in the work tree.
    (forked.path / "main-fisher.safetensors").unlink()
    assert merge(forked, "-s", "fisher", "--set", files, "-m", "x", "a")[0] == 0
    forked.git("checkout", "--", ".")
    (forked.path / "a-fisher.safetensors").unlink()
    same(forked, weights(l0=3, l1=1, l3=1))


@pytest.mark.parametrize(
    ("file", "output"),
    [
        ("nonesuch.safetensors", "isn't a file in the work tree"),
        ("notes.txt", "isn't a checkpoint of a format that has parameters"),
        ("small.safetensors", "small.safetensors has no parameter 'l0'"),
        ("odd.safetensors", "shape"),
    ],
)
def test_missing_side_files(forked: Repo, file: str, output: str) -> None:
    forked.write("small.safetensors", safetensors_bytes({"l9": np.ones(3, "f4")}))
    forked.write("odd.safetensors", safetensors_bytes({"l0": np.ones(3, "f4")}))
    code, words = merge(forked, "-s", "fisher", "--set", f"files={file},{file}", "-m", "x", "a")
    assert code == 1
    assert output in words
    assert forked.read(NAME) == data(l0=6, l3=1)
