"""A stranger's repository whose few bytes claim a huge value: each command says so at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from git_theta.model.digest import digest
from git_theta.model.layout import Layout, Placement
from git_theta.model.manifest import Entry, Manifest, ObjectRef, Source
from git_theta.model.tensor import TensorSpec
from git_theta.store.local import LocalStore
from git_theta.updates.dense import Dense
from tests.helpers.hostile import index, last_row
from tests.helpers.repo import Repo
from tests.helpers.small_models import NAME, A

#: The error for a value that takes years.
TOO_MUCH = r"decoding takes [0-9,]{20,} steps, and the limit for [0-9,]+ stored bytes is [0-9,]+"


def commit_manifest(repo: Repo, base_nbytes: int) -> None:
    """Commit a file of four bytes: the last row of a base of a size."""
    store = LocalStore(repo.path / ".git" / "theta")
    layout = Layout(4, (Placement("w", 0),), (), ()).to_bytes()
    spec = TensorSpec("U8", (len(layout),))
    oid = store.put(Dense().encode(memoryview(layout), spec))
    source = last_row(store, base_nbytes, index(store))
    manifest = Manifest(
        "safetensors",
        4,
        Entry("layout", spec, digest(memoryview(layout)), Source("dense", ObjectRef(oid))),
        (Entry("w", TensorSpec("F32", (1,)), "0" * 64, source),),
    )
    blob = repo.run("git", "hash-object", "-w", "--stdin", stdin=manifest.to_bytes()).stdout.strip()
    repo.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{NAME}")
    repo.git("commit", "-qm", f"a base of {base_nbytes} bytes")


@pytest.fixture(scope="module")
def hostile(tracked: Repo, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A model, and then one whose value would take years; the work tree has neither."""
    repo = tracked.copy(tmp_path_factory.mktemp("hostile") / "repo")
    repo.write(NAME, A)
    repo.commit("base")
    commit_manifest(repo, 1 << 50)
    (repo.path / NAME).unlink()
    return repo


def test_a_checkout_is_refused_with_the_reason_and_the_setting(hostile: Repo) -> None:
    done = hostile.run("git", "checkout", "--", NAME, ok=False)
    assert done.returncode != 0
    assert re.search(TOO_MUCH, done.stderr)
    assert "git config theta.maxWork" in done.stderr
    assert not (hostile.path / NAME).exists()
    hostile.git("checkout", "HEAD~", "--", NAME)
    assert hostile.read(NAME) == A
    hostile.git("reset", "-q")
    (hostile.path / NAME).unlink()


@pytest.mark.parametrize(
    "command",
    [
        ("show", NAME, "--param", "w"),
        ("show", NAME, "--param", "w", "--values"),
        ("diff", "--stat-values", "HEAD~", "HEAD"),
        ("checkout",),
        ("fsck",),
    ],
    ids=" ".join,
)
def test_commands_say_so(hostile: Repo, command: tuple[str, ...]) -> None:
    done = hostile.run_theta(*command, ok=command[0] in ("diff", "checkout"))
    assert "Traceback" not in done.stderr
    if not done.returncode:
        return
    assert re.search(TOO_MUCH, done.stdout + done.stderr)


def test_fsck_checks_the_other_values(hostile: Repo, tmp_path: Path) -> None:
    repo = hostile.copy(tmp_path / "repo")
    path = max(repo.objects, key=lambda path: path.stat().st_size)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-9] + bytes(9))
    said = repo.theta("fsck", ok=False)
    assert re.search(rf"parameter 'w': {TOO_MUCH}", said)
    assert said.count("parameter '") > 1


def test_a_clone_is_refused(hostile: Repo, tmp_path: Path) -> None:
    done = hostile.run("git", "clone", "-q", str(hostile.path), str(tmp_path / "clone"), ok=False)
    assert re.search(TOO_MUCH, done.stderr)


def test_more_is_allowed_by_a_setting(hostile: Repo, tmp_path: Path) -> None:
    repo = hostile.copy(tmp_path / "repo")
    commit_manifest(repo, 5 << 30)
    assert "decoding takes" in repo.theta("show", NAME, "--param", "w", ok=False)
    repo.git("config", "theta.maxWork", "1k")
    assert "theta.maxWork" in repo.theta("show", NAME, "--param", "w", ok=False)
