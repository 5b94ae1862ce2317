"""Commands that apply a change: the result is ours + (theirs - base), whoever drives Git."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import load

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

NAME = "m.safetensors"

#: Changes of the commits of tests: multiples of 1/8, so that sums are exact.
A, B, C, UPSTREAM = 0.125, 0.5, 2.0, 8.0


def model(value: float, steps: int | None = None) -> bytes:
    made: dict[str, NDArray[Any]] = {"w": np.full((40, 40), value, "f4")}
    if steps is not None:
        made["codes"] = np.array(steps)
    return safetensors_bytes(made)


def value(repo: Repo) -> float:
    found = load(repo.read(NAME))["w"]
    assert (found == found.flat[0]).all()
    return float(found.flat[0])


def commit(repo: Repo, number: float, steps: int | None = None) -> str:
    repo.write(NAME, model(number, steps))
    return repo.commit(f"{number}")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """Three commits on main, which add A, B and C, and one on the branch up."""
    repo = Repo(tmp_path_factory.mktemp("original") / "repo")
    repo.path.mkdir()
    repo.git("init", "-q")
    repo.theta("track", "*.safetensors")
    commit(repo, 1)
    repo.git("branch", "up")
    for number in (1 + A, 1 + A + B, 1 + A + B + C):
        commit(repo, number)
    repo.git("checkout", "-q", "up")
    commit(repo, 1 + UPSTREAM)
    repo.git("checkout", "-q", "main")
    return repo


@pytest.fixture
def forked(original: Repo, tmp_path: Path) -> Repo:
    return original.copy(tmp_path / "repo")


@pytest.mark.parametrize(
    "words",
    [
        ("rebase", "-q", "up"),
        ("rebase", "-q", "--apply", "up"),
        ("-c", "sequence.editor=true", "rebase", "-q", "-i", "up"),
        ("pull", "-q", "--rebase", ".", "up"),
    ],
    ids=" ".join,
)
def test_a_rebase_gives_the_sum_of_all_changes(forked: Repo, words: Sequence[str]) -> None:
    forked.git(*words)
    assert value(forked) == 1 + UPSTREAM + A + B + C
    assert forked.status() == ""


def test_a_revert_takes_out_one_change_and_a_pick_puts_it_back(forked: Repo) -> None:
    changed = forked.git("rev-parse", "HEAD~2").strip()
    before = forked.read(NAME)
    assert "revert applies a change" in forked.git("revert", "--no-edit", changed)
    assert value(forked) == 1 + B + C
    forked.git("cherry-pick", changed)
    assert forked.read(NAME) == before


@pytest.mark.parametrize("order", [("main~2", "main~1", "main"), ("main", "main~2", "main~1")])
def test_the_order_of_picks_does_not_matter(forked: Repo, order: Sequence[str]) -> None:
    picked = [forked.git("rev-parse", name).strip() for name in order]
    forked.git("checkout", "-q", "up")
    forked.git("cherry-pick", *picked)
    assert value(forked) == 1 + UPSTREAM + A + B + C


@pytest.mark.parametrize("command", [("stash", "pop"), ("stash", "apply"), ("checkout", "-q", "-m", "up")])
def test_changes_of_the_work_tree_are_applied(forked: Repo, command: Sequence[str]) -> None:
    forked.write(NAME, model(1 + A + B + C + 16))
    if command[0] == "stash":
        forked.git("stash", "-q")
        forked.git("checkout", "-q", "up")
    forked.git(*command)
    assert value(forked) == 1 + UPSTREAM + 16


@pytest.mark.parametrize("command", [("am", "-q", "-3"), ("apply", "-3")])
def test_patches_are_applied(forked: Repo, command: Sequence[str]) -> None:
    patch = forked.git("format-patch", "--stdout", "--full-index", "-1", "main~1")
    forked.git("checkout", "-q", "up")
    forked.run("git", *command, stdin=patch.encode())
    assert value(forked) == 1 + UPSTREAM + B


@pytest.mark.slow
def test_merges_within_a_rebase_combine(forked: Repo) -> None:
    """The merge of two lines, made again on another base, is an average; the commits of both are applied."""
    forked.git("checkout", "-q", "-b", "line", "main~2")
    commit(forked, 1 + A + 4)
    forked.git("checkout", "-q", "-B", "topic", "main~1")
    forked.git("merge", "-q", "-m", "joined", "line")
    assert value(forked) == 1 + A + (B + 4) / 2
    output = forked.git("rebase", "-q", "--rebase-merges", "up")
    assert "1 averaged" in output
    assert value(forked) == 1 + UPSTREAM + A + (B + 4) / 2


@pytest.mark.slow
def test_an_alias_and_a_sequence_with_a_stop(forked: Repo) -> None:
    forked.git("config", "alias.take", "cherry-pick")
    forked.git("checkout", "-q", "up")
    forked.write("notes.txt", b"ours\n")
    forked.commit("notes")
    forked.git("checkout", "-q", "-b", "texts", "main")
    forked.write("notes.txt", b"theirs\n")
    forked.commit("other notes")
    commit(forked, 1 + A + B + C + 16)
    forked.git("checkout", "-q", "up")
    forked.git("take", "main~1..texts", ok=False)
    forked.git("add", "notes.txt")
    forked.git("-c", "core.editor=true", "cherry-pick", "--continue")
    assert value(forked) == 1 + UPSTREAM + C + 16


def test_merge_tree_with_the_base_of_a_change(forked: Repo) -> None:
    def merged(*words: str) -> float:
        done = forked.run("git", "merge-tree", "--write-tree", *words, ok=False)
        if done.returncode > 1:
            pytest.skip("this Git has no such merge-tree")
        forked.git("read-tree", "-u", "--reset", done.stdout.split()[0])
        return value(forked)

    both = 1 + (UPSTREAM + A + B + C) / 2
    assert merged("up", "main") == both
    if "merge-base" in forked.git("merge-tree", "-h", ok=False):
        assert merged("--merge-base=main~2", "up", "main~1") == 1 + UPSTREAM + B
        assert merged(f"--merge-base={forked.git('merge-base', 'up', 'main').strip()}", "up", "main") == both


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("theta.pickMerge", "average", 1 + (UPSTREAM + B) / 2),
        ("theta.mergeRule", "linear weights=1,0 when=always", 1 + UPSTREAM),
        ("theta.mergeRule", "theirs when=merge", 1 + UPSTREAM + B),
        ("theta.merge", "average", 1 + UPSTREAM + B),
        ("theta.merge", "ours", 1 + UPSTREAM),
    ],
)
def test_settings_of_picks(forked: Repo, key: str, text: str, expected: float) -> None:
    forked.git("config", key, text)
    forked.git("checkout", "-q", "-b", "other", "main~2")
    forked.git("checkout", "-q", "up")
    forked.git("cherry-pick", "main~1", ok=False)
    # Base and theirs of this change are 1 + A and 1 + A + B, so an average has A, too.
    share = A / 2 if text == "average" and key == "theta.pickMerge" else 0
    assert value(forked) == expected + share


def test_the_attribute_and_the_variable_choose_for_picks(forked: Repo) -> None:
    forked.git("checkout", "-q", "up")
    forked.write(".git/info/attributes", b"*.safetensors theta-pick-merge=theirs\n")
    forked.git("cherry-pick", "main~1")
    assert value(forked) == 1 + A + B
    forked.git("reset", "-q", "--hard", "HEAD~1")
    output = forked.git("cherry-pick", "main~1", env={"GIT_THETA_MERGE": "linear weights=1,3"})
    assert "linear by GIT_THETA_MERGE" in output
    assert value(forked) == ((1 + UPSTREAM) + 3 * (1 + A + B)) / 4
    forked.git("reset", "-q", "--hard", "HEAD~1")
    forked.git("-c", "theta.merge=ours", "cherry-pick", "--allow-empty", "--keep-redundant-commits", "main~1")
    assert value(forked) == 1 + UPSTREAM


# Choices are kept while an operation is continued.


@pytest.fixture
def stopping(forked: Repo) -> Repo:
    """The branch topic has three commits with changes of w; the first one stops a rebase for a text."""
    forked.git("checkout", "-q", "up")
    forked.write("notes.txt", b"ours\n")
    forked.commit("notes")
    forked.git("checkout", "-q", "-b", "topic", "main~3")
    forked.write("notes.txt", b"theirs\n")
    forked.commit("other notes")
    commit(forked, 2)
    commit(forked, 4)
    return forked


@pytest.mark.parametrize(
    ("words", "environment"),
    [
        (("rebase", "-q", "up"), {"GIT_THETA_MERGE": "ours"}),
        pytest.param(("-c", "theta.pickMerge=ours", "rebase", "-q", "up"), {}, marks=pytest.mark.slow),
        pytest.param(("rebase", "-q", "-X", "ours", "up"), {}, marks=pytest.mark.slow),
    ],
)
def test_a_choice_holds_after_a_stop(
    stopping: Repo, words: Sequence[str], environment: Mapping[str, str]
) -> None:
    stopping.git(*words, ok=False, env=environment)
    if stopping.status():
        stopping.git("checkout", "--theirs", "--", "notes.txt")
        stopping.git("add", "notes.txt")
        stopping.git("-c", "core.editor=true", "rebase", "--continue", ok=False)
    for _ in range(2):
        if (stopping.path / ".git" / "rebase-merge").exists():
            stopping.git("rebase", "--skip", ok=False)
    assert value(stopping) == 1 + UPSTREAM
    assert not (stopping.path / ".git" / "rebase-merge").exists()


@pytest.mark.slow
def test_a_pick_in_conflict_keeps_its_purpose_and_its_rules(forked: Repo) -> None:
    for branch, start, number in (("one", "up", 1 + UPSTREAM), ("two", "main~2", 1 + A)):
        forked.git("checkout", "-q", "-b", branch, start)
        commit(forked, number, 1)
    forked.git("checkout", "-q", "one")
    commit(forked, 1 + UPSTREAM + 2, 7)
    forked.git("checkout", "-q", "two")
    commit(forked, 1 + A + 4, 5)
    forked.git("checkout", "-q", "one")
    assert "codes" in forked.git("cherry-pick", "two", ok=False)
    assert "cherry-pick applies a change" in forked.theta("resolve", NAME, "-s", "theirs")
    assert value(forked) == 1 + UPSTREAM + 2 + 4
    forked.git("reset", "-q", "--hard")
    forked.git("cherry-pick", "two", ok=False, env={"GIT_THETA_MERGE": "linear weights=1,3"})
    forked.theta("resolve", NAME, "-s", "theirs")
    assert value(forked) == ((1 + UPSTREAM + 2) + 3 * (1 + A + 4)) / 4


# Laws, for any numbers: sums are rounded once a step.

numbers = st.lists(st.floats(-100, 100, width=32), min_size=3, max_size=3)


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=numbers)
@pytest.mark.slow
def test_reverting_and_picking_again_gives_the_model_back(forked: Repo, changes: list[float]) -> None:
    forked.git("checkout", "-q", "-B", "law", "up")
    total = np.float32(1 + UPSTREAM)
    for number, change in enumerate(changes):
        total = np.float32(total + np.float32(change))
        forked.write("number.txt", f"{number} {changes}".encode())
        commit(forked, float(total))
    picked = forked.git("rev-parse", "HEAD~2").strip()
    forked.git("rm", "-q", "number.txt")
    forked.git("commit", "-q", "-m", "no number")
    forked.git("revert", "--no-commit", picked, ok=False)
    forked.git("rm", "-q", "-f", "--ignore-unmatch", "number.txt")
    forked.git("commit", "-q", "--allow-empty", "-m", "reverted")
    np.testing.assert_allclose(value(forked), total - np.float32(changes[0]), rtol=1e-5, atol=1e-4)
    forked.git("cherry-pick", "--no-commit", picked, ok=False)
    np.testing.assert_allclose(value(forked), total, rtol=1e-5, atol=1e-4)
    forked.git("reset", "-q", "--hard")
