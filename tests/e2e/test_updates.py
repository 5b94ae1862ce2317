"""Updates with real Git: a fine-tune is stored as a difference, and every command still gives exact bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import parse_manifest
from git_theta.model.tensor import TensorSpec
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo
from tests.helpers.variants import mostly_slow
from tests.helpers.weights import merged, pruned, trained, tuned

NAME = "m.safetensors"
SPEC = TensorSpec("F32", (256, 256))
NAMES = ("layer.0.weight", "layer.1.weight")
WEIGHTS = [trained(SPEC, seed) for seed in range(len(NAMES))]


def model(values: list[bytes], **more: bytes) -> bytes:
    """A checkpoint of these matrices."""
    named = dict(zip(NAMES, values, strict=True)) | more
    return safetensors_bytes(
        {name: np.frombuffer(one, "<f4").reshape(SPEC.shape) for name, one in named.items()}
    )


def fine_tune(values: list[bytes], seed: int) -> list[bytes]:
    return [tuned(value, SPEC, seed=seed) for value in values]


BASE = model(WEIGHTS)
ONCE = model(fine_tune(WEIGHTS, 5))
TWICE = model(fine_tune(fine_tune(WEIGHTS, 5), 6))
OTHER = model(fine_tune(WEIGHTS, 7))


@pytest.fixture(scope="module", params=["inline", pytest.param("materialised", marks=pytest.mark.slow)])
def original(tracked: Repo, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Repo:
    """main: BASE, ONCE, TWICE. Large files are either above or below the threshold."""
    repo = tracked.copy(tmp_path_factory.mktemp("original") / "repo")
    repo.git("config", "theta.materialiseThreshold", "1k" if request.param == "materialised" else "1g")
    for data in (BASE, ONCE, TWICE):
        repo.write(NAME, data)
        repo.commit()
    return repo


@pytest.fixture
def history(original: Repo, tmp_path: Path) -> Repo:
    """A copy of that."""
    return original.copy(tmp_path / "repo")


def manifest(repo: Repo, version: str = f":{NAME}") -> Manifest:
    return parse_manifest(repo.git("cat-file", "-p", version).encode())


def kinds(repo: Repo, version: str = f":{NAME}") -> set[str]:
    return {entry.source.update for entry in manifest(repo, version).entries}


def check(repo: Repo, data: bytes, name: str = NAME) -> None:
    """The work tree has these bytes; Git agrees that nothing changed, also where it looks again."""
    assert repo.read(name) == data
    assert repo.status() == ""
    (repo.path / ".git" / "theta" / "cache.sqlite").unlink(missing_ok=True)
    (repo.path / name).touch()
    assert repo.status() == ""


def stored(repo: Repo) -> int:
    return sum(path.stat().st_size for path in repo.objects)


def test_a_fine_tune_is_a_delta_and_both_versions_come_back(history: Repo) -> None:
    assert kinds(history, f"HEAD~2:{NAME}") == {"dense"}
    assert kinds(history, f"HEAD~1:{NAME}") == kinds(history) == {"delta"}
    assert stored(history) < 0.7 * (len(BASE) + len(ONCE) + len(TWICE))
    check(history, TWICE)
    for target, data in (("HEAD~2", BASE), ("main", TWICE), ("HEAD~1", ONCE)):
        history.git("checkout", "-q", target)
        check(history, data)
    assert "problem" not in history.theta("fsck")


@pytest.mark.parametrize(
    ("after", "kind"),
    [
        ([merged(WEIGHTS[0], SPEC, 2), WEIGHTS[1]], "low-rank"),
        ([pruned(WEIGHTS[0], SPEC, 0.02), WEIGHTS[1]], "sparse"),
        ([trained(SPEC, 99), WEIGHTS[1]], "dense"),
    ],
    ids=["low-rank", "sparse", "unrelated"],
)
def test_each_change_is_stored_as_the_fitting_update(repo: Repo, after: list[bytes], kind: str) -> None:
    repo.write(NAME, BASE)
    repo.commit()
    unchanged = manifest(repo).by_name[NAMES[1]]
    repo.write(NAME, model(after))
    repo.commit()
    entries = manifest(repo).by_name
    assert entries[NAMES[0]].source.update == kind
    assert entries[NAMES[1]] == unchanged
    (repo.path / NAME).unlink()
    repo.git("checkout", "--", NAME)
    check(repo, model(after))


def test_going_back_costs_nothing(history: Repo) -> None:
    before = stored(history)
    history.write(NAME, BASE)
    history.commit("back")
    assert manifest(history) == manifest(history, f"HEAD~3:{NAME}")
    assert stored(history) == before


def test_the_attribute_limits_updates(repo: Repo) -> None:
    repo.theta("track", "--update", "dense", "opt*.safetensors")
    for name, kind in (("optimizer.safetensors", "dense"), (NAME, "delta")):
        for data in (BASE, ONCE):
            repo.write(name, data)
            repo.git("add", name)
        assert kinds(repo, f":{name}") == {kind}
        repo.git("commit", "-q", "-m", name)
        repo.git("rm", "-q", name)
        # So that the values aren't simply known.
        for path in repo.objects:
            path.unlink()
        (repo.path / ".git" / "theta" / "cache.sqlite").unlink()


@pytest.mark.parametrize(
    ("spec", "kind"),
    [("dense", "dense"), ("sparse", "dense"), ("low-rank,delta", "delta"), ("auto", "delta")],
)
def test_the_setting_limits_updates(repo: Repo, spec: str, kind: str) -> None:
    repo.git("config", "theta.update", spec)
    for data in (BASE, ONCE):
        repo.write(NAME, data)
        repo.git("add", NAME)
    assert kinds(repo) == {kind}


def test_the_attribute_is_stronger_than_the_setting(repo: Repo) -> None:
    repo.git("config", "theta.update", "dense")
    repo.theta("track", "--update", "auto", "*.safetensors")
    for data in (BASE, ONCE):
        repo.write(NAME, data)
        repo.git("add", NAME)
    assert kinds(repo) == {"delta"}


def allow(repo: Repo, where: str, updates: str) -> None:
    """Say in git config or in an attribute as which updates changed parameters may be stored."""
    if where == "setting":
        repo.git("config", "theta.update", updates)
    else:
        repo.write(".git/info/attributes", f"*.safetensors theta-update={updates}\n".encode())


@pytest.mark.parametrize("where", ["setting", "attribute"])
def test_an_update_that_is_never_chosen_stages_nothing(repo: Repo, where: str) -> None:
    repo.write(NAME, BASE)
    repo.commit()
    before = repo.git("ls-files", "-s")
    allow(repo, where, "delta,quantized")
    repo.write(NAME, ONCE)
    done = repo.run("git", "add", NAME, ok=False)
    assert done.returncode != 0
    assert "git add never chooses 'quantized'" in done.stderr
    assert "Traceback" not in done.stderr
    assert repo.git("ls-files", "-s") == before
    # What is stored already can still be checked out.
    (repo.path / NAME).unlink()
    repo.git("checkout", "--", NAME)
    assert repo.read(NAME) == BASE


@pytest.mark.parametrize("where", ["setting", "attribute"])
def test_an_update_that_is_not_installed_is_left_out_with_a_note(repo: Repo, where: str) -> None:
    repo.write(NAME, BASE)
    repo.commit()
    allow(repo, where, "nonesuch,delta")
    repo.write(NAME, ONCE)
    output = repo.git("add", NAME)
    assert output.startswith(f"git-theta: {NAME}: stored without an update that ")
    assert "there's no update called 'nonesuch'; known: dense, delta" in output
    assert kinds(repo) == {"delta"}


@pytest.mark.parametrize("depth", mostly_slow(["1", "2", "3"], quick=["2"]))
def test_chains_are_as_deep_as_the_setting_says(repo: Repo, depth: str) -> None:
    repo.git("config", "theta.maxDepth", depth)
    value = WEIGHTS
    for seed in range(5):
        repo.write(NAME, model(value))
        repo.commit()
        value = fine_tune(value, seed)
    deepest = max(entry.source.depth for entry in manifest(repo).entries)
    assert deepest == int(depth)


@pytest.mark.parametrize("depth", ["0", "many", "100"])
def test_an_invalid_depth_is_named(repo: Repo, depth: str) -> None:
    repo.git("config", "theta.maxDepth", depth)
    repo.write(NAME, BASE)
    assert f"theta.maxDepth is {depth!r}" in repo.git("add", NAME, ok=False)


def test_a_fine_tune_under_another_name_is_a_delta_of_its_base(repo: Repo) -> None:
    repo.write("base.safetensors", BASE)
    repo.write("strange.safetensors", model([trained(SPEC, seed) for seed in (50, 51)]))
    repo.commit()
    repo.write("sub/tuned.safetensors", ONCE)
    repo.commit()
    version = ":sub/tuned.safetensors"
    assert kinds(repo, version) == {"delta"}
    bases = {entry.source.inputs[0] for entry in manifest(repo, version).entries}
    assert bases == {entry.source for entry in manifest(repo, ":base.safetensors").entries}
    repo.git("rm", "-q", "base.safetensors")
    repo.git("commit", "-q", "-m", "the base is gone")
    (repo.path / "sub/tuned.safetensors").unlink()
    repo.git("checkout", "--", "sub/tuned.safetensors")
    check(repo, ONCE, "sub/tuned.safetensors")


def test_base_and_fine_tune_in_one_add(repo: Repo) -> None:
    repo.write("a.safetensors", BASE)
    repo.write("b.safetensors", ONCE)
    repo.commit()
    assert sorted(kinds(repo, f":{name}.safetensors") == {"delta"} for name in "ab") == [False, True]


def test_renamed_parameters_find_their_bases(repo: Repo) -> None:
    repo.write(NAME, BASE)
    repo.commit()
    arrays = {
        f"model.{name}": np.frombuffer(value, "<f4").reshape(SPEC.shape)
        for name, value in zip(NAMES, fine_tune(WEIGHTS, 5), strict=True)
    }
    repo.write(NAME, safetensors_bytes(arrays))
    repo.commit()
    assert kinds(repo) == {"delta"}


def test_rows_that_were_added_cost_themselves(repo: Repo) -> None:
    repo.write(NAME, BASE)
    repo.commit()
    before = stored(repo)
    grown = np.concatenate([np.frombuffer(WEIGHTS[0], "<f4").reshape(SPEC.shape), np.ones((4, 256), "f4")])
    other = np.frombuffer(WEIGHTS[1], "<f4").reshape(SPEC.shape)
    data = safetensors_bytes({NAMES[0]: grown, NAMES[1]: other})
    repo.write(NAME, data)
    repo.commit()
    assert manifest(repo).by_name[NAMES[0]].source.update == "rows"
    assert stored(repo) - before < 2000
    (repo.path / NAME).unlink()
    repo.git("checkout", "--", NAME)
    check(repo, data)


def test_stash(history: Repo) -> None:
    history.write(NAME, OTHER)
    history.git("stash")
    check(history, TWICE)
    history.git("stash", "pop")
    assert history.read(NAME) == OTHER
    assert history.status() == f" M {NAME}\n"


def test_rebase_cherry_pick_and_revert(history: Repo) -> None:
    history.git("checkout", "-q", "-b", "text", "main~1")
    history.write("notes.txt", b"more\n")
    history.commit("text")
    history.git("rebase", "-q", "main")
    check(history, TWICE)
    history.git("checkout", "-q", "-b", "other", "main~2")
    history.write("other.safetensors", OTHER)
    history.commit("other")
    history.git("rebase", "-q", "main")
    check(history, OTHER, "other.safetensors")
    check(history, TWICE)
    history.git("revert", "--no-edit", "main")
    check(history, ONCE)
    history.git("cherry-pick", "main")
    check(history, TWICE)


def test_squash_and_prune_leave_needed_objects(history: Repo) -> None:
    history.git("reset", "-q", "--soft", "HEAD~2")
    history.git("commit", "-q", "--amend", "-m", "all in one")
    history.git("reflog", "expire", "--expire=now", "--all")
    history.git("gc", "-q", "--prune=now")
    (history.path / NAME).unlink()
    history.git("checkout", "--", NAME)
    check(history, TWICE)


def test_a_clone_gets_the_bases_too(history: Repo, tmp_path: Path) -> None:
    clone = Repo(tmp_path / "clone")
    history.git("clone", "-q", "--no-local", str(history.path), str(clone.path))
    clone.git("config", "theta.materialiseThreshold", "1g")
    check(clone, TWICE)
    for target, data in (("HEAD~2", BASE), ("main~1", ONCE)):
        clone.git("checkout", "-q", target)
        check(clone, data)


def test_a_shallow_clone_needs_no_history(history: Repo, tmp_path: Path) -> None:
    clone = Repo(tmp_path / "clone")
    history.git("clone", "-q", "--depth", "1", f"file://{history.path}", str(clone.path))
    check(clone, TWICE)


def test_a_lost_delta_comes_back_under_its_name(history: Repo) -> None:
    base = {
        ref.oid
        for entry in manifest(history, f"HEAD~2:{NAME}").all_entries()
        for ref in entry.source.payloads()
    }
    for path in history.objects:
        if path.name not in base:
            path.unlink()
    done = history.run_theta("fsck", ok=False)
    assert done.returncode != 0
    (history.path / ".git" / "theta" / "cache.sqlite").unlink()
    for data in (ONCE, TWICE):
        history.write(NAME, data)
        history.git("add", NAME)
    assert history.status() == ""
    assert "problem" not in history.theta("fsck")
