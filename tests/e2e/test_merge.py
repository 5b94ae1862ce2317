"""Merges in Git itself: each command completes, gives a valid file, and leaves a clean status."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load

from git_theta.clean import Cleaner
from git_theta.git.plumbing.git_version import MERGE_TREE
from git_theta.store.local import LocalStore
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.git_versions import needs_git
from tests.helpers.histories import History
from tests.helpers.repo import Repo
from tests.helpers.variants import mostly_slow

NAME = "m.safetensors"

Weights = dict[str, NDArray[Any]]


def weights(**changes: float | None) -> Weights:
    """Six tensors and an integer one; a change is added to all elements, `None` removes a tensor."""
    random = np.random.default_rng(7)
    made: Weights = {f"l{i}": random.standard_normal((40, 50)).astype("f4") for i in range(6)}
    made["ids"] = np.arange(5)
    for name, change in changes.items():
        if change is None:
            del made[name]
        elif name in made:
            made[name] = made[name] + made[name].dtype.type(change)
        else:
            made[name] = np.full((3, 4), change, "f4")
    return made


def data(metadata: Mapping[str, str] | None = None, **changes: float | None) -> bytes:
    return safetensors_bytes(weights(**changes), metadata)


class Fork:
    """A repository with a base, and a branch `side` beside `main`, which is checked out."""

    def __init__(self, repo: Repo, base: bytes | None, ours: bytes, theirs: bytes) -> None:
        self.repo = repo
        store, history = LocalStore(repo.path / ".git" / "theta"), History(repo)
        known = [Cleaner(store).clean(memoryview(base)).manifest] if base is not None else []

        def commit(name: str, parent: str, content: bytes | None) -> None:
            files = {"__gitattributes": attributes, "notes__txt": b"hello\n"}
            if content is not None:
                manifest = Cleaner(store).clean(memoryview(content), known).manifest
                files["m__safetensors"] = manifest.to_bytes() if attributes else content
            history.commit(name, parent, **files)

        attributes = repo.read(".gitattributes") if (repo.path / ".gitattributes").exists() else b""
        commit("base", "", base)
        commit("side", "base", theirs)
        commit("main", "base", ours)
        repo.git("reset", "-q", "--hard")

    def merge(self, *args: str, ok: bool = True, env: Mapping[str, str] | None = None) -> str:
        return self.repo.git("merge", "-q", "-m", "merged", *args, "side", ok=ok, env=env)

    def loaded(self) -> Weights:
        return load(self.repo.read(NAME))

    def check(self, expected: Weights) -> None:
        """The file has these tensors, Git is content, and a fresh checkout gives the same bytes."""
        repo = self.repo
        found = self.loaded()
        assert found.keys() == expected.keys()
        for name, array in expected.items():
            assert found[name].dtype == array.dtype
            np.testing.assert_array_equal(found[name], array)
        assert repo.status() == ""
        before = repo.read(NAME)
        (repo.path / NAME).unlink()
        repo.git("checkout", "--", NAME)
        assert repo.read(NAME) == before
        repo.theta("fsck")


def average(one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
    return ((one.astype("f8") + other.astype("f8")) / 2).astype(one.dtype)


def with_change(ours: NDArray[Any], base: NDArray[Any], theirs: NDArray[Any]) -> NDArray[Any]:
    return (ours.astype("f8") + (theirs.astype("f8") - base.astype("f8"))).astype(ours.dtype)


@pytest.fixture(params=["inline", pytest.param("materialised", marks=pytest.mark.slow)])
def place(repo: Repo, request: pytest.FixtureRequest) -> Repo:
    repo.git("config", "theta.materialiseThreshold", "1k" if request.param == "materialised" else "1g")
    return repo


OURS, THEIRS = {"l0": 0.5, "l1": 0.25}, {"l0": 0.125, "l2": 3.0}


def expected_merge() -> Weights:
    ours, theirs = weights(**OURS), weights(**THEIRS)
    return {**weights(**OURS), "l2": theirs["l2"], "l0": average(ours["l0"], theirs["l0"])}


def expected_pick() -> Weights:
    """The change of the branch `side`, applied to that of `main`."""
    return {
        **expected_merge(),
        "l0": with_change(weights(**OURS)["l0"], weights()["l0"], weights(**THEIRS)["l0"]),
    }


@pytest.fixture
def fork(place: Repo) -> Fork:
    return Fork(place, data(), data(**OURS), data(**THEIRS))


def test_git_merge(fork: Fork) -> None:
    output = fork.merge()
    assert "m.safetensors: merged 7 parameters: 4 unchanged, 1 averaged, 1 ours only, 1 theirs only" in output
    fork.check(expected_merge())


def test_changes_of_layers_that_feed_each_other(place: Repo) -> None:
    """The merge is right parameter by parameter, and says that only tests can tell what comes of it."""
    fork = Fork(place, data(), data(l1=0.25), data(l2=0.5, l5=0.5))
    hint = "possible conflict: sides changed modules that feed each other: l1 -> l2; run the tests"
    assert f"{NAME}: {hint}" in fork.merge("--no-commit")
    assert f"    {hint}" in fork.repo.theta("status")
    (state,) = json.loads(fork.repo.theta("status", "--json"))
    assert state["possible_conflicts"] == [{"source": "l1", "target": "l2"}]
    fork.repo.git("commit", "-q", "-m", "merged")
    assert fork.repo.theta("status") == f"{NAME}: unmodified\n"
    assert "possible_conflicts" not in json.loads(fork.repo.theta("status", "--json"))[0]


def test_possible_conflicts_of_a_model_in_conflict(place: Repo) -> None:
    fork = Fork(place, data(), data(ids=1, l1=0.25), data(ids=2, l2=0.5))
    fork.merge(ok=False)
    status = fork.repo.theta("status")
    assert "ids: changed on both sides" in status
    assert "possible conflict: sides changed modules that feed each other: l1 -> l2; " in status


def test_an_average_costs_no_tensor_bytes(fork: Fork) -> None:
    before = {path.name for path in fork.repo.objects}
    fork.merge()
    new = [path for path in fork.repo.objects if path.name not in before]
    assert sum(path.stat().st_size for path in new) < 1000
    assert "recipe" in fork.repo.theta("show", NAME)


def test_rebase(fork: Fork) -> None:
    output = fork.repo.git("rebase", "-q", "side")
    assert "1 by task-arithmetic" in output
    assert "rebase applies a change: ours + (theirs - base)" in output
    l0 = with_change(*(weights(**each)["l0"] for each in (THEIRS, {}, OURS)))
    fork.check({**expected_pick(), "l0": l0})


def test_commands_of_a_rebase_see_models(fork: Fork) -> None:
    repo = fork.repo
    repo.git("config", "theta.materialiseThreshold", "1")
    repo.git("rebase", "-q", "--exec", f"head -c 3 {NAME} >> ../seen; git diff --quiet HEAD", "side")
    assert b"git" not in (repo.path.parent / "seen").read_bytes()
    assert repo.status() == ""


def test_rebase_with_apply(fork: Fork) -> None:
    fork.repo.git("rebase", "-q", "--apply", "side")
    fork.check(expected_pick())


def test_cherry_pick(fork: Fork) -> None:
    fork.repo.git("cherry-pick", "side")
    fork.check(expected_pick())


def test_revert(repo: Repo) -> None:
    fork = Fork(repo, data(), data(l1=1.0), data(l5=1.0))
    repo.write(NAME, data(l1=1.0, l2=2.0))
    repo.commit("more")
    repo.git("revert", "--no-edit", "HEAD~1")
    fork.check(weights(l2=2.0))


def test_stash_pop(fork: Fork) -> None:
    repo = fork.repo
    repo.git("checkout", "-q", "HEAD~1")
    repo.write(NAME, data(**THEIRS))
    repo.git("stash", "-q")
    repo.git("checkout", "-q", "main")
    repo.git("stash", "pop", "-q")
    expected = expected_pick()
    found = fork.loaded()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)
    repo.commit("popped")
    fork.check(expected)


def test_am(fork: Fork) -> None:
    repo = fork.repo
    patch = repo.run("git", "format-patch", "--stdout", "--full-index", "--binary", "main..side").stdout
    repo.run("git", "am", "-q", "-3", stdin=patch.encode())
    fork.check(expected_pick())


@needs_git(*MERGE_TREE)
def test_merge_tree_writes_no_files(fork: Fork) -> None:
    repo = fork.repo
    before = repo.read(NAME)
    tree = repo.run("git", "merge-tree", "--write-tree", "main", "side").stdout.split()[0]
    assert repo.read(NAME) == before
    repo.git("read-tree", "-u", "--reset", tree)
    found = fork.loaded()
    for name, array in expected_merge().items():
        np.testing.assert_array_equal(found[name], array)


@needs_git(*MERGE_TREE)
def test_merge_in_a_bare_repository(fork: Fork, tmp_path: Any) -> None:
    bare = Repo(tmp_path / "bare.git")
    fork.repo.git("clone", "-q", "--bare", ".", str(bare.path))
    # Before attr.tree of git 2.43, a bare repository has no other attributes.
    (bare.path / "info" / "attributes").write_text("*.safetensors merge=theta\n")
    tree = bare.run("git", "merge-tree", "--write-tree", "main", "side").stdout.split()[0]
    fork.merge()
    theirs = fork.repo.git("rev-parse", f"HEAD:{NAME}").strip()
    assert bare.git("rev-parse", f"{tree}:{NAME}").strip() == theirs


def test_both_orders_give_the_same_tensors(fork: Fork) -> None:
    repo = fork.repo
    repo.git("checkout", "-q", "side")
    repo.git("merge", "-q", "-m", "merged", "main")
    fork.check(expected_merge())


@pytest.mark.slow
def test_a_later_fine_tune_and_a_second_merge_build_on_a_recipe(fork: Fork) -> None:
    repo = fork.repo
    fork.merge()
    tuned = {name: array.copy() for name, array in expected_merge().items()}
    tuned["l0"] += np.float32(1e-3)
    repo.write(NAME, safetensors_bytes(tuned))
    repo.commit("tuned")
    fork.check(tuned)
    repo.git("checkout", "-q", "side")
    other = {name: array.copy() for name, array in weights(**THEIRS).items()}
    other["l0"] -= np.float32(2e-3)
    repo.write(NAME, safetensors_bytes(other))
    repo.commit("tuned too")
    repo.git("checkout", "-q", "main")
    fork.merge()
    fork.check({**tuned, "l0": average(tuned["l0"], other["l0"])})


def test_parameters_that_both_sides_add(repo: Repo) -> None:
    fork = Fork(repo, data(), data(head_a=1.0, both=1.0), data(head_b=2.0, both=2.0))
    fork.merge()
    fork.check({**weights(head_a=1.0, head_b=2.0), "both": np.full((3, 4), 1.5, "f4")})


def test_parameters_that_each_side_removes(repo: Repo) -> None:
    fork = Fork(repo, data(), data(l0=None), data(l5=None, l1=1.0))
    fork.merge()
    fork.check({name: array for name, array in weights(l1=1.0).items() if name not in ("l0", "l5")})


def test_metadata_merges(repo: Repo) -> None:
    fork = Fork(
        repo,
        data({"epoch": "1", "format": "pt"}),
        data({"epoch": "1", "format": "pt", "a": "x"}, l0=1.0),
        data({"epoch": "2", "format": "pt"}, l1=1.0),
    )
    fork.merge()
    raw = repo.read(NAME)
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    assert header["__metadata__"] == {"epoch": "2", "format": "pt", "a": "x"}
    fork.check(weights(l0=1.0, l1=1.0))


def test_metadata_in_conflict(repo: Repo) -> None:
    fork = Fork(repo, data({"title": "1"}), data({"title": "2"}, l0=1.0), data({"title": "3"}))
    output = fork.merge(ok=False)
    assert "__metadata__/title: changed to different values on both sides" in output
    repo.theta("resolve", NAME, "-s", "theirs")
    repo.git("commit", "-q", "--no-edit")
    assert b'"3"' in repo.read(NAME)
    fork.check(weights(l0=1.0))


def test_added_on_both_branches_with_no_base(repo: Repo) -> None:
    fork = Fork(repo, None, data(**OURS), data(**THEIRS))
    fork.merge()
    ours, theirs = weights(**OURS), weights(**THEIRS)
    fork.check(
        {name: array if name == "ids" else average(array, theirs[name]) for name, array in ours.items()}
    )


def test_renamed_on_one_side(repo: Repo) -> None:
    fork = Fork(repo, data(), data(**OURS), data(**THEIRS))
    repo.git("checkout", "-q", "side")
    repo.git("mv", NAME, "new.safetensors")
    repo.commit("renamed")
    repo.git("checkout", "-q", "main")
    fork.merge()
    found = load(repo.read("new.safetensors"))
    for name, array in expected_merge().items():
        np.testing.assert_array_equal(found[name], array)
    assert repo.status() == ""


@pytest.mark.slow
def test_criss_cross(repo: Repo) -> None:
    """Two merge bases, each of which has changes of both sides."""
    fork = Fork(repo, data(), data(l0=1.0), data(l1=1.0))
    repo.git("branch", "old-main")
    fork.merge()
    repo.git("checkout", "-q", "side")
    repo.git("merge", "-q", "-m", "crossed", "old-main")
    for branch, change in (("side", {"l2": 1.0, "l3": 1.0}), ("main", {"l3": 3.0, "l4": 1.0})):
        repo.git("checkout", "-q", branch)
        repo.write(NAME, data(l0=1.0, l1=1.0, **change))
        repo.commit("more")
    assert len(repo.git("merge-base", "--all", "main", "side").split()) == 2
    fork.merge()
    expected = weights(l0=1.0, l1=1.0, l2=1.0, l4=1.0)
    fork.check({**expected, "l3": average(weights(l3=1.0)["l3"], weights(l3=3.0)["l3"])})


def test_conflicts_leave_ours_and_have_a_hint(repo: Repo) -> None:
    fork = Fork(repo, data(), data(ids=1, l0=1.0), data(ids=2, l1=1.0))
    output = fork.merge(ok=False)
    assert "ids: changed on both sides, and I64 values aren't averaged" in output
    assert "git theta resolve m.safetensors" in output
    assert repo.read(NAME) == data(ids=1, l0=1.0)
    assert repo.status() == f"UU {NAME}\n"
    assert len(repo.git("ls-files", "-u").splitlines()) == 3
    assert "ids: changed on both sides" in repo.theta("status")
    refused = repo.git("add", NAME, ok=False)
    assert "git theta resolve" in refused
    assert repo.status() == f"UU {NAME}\n"


def test_resolving_step_by_step(repo: Repo) -> None:
    fork = Fork(repo, data(), data(ids=1, l0=1.0, l5=None), data(ids=2, l1=1.0, l5=1.0))
    fork.merge(ok=False)
    left = repo.theta("resolve", NAME, ok=False)
    assert "2 conflicts left" in left
    left = repo.theta("resolve", NAME, "-s", "theirs", "--param", "ids", ok=False)
    assert "1 conflict left" in left
    assert repo.status() == f"UU {NAME}\n"
    output = repo.theta("resolve", NAME, "-s", "ours")
    assert "Written and staged" in output
    assert repo.status() == f"M  {NAME}\n"
    repo.git("commit", "-q", "--no-edit")
    expected = weights(ids=2, l0=1.0, l1=1.0)
    del expected["l5"]
    fork.check(expected)


def test_a_whole_side_settles_a_conflict(repo: Repo) -> None:
    fork = Fork(repo, data(), data(ids=1), data(ids=2))
    fork.merge(ok=False)
    repo.git("checkout", "--theirs", "--", NAME)
    repo.git("add", NAME)
    repo.git("commit", "-q", "--no-edit")
    fork.check(weights(ids=2))


@pytest.mark.parametrize("threshold", ["1", "1g"])
@pytest.mark.parametrize(
    "command",
    mostly_slow(
        ["checkout -m --", "checkout --conflict=diff3 --", "restore --merge", "checkout --ours --"],
        quick=["checkout -m --", "checkout --ours --"],
    ),
)
def test_a_conflict_is_made_anew(repo: Repo, command: str, threshold: str) -> None:
    repo.git("config", "theta.materialiseThreshold", threshold)
    fork = Fork(repo, data(), data(ids=1), data(ids=2))
    fork.merge(ok=False)
    repo.git(*command.split(), NAME)
    assert repo.read(NAME) == data(ids=1)
    assert repo.status() == f"UU {NAME}\n"
    assert not (repo.path / ".git" / "index.lock").exists()
    if "ours" not in command:
        assert "git theta resolve" in repo.git("add", NAME, ok=False)


def test_ours_that_git_writes_anew_settles_a_conflict(repo: Repo) -> None:
    fork = Fork(repo, data(), data(ids=1), data(ids=2))
    fork.merge(ok=False)
    assert "git theta resolve" in repo.git("add", NAME, ok=False)
    # What is decided for one parameter stays beside what the file was.
    repo.theta("resolve", NAME, "-s", "theirs", "--param", "l0", ok=False)
    assert "git theta resolve" in repo.git("add", NAME, ok=False)
    time.sleep(0.02)  # Linux stamps files with the time of its last tick.
    repo.git("checkout", "--ours", "--", NAME)
    repo.git("add", ".")
    repo.git("commit", "-q", "--no-edit")
    fork.check(weights(ids=1))


def make_conflict(repo: Repo, command: str) -> None:
    """Have a command make a conflict, on `main` or, for a stash, on `side`."""
    Fork(repo, data(), data(ids=1), data(ids=2))
    if command == "stash pop":
        repo.write(NAME, data(ids=3))
        repo.git("stash")
        repo.git("reset", "-q", "--hard", "side")
    elif command == "checkout -q -m side":
        repo.write(NAME, data(ids=3))
    elif command == "am -3":
        (repo.path / ".git" / "side.patch").write_text(
            repo.git("format-patch", "-1", "--stdout", "--full-index", "side")
        )
        command = "am -3 .git/side.patch"
    repo.git(*command.split(), ok=False)
    assert repo.status() == f"UU {NAME}\n"


@pytest.mark.parametrize(
    ("take", "threshold"),
    [
        pytest.param(f"git checkout --ours -- {NAME}", "1", marks=pytest.mark.slow),
        (f"git checkout --ours -- {NAME}", "1g"),
        (f"git checkout-index -f --stage=2 -- {NAME}", "1"),
        pytest.param(
            f"git cat-file --filters :2:{NAME} > .git/ours && cp .git/ours {NAME}",
            "1g",
            marks=pytest.mark.slow,
        ),
    ],
)
@pytest.mark.parametrize(
    "command",
    mostly_slow(
        ["stash pop", "checkout -q -m side", "am -3", "rebase -q side", "cherry-pick side"],
        quick=["stash pop", "rebase -q side"],
    ),
)
def test_ours_settles_a_conflict_of_any_command(repo: Repo, command: str, take: str, threshold: str) -> None:
    repo.git("config", "theta.materialiseThreshold", threshold)
    make_conflict(repo, command)
    assert "git theta resolve" in repo.git("add", NAME, ok=False)
    time.sleep(0.02)
    repo.run("sh", "-c", take)
    ours = repo.read(NAME)
    repo.git("add", NAME)
    assert not repo.status().startswith("UU")
    assert repo.read(NAME) == ours


@pytest.mark.parametrize(
    "command",
    [
        ("merge", "side"),
        ("rebase", "-q", "main", "side"),
        pytest.param(("cherry-pick", "side"), marks=pytest.mark.slow),
        pytest.param(("stash", "pop"), marks=pytest.mark.slow),
        pytest.param(("checkout", "-q", "-m", "side"), marks=pytest.mark.slow),
    ],
    ids=lambda words: words[0],
)
def test_every_merge_with_conflicts_is_recorded(repo: Repo, command: tuple[str, ...]) -> None:
    Fork(repo, data(), data(ids=1), data(ids=2))
    if command[0] == "stash":
        repo.write(NAME, data(ids=3))
        repo.git("stash")
        repo.git("reset", "-q", "--hard", "side")
    if command[0] == "checkout":
        repo.write(NAME, data(ids=3))
    said = repo.git(*command, ok=False)
    # From git 2.55 on, `checkout -m` is a stash behind the scenes, whose messages Git drops.
    assert "aren't averaged" in said or "Your local changes are stashed" in said
    assert "ids: changed on both sides" in repo.theta("status")
    assert "git theta resolve" in repo.git("add", NAME, ok=False)


@pytest.mark.parametrize(
    "command",
    [pytest.param("merge-tree", marks=needs_git(*MERGE_TREE)), pytest.param("show", marks=needs_git(2, 35))],
)
def test_commands_that_only_look_at_a_merge_keep_the_decisions(repo: Repo, command: str) -> None:
    fork = Fork(repo, data(), data(ids=1, l0=1.0, l5=None), data(ids=2, l1=1.0, l5=1.0))
    # Another merge with conflicts, which is over.
    repo.git("checkout", "-q", "-b", "other")
    repo.git("merge", "-q", "-m", "joined", "-s", "ours", "side")
    joined = repo.git("rev-parse", "HEAD").strip()
    repo.git("checkout", "-q", "main")
    repo.write(NAME, data(ids=4, l0=1.0, l5=None))
    repo.commit("more")
    fork.merge(ok=False)
    repo.theta("resolve", NAME, "-s", "theirs", "--param", "ids", ok=False)
    words = {"merge-tree": ("--write-tree", "main~1", "side"), "show": ("--remerge-diff", joined)}
    output = repo.git(command, *words[command], ok=False)
    assert "aren't averaged" in output
    assert "git theta resolve" in repo.git("add", NAME, ok=False)
    repo.theta("resolve", NAME, "-s", "ours")
    repo.git("commit", "-q", "--no-edit")
    expected = weights(ids=2, l0=1.0, l1=1.0)
    del expected["l5"]
    fork.check(expected)


def test_an_octopus_of_plain_git_leaves_models(repo: Repo) -> None:
    fork = Fork(repo, data(), data(), data(l0=1.0))
    repo.git("checkout", "-q", "-b", "other")
    repo.write(NAME, data(l5=1.0))
    repo.commit()
    repo.git("checkout", "-q", "main")
    repo.git("merge", "-q", "-m", "octopus", "side", "other")
    fork.check(weights(l0=1.0, l5=1.0))


def test_another_file_settles_a_conflict(repo: Repo) -> None:
    fork = Fork(repo, data(), data(ids=1), data(ids=2))
    fork.merge(ok=False)
    repo.write(NAME, data(ids=7))
    repo.git("commit", "-q", "-a", "--no-edit")
    fork.check(weights(ids=7))


def test_resolve_keeps_other_work(repo: Repo) -> None:
    fork = Fork(repo, data(), data(ids=1), data(ids=2))
    fork.merge(ok=False)
    repo.write(NAME, data(ids=7))
    output = repo.theta("resolve", NAME, "-s", "ours", ok=False)
    assert "isn't ours as the merge left it" in output
    assert repo.read(NAME) == data(ids=7)


def test_versions_side_by_side(repo: Repo) -> None:
    fork = Fork(repo, data(), data(ids=1), data(ids=2))
    fork.merge(ok=False)
    repo.theta("resolve", NAME, "--versions")
    assert repo.read("m.base.safetensors") == data()
    assert repo.read("m.ours.safetensors") == data(ids=1)
    assert repo.read("m.theirs.safetensors") == data(ids=2)
    assert "exists already" in repo.theta("resolve", NAME, "--versions", ok=False)


def test_all_conflicts_are_listed_and_settled_at_once(repo: Repo) -> None:
    fork = Fork(repo, data(), data(ids=1), data(ids=2))
    for branch, text, number in (("side", b"theirs", 2), ("main", b"ours", 1)):
        repo.git("checkout", "-q", branch)
        repo.write("config.json", text)
        for name in ("a", "b"):
            repo.write(f"models/{name}.safetensors", safetensors_bytes({"w": np.array([number])}))
        repo.commit("more")
    fork.merge(ok=False)
    listed = repo.theta("resolve", ok=False)
    assert "m.safetensors: 1 conflict: git theta resolve m.safetensors -s ours" in listed
    assert "  ids: changed on both sides" in listed
    assert "config.json: no checkpoint: settle it as any file, then: git add config.json" in listed
    assert "which files?" in repo.theta("resolve", "-s", "ours", ok=False)
    assert "closest" in repo.theta("resolve", NAME, "-s", "ours", "--param", "idz", ok=False)
    before = repo.status()
    refused = repo.theta("resolve", "config.json", "-s", "ours", ok=False)
    assert "isn't a checkpoint" in refused
    assert "git checkout --ours -- config.json" in refused
    assert repo.status() == before
    repo.theta("resolve", "models", "-s", "theirs")
    assert repo.status() == f"AA config.json\nUU {NAME}\nM  models/a.safetensors\nM  models/b.safetensors\n"
    left = repo.theta("resolve", "--all", "-s", "ours", ok=False)
    assert "config.json: no checkpoint" in left
    repo.git("checkout", "--theirs", "config.json")
    repo.git("add", "config.json")
    assert "Nothing is in conflict" in repo.theta("resolve")
    assert "isn't in conflict" in repo.theta("resolve", NAME, "-s", "ours")
    assert "isn't in conflict" in repo.theta("resolve", "nonesuch", "-s", "ours", ok=False)
    repo.git("commit", "-q", "--no-edit")
    assert load(repo.read("models/b.safetensors"))["w"].tolist() == [2]
    fork.check(weights(ids=1))


def test_a_merge_warns_of_an_overflow(repo: Repo) -> None:
    repo.git("config", "theta.merge", "linear weights=1,1 normalize=false")
    made = [safetensors_bytes({"w": np.full(64, number, "f2")}) for number in (1, 40000, 30000)]
    fork = Fork(repo, made[0], made[1], made[2])
    assert "warning: w: of 64 elements in F16, 64 infinite, which no version has" in fork.merge()
    repo.git("reset", "-q", "--hard", "HEAD~1")
    repo.git("config", "theta.checkFinite", "refuse")
    assert "w: of 64 elements" in fork.merge(ok=False)
    repo.theta("resolve", NAME, "-s", "theirs")
    assert load(repo.read(NAME))["w"][0] == 30000


def test_an_aborted_merge_forgets_its_conflicts(repo: Repo) -> None:
    fork = Fork(repo, data(), data(ids=1), data(ids=2))
    fork.merge(ok=False)
    repo.git("merge", "--abort")
    repo.write(NAME, data(ids=1, l0=1.0))
    repo.git("add", NAME)
    repo.git("restore", "--staged", NAME)
    repo.git("checkout", "--", NAME)
    repo.git("add", NAME)
    assert "isn't in conflict" in repo.theta("resolve", NAME, ok=False)


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_the_option_x(fork: Fork, side: str) -> None:
    fork.merge(f"-X{side}")
    fork.check({**expected_merge(), "l0": weights(**(OURS if side == "ours" else THEIRS))["l0"]})


def test_rules_by_config_attribute_file_and_variable(fork: Fork) -> None:
    repo = fork.repo
    l0 = {"ours": weights(**OURS)["l0"], "theirs": weights(**THEIRS)["l0"]}

    def merged(env: Mapping[str, str] | None = None) -> NDArray[Any]:
        fork.merge(env=env)
        found = fork.loaded()["l0"]
        repo.git("reset", "-q", "--hard", "HEAD~1")
        return found

    repo.write(".git/info/attributes", b"*.safetensors theta-merge=theirs\n")
    np.testing.assert_array_equal(merged(), l0["theirs"])
    repo.write(".theta/config.toml", b'[[merge]]\nparameters = "l*"\nstrategy = "ours"\n')
    repo.commit("rules")
    np.testing.assert_array_equal(merged(), l0["ours"])
    repo.git("config", "theta.mergeRule", "theirs parameters=l0")
    np.testing.assert_array_equal(merged(), l0["theirs"])
    weighted = merged({"GIT_THETA_MERGE": "linear weights=0.25,0.75"})
    exact = 0.25 * l0["ours"].astype("f8") + 0.75 * l0["theirs"].astype("f8")
    np.testing.assert_array_equal(weighted, exact.astype("f4"))


def test_a_rule_that_is_wrong_stops_nothing_but_the_merge(fork: Fork) -> None:
    output = fork.merge(ok=False, env={"GIT_THETA_MERGE": "tise"})
    assert "GIT_THETA_MERGE: there's no merge strategy called 'tise'" in output
    assert fork.repo.read(NAME) == data(**OURS)
    fork.repo.git("merge", "--abort")
    assert fork.repo.status() == ""


def test_one_side_was_not_tracked_yet(tmp_path: Any) -> None:
    repo = Repo(tmp_path / "late")
    repo.path.mkdir()
    repo.git("init", "-q")
    fork = Fork(repo, data(), data(**OURS), data(**THEIRS))
    repo.theta("track", "*.safetensors")
    repo.git("add", "--renormalize", ".")
    repo.commit("tracked")
    fork.merge()
    fork.check(expected_merge())


def test_opaque_files(repo: Repo) -> None:
    for name, content in (("base", b"a" * 999), ("ours", b"b" * 999), ("theirs", b"c" * 999)):
        if name == "theirs":
            repo.git("checkout", "-q", "-b", "side", "HEAD~1")
        repo.write("x.pt", content)
        repo.commit(name)
    repo.git("checkout", "-q", "main")
    output = repo.git("merge", "side", ok=False)
    assert "not in a format that has parameters" in output
    assert repo.read("x.pt") == b"b" * 999
    repo.theta("resolve", "x.pt", "-s", "theirs")
    assert repo.read("x.pt") == b"c" * 999
    assert repo.status() == "M  x.pt\n"


def test_one_side_changed_the_format(repo: Repo) -> None:
    """A pickle's parts don't go into a safetensors file, but either file can be taken."""
    fork = Fork(repo, data(), data(l0=1.0), b"an opaque file")
    output = fork.merge(ok=False)
    assert "1 conflict" in output
    repo.theta("resolve", NAME, "-s", "ours")
    repo.git("commit", "-q", "--no-edit")
    fork.check(weights(l0=1.0))


def test_a_missing_object_is_a_conflict_that_says_so(fork: Fork) -> None:
    repo = fork.repo
    for path in repo.objects:
        os.chmod(path, 0o644)
        path.unlink()
    output = fork.merge(ok=False)
    assert "isn't in this repository's store" in output
    repo.git("merge", "--abort", ok=False)


def test_nan_results_are_stored_as_they_are(repo: Repo) -> None:
    ours, theirs = weights(), weights()
    ours["l0"][0, 0] = np.nan
    theirs["l0"][1, 1] = 7
    fork = Fork(repo, data(), safetensors_bytes(ours), safetensors_bytes(theirs))
    fork.merge()
    assert np.isnan(fork.loaded()["l0"][0, 0])
    assert "recipe" not in repo.theta("show", NAME)
    assert repo.status() == ""


@pytest.mark.slow
def test_the_merge_of_many_strategies_is_bit_exact(fork: Fork) -> None:
    for strategy in ("slerp", "ties density=0.5", "della seed=1"):
        fork.merge(env={"GIT_THETA_MERGE": strategy})
        assert fork.repo.status() == ""
        merged = fork.repo.read(NAME)
        fork.repo.git("checkout", "-q", "HEAD~1")
        fork.repo.git("checkout", "-q", "main")
        assert fork.repo.read(NAME) == merged
        fork.repo.git("reset", "-q", "--hard", "HEAD~1")


def test_resolve_keeps_their_mode(repo: Repo) -> None:
    fork = Fork(repo, data(), data(ids=1), data(ids=2))
    repo.git("checkout", "-q", "side")
    (repo.path / NAME).chmod(0o755)
    repo.git("commit", "-qam", "executable")
    repo.git("checkout", "-q", "-f", "main")
    fork.merge(ok=False)
    repo.theta("resolve", NAME, "-s", "theirs")
    assert repo.git("ls-files", "-s", NAME).startswith("100755")
    assert repo.git("diff", "--name-only") == ""
