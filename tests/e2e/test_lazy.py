"""Lazy clones fetch the objects that a show, load, merge or pull needs, and no others."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import git_theta
from git_theta.errors import MissingObjectError, ThetaError
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

NAME = "models/m.safetensors"
SMALL = "small.safetensors"
OLD = "models/old/o.safetensors"

_RANDOM = np.random.default_rng(5)

#: Large enough for an object each.
FIRST = {name: _RANDOM.standard_normal((700, 600)).astype("f4") for name in "abc"}
SECOND = {**FIRST, "a": FIRST["a"] + (_RANDOM.random((700, 600)) < 0.01).astype("f4")}
OURS = {**SECOND, "b": FIRST["b"] * np.float32(1.5)}
THEIRS = {**SECOND, "b": FIRST["b"] * np.float32(0.5), "c": FIRST["c"] + 1}
TINY = safetensors_bytes({"x": np.arange(9, dtype="f4")})
OTHER = safetensors_bytes({"y": np.arange(99, dtype="f4")})


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repo]:
    """A bare repository with a history; its objects are in the folder `server` beside it."""
    folder = tmp_path_factory.mktemp("origin")
    made = Repo(folder / "repo")
    made.path.mkdir()
    made.git("init", "-q")
    made.theta("track", "*.safetensors")
    made.git("init", "-q", "--bare", "../bare.git")
    made.git("remote", "add", "origin", "../bare.git")
    made.git("config", "theta.remote.origin.url", str(folder / "server"))
    made.write(NAME, safetensors_bytes(FIRST))
    made.write(SMALL, TINY)
    made.commit("first")
    made.write(NAME, safetensors_bytes(SECOND))
    made.write(OLD, OTHER)
    made.commit("second")
    made.git("checkout", "-q", "-b", "theirs")
    made.write(NAME, safetensors_bytes(THEIRS))
    made.commit("theirs")
    made.git("checkout", "-q", "-b", "ours", "main")
    made.write(NAME, safetensors_bytes(OURS))
    made.commit("ours")
    made.git("checkout", "-q", "main")
    made.git("push", "-q", "origin", "main", "ours", "theirs")
    yield made
    shutil.rmtree(folder)


@pytest.fixture
def lazy(origin: Repo, tmp_path: Path) -> Repo:
    """A lazy clone."""
    return clone(origin, tmp_path, "-c", "theta.fetch=lazy")


def clone(origin: Repo, folder: Path, *options: str) -> Repo:
    made = Repo(folder / "clone")
    server, bare = origin.path.parent / "server", origin.path.parent / "bare.git"
    output = Repo(folder).git(
        "clone", "-q", "-c", f"theta.remote.origin.url={server}", *options, str(bare), str(made.path)
    )
    assert output == ""
    return made


def here(repo: Repo) -> set[str]:
    return {path.name for path in repo.objects}


def needs(repo: Repo, rev: str, *names: str) -> set[str]:
    """Objects that parameters of the model need."""
    found = git_theta.manifest(repo.path / NAME, rev).by_name
    return {ref.oid for name in names for ref in found[name].source.payloads()}


def is_manifest(repo: Repo, name: str) -> bool:
    return repo.read(name).startswith(b"git-theta manifest")


def test_load_fetches_objects_of_one_parameter(lazy: Repo, capfd: pytest.CaptureFixture[str]) -> None:
    assert lazy.status() == ""
    assert here(lazy) == set()
    found = git_theta.load(lazy.path / NAME, "main~1", ["b"])
    assert np.array_equal(found["b"], FIRST["b"])
    assert here(lazy) == needs(lazy, "main~1", "b")
    assert len(here(lazy)) == 1
    # An update of a value needs that one too.
    assert len(needs(lazy, "main", "a") - needs(lazy, "main~1", "a")) == 1
    found = git_theta.load(lazy.path / NAME, params=["a"])
    assert np.array_equal(found["a"], SECOND["a"])
    assert here(lazy) == needs(lazy, "main", "a", "b")
    assert capfd.readouterr() == ("", "")
    assert is_manifest(lazy, NAME)


def test_load_where_theta_is_not_installed(
    origin: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    made = clone(origin, tmp_path)
    assert is_manifest(made, NAME)
    assert np.array_equal(git_theta.load(made.path / NAME, params="c")["c"], FIRST["c"])
    assert here(made) == needs(made, "main", "c")


def test_load_says_why_it_cannot(lazy: Repo) -> None:
    lazy.git("config", "theta.remote.origin.url", str(lazy.path / "nowhere" / "at all"))
    with pytest.raises(ThetaError, match="isn't there"):
        git_theta.load(lazy.path / NAME)
    lazy.git("config", "theta.remote.origin.url", str(lazy.path.parent))
    with pytest.raises(MissingObjectError, match="and 3 more, isn't at origin"):
        git_theta.load(lazy.path / NAME)
    lazy.git("remote", "remove", "origin")
    with pytest.raises(MissingObjectError, match="parameter 'a'"):
        git_theta.load(lazy.path / NAME, params="a")


def test_pull_writes_everything(lazy: Repo) -> None:
    output = lazy.theta("pull")
    assert "fetched " in output
    assert "3 files written." in output
    assert lazy.read(NAME) == safetensors_bytes(SECOND)
    assert lazy.read(SMALL) == TINY
    assert lazy.status() == ""
    assert lazy.theta("pull") == "Nothing to do.\n"


@pytest.mark.parametrize(
    ("below", "args", "expected"),
    [
        (".", ["--include", "small.*"], {SMALL}),
        (".", ["--include", "models/"], {NAME, OLD}),
        pytest.param(".", ["--include", "models/*.safetensors"], {NAME}, marks=pytest.mark.slow),
        (".", ["--include", "*.safetensors", "--exclude", "old"], {NAME, SMALL}),
        pytest.param(".", ["--exclude", "/models"], {SMALL}, marks=pytest.mark.slow),
        pytest.param(".", ["--include", "o.*", "--include", "s*"], {OLD, SMALL}, marks=pytest.mark.slow),
        (".", ["--exclude", "m.safetensors", "models"], {OLD}),
        ("models", ["--include", "small.*"], {SMALL}),
        ("models", ["old"], {OLD}),
    ],
)
def test_pull_chosen_files(lazy: Repo, below: str, args: list[str], expected: set[str]) -> None:
    Repo(lazy.path / below).theta("pull", *args)
    assert {name for name in (NAME, SMALL, OLD) if not is_manifest(lazy, name)} == expected
    manifests = (git_theta.manifest(lazy.path / name) for name in expected)
    assert here(lazy) == {oid for manifest in manifests for oid in manifest.oids()}
    assert lazy.status() == ""


def test_pull_parameters(lazy: Repo) -> None:
    output = lazy.theta("pull", "--params", "[bc]", "--include", "models/")
    assert "The objects of 2 parameters are here; git_theta.load reads them." in output
    assert "fetched 2 objects" in output
    assert here(lazy) == needs(lazy, "main", "b", "c")
    assert is_manifest(lazy, NAME)
    assert "fetched" not in lazy.theta("pull", "--params", "b", "models")


@pytest.mark.parametrize(
    ("args", "output"),
    [
        (["--include", "nonesuch"], "no tracked checkpoint matches"),
        (["--include", "/"], "isn't a pattern"),
        (["--params", "enc/*"], "there's no parameter 'enc/*'"),
        (["nonesuch"], "nonesuch has no tracked checkpoint"),
    ],
)
def test_pull_of_complete_or_unknown_files(lazy: Repo, args: list[str], output: str) -> None:
    done = lazy.run(sys.executable, "-m", "git_theta", "pull", *args, ok=False)
    assert done.returncode == 2
    assert output in done.stderr
    assert here(lazy) == set()


def test_pull_writes_files_whose_objects_are_here(lazy: Repo, tmp_path: Path, origin: Repo) -> None:
    (lost,) = git_theta.manifest(lazy.path / OLD).oids()
    shutil.copytree(origin.path.parent / "server", tmp_path / "server")
    (stored,) = (tmp_path / "server").glob(f"objects/*/*/{lost}")
    stored.unlink()
    lazy.git("config", "theta.remote.origin.url", str(tmp_path / "server"))
    done = lazy.run(sys.executable, "-m", "git_theta", "pull", ok=False)
    assert done.returncode == 1
    assert f"object {lost} isn't at origin" in done.stderr
    assert "1 file couldn't be written" in done.stderr
    assert "git theta checkout" not in done.stderr
    assert lazy.read(NAME) == safetensors_bytes(SECOND)
    assert is_manifest(lazy, OLD)


def test_checkout_fetches(lazy: Repo) -> None:
    assert "fetched 1 object" in lazy.theta("checkout", SMALL)
    assert lazy.read(SMALL) == TINY
    assert len(here(lazy)) == 1


def test_showing_values_fetches_them(lazy: Repo) -> None:
    assert "fetched 1 object" in lazy.theta("show", NAME, "--param", "c", "--values")
    assert here(lazy) == needs(lazy, "main", "c")
    output = lazy.theta("diff", "--stat-values", "main~1", "main", "--", NAME)
    assert "fetched 2 objects" in output
    assert "cos" in output
    assert here(lazy) == needs(lazy, "main", "c", "a")


def test_a_merge_fetches_the_values_that_it_combines(lazy: Repo) -> None:
    lazy.git("checkout", "-q", "ours")
    assert here(lazy) == set()
    output = lazy.git("merge", "-q", "-m", "both", "origin/theirs")
    assert output.count("fetched ") == 1
    layout = git_theta.manifest(lazy.path / NAME, "main").layout
    own = {ref.oid for ref in layout.source.payloads()}
    revs = ("main", "origin/ours", "origin/theirs")
    sides = {oid for rev in revs for oid in needs(lazy, rev, "b")}
    new = here(lazy) - sides - own
    # The average may be a recipe of what is there, or a value in an object.
    assert here(lazy) >= sides | own
    assert new <= needs(lazy, "HEAD", "b")
    assert needs(lazy, "main", "c").isdisjoint(here(lazy))
    assert lazy.status() == ""
    lazy.theta("pull", NAME)
    assert np.array_equal(git_theta.load(lazy.path / NAME, params="b")["b"], FIRST["b"])
    assert np.array_equal(git_theta.load(lazy.path / NAME, params="c")["c"], THEIRS["c"])
    assert lazy.status() == ""


def test_an_update_is_added_in_a_lazy_clone(lazy: Repo, tmp_path: Path) -> None:
    data = tmp_path / "given.safetensors"
    data.write_bytes(safetensors_bytes({"x": np.ones(9, "f4")}))
    lazy.theta("add", SMALL, "--update-type", "dense", "--update-data", str(data))
    assert lazy.read(SMALL) == safetensors_bytes({"x": np.ones(9, "f4")})


def test_the_next_remote_has_it(lazy: Repo, tmp_path: Path, origin: Repo) -> None:
    lazy.git("remote", "add", "backup", str(tmp_path))
    lazy.git("config", "theta.remote.backup.url", str(origin.path.parent / "server"))
    lazy.git("config", "theta.remote.origin.url", str(tmp_path / "nowhere" / "at all"))
    output = lazy.theta("fetch")
    assert "nowhere" not in output
    assert output.startswith("fetched ")


def test_an_unknown_remote(lazy: Repo) -> None:
    assert "there's no remote 'orign'" in lazy.theta("fetch", "--remote", "orign", ok=False)


def test_no_remote_has_it(lazy: Repo, tmp_path: Path) -> None:
    lazy.git("remote", "add", "backup", str(tmp_path / "empty"))
    (tmp_path / "empty").mkdir()
    lazy.git("config", "theta.remote.origin.url", str(tmp_path / "nowhere" / "at all"))
    done = lazy.run(sys.executable, "-m", "git_theta", "pull", SMALL, ok=False)
    assert "couldn't be fetched:\n" in done.stderr
    assert f"  origin: the folder {tmp_path / 'nowhere'} isn't there\n" in done.stderr
    assert "  backup: 1 not there\n" in done.stderr
    assert "network share" in done.stderr


def test_values_at_the_remote_are_not_stored_again(lazy: Repo) -> None:
    lazy.write(NAME, safetensors_bytes(SECOND))
    lazy.git("add", NAME)
    assert lazy.status() == ""
    assert here(lazy) == set()
    third = {**SECOND, "new": np.arange(300_000, dtype="f4")}
    lazy.write(NAME, safetensors_bytes(third))
    lazy.commit("more")
    assert len(here(lazy)) <= 2
    assert "sent" in lazy.git("push", "origin", "HEAD:more")
    lazy.git("config", "theta.fetch", "auto")
    (lazy.path / NAME).unlink()
    lazy.git("checkout", "--", NAME)
    assert lazy.read(NAME) == safetensors_bytes(third)
