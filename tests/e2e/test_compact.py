"""Compact in real repositories: other sources for values, and what may be deleted then."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load

from git_theta.encoding.decode import read_value
from git_theta.errors import ThetaError
from git_theta.git.maintenance import compact as module
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.source_table import (
    FORMAT,
    REF,
    commit_table,
    read_table,
    table_parts,
)
from git_theta.model.manifest import Entry, Manifest, ObjectRef, Source
from git_theta.model.manifest_text import parse_manifest
from git_theta.store.local import LocalStore
from git_theta.updates import AUTO
from git_theta.updates.base import Base, Pieces
from git_theta.updates.delta import Delta
from tests.helpers.apart import FIRST, SECOND, check_out_versions, check_versions, make_apart, tuned
from tests.helpers.repo import Repo


def du(repo: Repo) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(repo.theta("du", "--json"))
    return found


def here(repo: Repo) -> set[str]:
    return {path.name for path in repo.objects}


def compact(repo: Repo, *args: str) -> Mapping[str, Any]:
    done: Mapping[str, Any] = json.loads(repo.theta("compact", "--json", *args))
    return done


def prune(repo: Repo, *args: str) -> Mapping[str, Any]:
    done: Mapping[str, Any] = json.loads(repo.theta("prune", "--json", "--recent", "0", *args))
    return done


def replaced(done: Mapping[str, Any]) -> set[str]:
    return {item["object"] for item in done["deleted"] if item["why"] == "replaced"}


def manifest(repo: Repo, revspec: str) -> Manifest:
    return parse_manifest(repo.run("git", "show", revspec).stdout.encode())


@pytest.fixture(scope="module")
def apart(tracked: Repo, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A repository of two families that were added apart."""
    return make_apart(tmp_path_factory.mktemp("apart"), tracked)


@pytest.fixture(scope="module")
def compacted(apart: Repo, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """The same one after a compact."""
    repo = apart.copy(tmp_path_factory.mktemp("compacted") / "repo")
    repo.theta("compact")
    return repo


@pytest.fixture(scope="module")
def pruned(compacted: Repo, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """The same one after a prune."""
    repo = compacted.copy(tmp_path_factory.mktemp("pruned") / "repo")
    repo.theta("prune", "--recent", "0")
    return repo


def test_a_dry_run_estimates_and_writes_nothing(apart: Repo, tmp_path: Path) -> None:
    repo = apart.copy(tmp_path / "repo")
    before = here(repo)
    done = compact(repo, "--dry-run")
    assert done["dry_run"]
    assert done["after"] <= 0.85 * done["before"]
    assert done["changed"] >= 2
    assert here(repo) == before
    assert not read_table(Git(repo.path)).commit
    said = repo.theta("compact", "--dry-run")
    assert "would get another source: about" in said


def test_a_family_that_was_added_apart_takes_less(apart: Repo, tmp_path: Path) -> None:
    repo = apart.copy(tmp_path / "repo")
    before, manifests = du(repo)["store"], repo.git("rev-parse", "HEAD")
    done = compact(repo)
    assert done["after"] <= 0.85 * done["before"]
    assert du(repo)["replaced"] > 0
    assert "Replaced by alternative sources: " in repo.theta("du")
    assert replaced(prune(repo, "--dry-run"))
    assert here(repo) >= replaced(prune(repo))
    usage = du(repo)
    assert usage["store"] <= 0.85 * before
    assert usage["stored"] <= 0.85 * before
    assert usage["replaced"] == 0
    assert repo.git("rev-parse", "HEAD") == manifests
    check_out_versions(repo)
    checked = json.loads(repo.theta("fsck", "--json"))
    assert checked["replaced"] >= 2
    assert checked["problems"] == checked["warnings"] == []
    assert compact(repo)["changed"] == 0
    assert replaced(prune(repo)) == set()


def test_commands_read_by_alternative_sources(pruned: Repo, tmp_path: Path) -> None:
    repo = pruned.copy(tmp_path / "repo")
    name = SECOND[0]
    assert repo.theta("status") == "a.safetensors: unmodified\nb.safetensors: unmodified\n"
    os.utime(repo.path / name)
    assert repo.status() == ""
    assert "1 file changed" in repo.theta("diff", "HEAD~1", "HEAD~0") or name in repo.theta("diff", "HEAD~2")
    assert "std" in repo.theta("show", f"HEAD:{name}", "--param", "q")
    repo.write(name, tuned(5))
    assert "q" in repo.theta("diff", name)
    repo.commit("tune 5")
    repo.git("checkout", "-q", "HEAD~1")
    assert repo.read(name) == tuned(3)
    repo.git("checkout", "-q", "main")
    assert repo.read(name) == tuned(5)
    # The new version is a delta of the one whose own objects are gone.
    assert {e.source.update for e in manifest(repo, f"HEAD:{name}").entries if e.name == "q"} == {"delta"}


def test_results_of_merges_stand_on_objects_that_are_here(pruned: Repo, tmp_path: Path) -> None:
    repo, name = pruned.copy(tmp_path / "repo"), SECOND[0]
    root = repo.git("log", "--reverse", "--format=%H", "--", name).split()[0]
    repo.git("checkout", "-q", "-b", "side", root)
    repo.write(name, tuned(7))
    repo.commit("tune 7")
    repo.git("checkout", "-q", "main")
    repo.theta("merge", "-s", "average", "side")
    merged = {entry.name: entry.source for entry in manifest(repo, f"HEAD:{name}").entries}
    assert merged["q"].update == "recipe"
    assert {ref.oid for ref in merged["q"].payloads()} <= here(repo)
    repo.theta("fsck")
    one, other, mean = (load(each)["q"] for each in (tuned(3), tuned(7), repo.read(name)))
    assert np.allclose(mean, (one.astype(float) + other) / 2, atol=1e-8)
    assert repo.status() == ""


def test_a_shorter_chain_for_those_who_read_often(apart: Repo, tmp_path: Path) -> None:
    repo = apart.copy(tmp_path / "repo")
    done = compact(repo, "--depth", "1")
    assert done["after"] > done["before"] / 2
    table = read_table(Git(repo.path))
    assert {entry.source.update for entry in table.entries.values()} == {"dense"}
    repo.theta("prune", "--recent", "0")
    check_versions(repo)


def test_nothing_to_gain(repo: Repo) -> None:
    assert compact(repo) == {
        "values": 0,
        "changed": 0,
        "before": 0,
        "after": 0,
        "new": 0,
        "commit": "",
        "dry_run": False,
    }
    for seed in (0, 1):
        repo.write("m.safetensors", tuned(seed))
        repo.commit(f"tune {seed}")
    before = here(repo)
    assert "nothing to gain by other bases" in repo.theta("compact")
    assert here(repo) == before


_KILLED = """
import os, signal, sys
from git_theta.cli import main
from importlib import import_module
module, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
owner = import_module(module)
*path, last = name.split(".")
for part in path:
    owner = getattr(owner, part)
real, calls = getattr(owner, last), 0
def kill(*args, **kwargs):
    global calls
    calls += 1
    if calls == count:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*args, **kwargs)
setattr(owner, last, kill)
sys.exit(main(sys.argv[4:]))
"""


def killed(repo: Repo, module: str, name: str, count: int, *args: str) -> None:
    """Run a command that's killed when it calls a function the count-th time."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_KILLED), module, name, str(count), *args],
        cwd=repo.path,
        capture_output=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize(
    ("module", "name", "count"),
    [
        pytest.param("git_theta.store.object_folder", "commit_object", 1, marks=pytest.mark.slow),
        pytest.param("git_theta.replanning.new_sources", "copy_payloads", 1, marks=pytest.mark.slow),
        pytest.param("git_theta.git.maintenance.compact", "verified", 1, marks=pytest.mark.slow),
        pytest.param("git_theta.git.repository.new_source_table", "commit_table", 1, marks=pytest.mark.slow),
        ("git_theta.git.maintenance.compact", "move_ref", 1),
    ],
)
def test_a_killed_compact_loses_nothing(
    apart: Repo, tmp_path: Path, module: str, name: str, count: int
) -> None:
    repo = apart.copy(tmp_path / "repo")
    before = here(repo)
    killed(repo, module, name, count, "compact")
    assert before <= here(repo)
    assert not read_table(Git(repo.path)).commit
    repo.theta("fsck")
    assert compact(repo)["changed"]
    assert replaced(prune(repo))
    check_versions(repo)


@pytest.mark.parametrize(
    ("name", "count"),
    [("Quarantine.take", 1), ("Quarantine.drop", 1)],
)
def test_a_killed_prune_loses_nothing(compacted: Repo, tmp_path: Path, name: str, count: int) -> None:
    repo = compacted.copy(tmp_path / "repo")
    killed(repo, "git_theta.store.quarantine", name, count, "prune", "--recent", "0")
    repo.theta("fsck")
    check_versions(repo)
    repo.theta("prune", "--recent", "0")
    check_versions(repo)
    assert du(repo)["replaced"] == 0


def test_of_two_at_once_one_begins_again(
    apart: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = apart.copy(tmp_path / "repo")
    real = module.write_table

    def slow(*args: Any) -> str:
        monkeypatch.setattr(module, "write_table", real)
        module.compact(Repository(Git(repo.path)), AUTO)
        return real(*args)

    monkeypatch.setattr(module, "write_table", slow)
    with pytest.raises(ThetaError, match="another command changed refs/theta/sources"):
        module.compact(Repository(Git(repo.path)), AUTO)
    monkeypatch.undo()
    assert replaced(prune(repo))
    check_versions(repo)


def test_an_object_that_a_running_command_claims_stays(compacted: Repo, tmp_path: Path) -> None:
    repo = compacted.copy(tmp_path / "repo")
    store = Repository(Git(repo.path)).store
    (oid, *_) = replaced(prune(repo, "--dry-run"))
    assert store.claim(oid)
    from git_theta.git.maintenance.prune import PruneOptions
    from git_theta.git.maintenance.prune import prune as run

    done = run(Repository(Git(repo.path)), PruneOptions("", 0, lock_timeout=0))
    assert {str(fate) for item, fate in done.kept if item.oid == oid} == {
        "perhaps needed by a running command"
    }
    store.claims.release()
    assert oid in replaced(prune(repo))


def write_lines(repo: Repo, sources: Mapping[str, Source], known: Mapping[str, Entry]) -> None:
    """Replace the table by one of other lines, as somebody else might."""
    git = Git(repo.path)
    made = [Entry(digest, known[digest].spec, digest, source) for digest, source in sources.items()]
    layout = manifest(repo, f"{REF}:000").layout
    parts = [Manifest(FORMAT, each.size, layout, part) for each, part in table_parts(made)]
    repo.git("update-ref", REF, commit_table(git, parts, [], "hostile"))


@pytest.mark.parametrize("kind", ["another value", "unknown update", "missing", "huge", "damaged payload"])
def test_lines_that_are_wrong_delete_nothing(compacted: Repo, tmp_path: Path, kind: str) -> None:
    repo = compacted.copy(tmp_path / "repo")
    table = read_table(Git(repo.path))
    (first, *_) = table.sources.values()
    store = Repository(Git(repo.path)).store
    wrong = {
        "another value": manifest(repo, f"HEAD:{FIRST[0]}").by_name["bias"].source,
        "unknown update": Source("nonesuch", first.payload, first.inputs),
        "missing": Source("dense", ObjectRef("e" * 64)),
        "huge": Source("recipe", first.payload, (first,) * 60),
        "damaged payload": Source("dense", ObjectRef(store.put([b"nothing"]))),
    }[kind]
    before = here(repo)
    write_lines(repo, dict.fromkeys(table.sources, wrong), table.entries)
    assert replaced(prune(repo)) == set()
    assert here(repo) == before
    check_versions(repo)
    checked = repo.run_theta("fsck")
    assert ("lack objects here; own ones are used" in checked.stdout) == (kind == "missing")
    assert ("warning: the alternative source isn't used" in checked.stderr) == (kind != "missing")


def test_what_stands_on_each_other_in_a_circle_stays(compacted: Repo, tmp_path: Path) -> None:
    repo = compacted.copy(tmp_path / "repo")
    store = Repository(Git(repo.path)).store
    one, other = (
        {e.name: e for e in manifest(repo, f"{root}:{path}").entries}["q"]
        for path, _ in (FIRST, SECOND)
        for root in repo.git("log", "--format=%H", "--", path).split()[-1:]
    )
    lines = {}
    for entry, base in ((one, other), (other, one)):
        assert entry.source.update == "dense"
        value = memoryview(b"".join(map(bytes, read_value(entry, store))))
        payload = Delta().encode(value, entry.spec, Base(entry.spec, partial(read_any, base, store)))
        lines[entry.digest] = Source("delta", ObjectRef(store.put(map(bytes, payload))), (base.source,))
    write_lines(repo, lines, {one.digest: one, other.digest: other})
    assert replaced(prune(repo)) == set()
    assert all(store.keeps(ref.oid) for each in (one, other) for ref in each.source.payloads())
    check_versions(repo)
    assert "2 other alternative sources checked" in repo.theta("fsck")


def read_any(entry: Entry, store: LocalStore, _nbytes: int) -> Pieces:
    return read_value(entry, store)


def test_a_damaged_manifest_keeps_its_objects(compacted: Repo, tmp_path: Path) -> None:
    repo = compacted.copy(tmp_path / "repo")
    expected = replaced(prune(repo, "--dry-run"))
    kept = min(expected)
    text = f"git-theta manifest 1\nformat x\n{kept}\n".encode()
    repo.run("git", "hash-object", "-w", "--stdin", stdin=text)
    assert replaced(prune(repo)) == expected - {kept}
    check_versions(repo)


def test_a_shallow_clone_keeps_what_others_may_need(compacted: Repo, tmp_path: Path) -> None:
    repo = Repo(tmp_path / "shallow")
    compacted.git("clone", "-q", "--depth", "1", f"file://{compacted.path}", str(repo.path))
    repo.theta("fetch", "--all")
    assert read_table(Git(repo.path)).commit
    assert replaced(prune(repo)) == set()
    assert repo.read(SECOND[0]) == tuned(SECOND[1][-1])


@pytest.fixture
def remote(compacted: Repo, tmp_path: Path) -> tuple[Repo, Path]:
    """A compacted repository with a bare remote, and the place of its objects, which isn't a neighbour."""
    repo = compacted.copy(tmp_path / "repo")
    repo.git("init", "-q", "--bare", str(tmp_path / "bare.git"))
    repo.git("remote", "add", "origin", str(tmp_path / "bare.git"))
    repo.git("config", "theta.remote.origin.url", str(tmp_path / "server"))
    return repo, tmp_path / "server"


def clone(tmp_path: Path, name: str = "clone", *options: str) -> Repo:
    made = Repo(tmp_path / name)
    settings = ("-c", f"theta.remote.origin.url={tmp_path / 'server'}")
    subprocess.run(
        ["git", "clone", "-q", *options, *settings, str(tmp_path / "bare.git"), str(made.path)], check=True
    )
    return made


def test_own_objects_stay_until_they_are_pushed(remote: tuple[Repo, Path], tmp_path: Path) -> None:
    repo, _ = remote
    expected = replaced(prune(repo, "--dry-run", "--no-verify-remote"))
    assert expected == set()
    repo.git("push", "-q", "origin", "main")
    assert replaced(prune(repo))
    check_versions(repo)
    # The remote is complete without the table.
    other = clone(tmp_path)
    assert not read_table(Git(other.path)).commit
    check_out_versions(other)
    repo.theta("fsck", "--remote", "origin")


def test_the_table_goes_to_other_clones(remote: tuple[Repo, Path], tmp_path: Path) -> None:
    repo, server = remote
    repo.git("push", "-q", "origin", "main")
    repo.git("push", "-q", "origin", REF)
    other = clone(tmp_path, "lazy", "-c", "theta.fetch=lazy")
    other.theta("fetch", "--all")
    assert read_table(Git(other.path)).commit == read_table(Git(repo.path)).commit
    # Less is fetched than there is.
    assert len(here(other)) < sum(path.is_file() for path in (server / "objects").rglob("*"))
    assert du(other)["stored"] <= 0.85 * du(repo)["stored"]
    other.theta("pull")
    assert other.read(SECOND[0]) == tuned(SECOND[1][-1])


def test_a_remote_gets_the_table_where_own_objects_are_gone(pruned: Repo, tmp_path: Path) -> None:
    repo = pruned.copy(tmp_path / "repo")
    repo.git("init", "-q", "--bare", str(tmp_path / "bare.git"))
    repo.git("remote", "add", "origin", str(tmp_path / "bare.git"))
    repo.git("config", "theta.remote.origin.url", str(tmp_path / "server"))
    assert f"sent {REF}, too" in repo.git("push", "-q", "origin", "main")
    other = clone(tmp_path)
    assert read_table(Git(other.path)).commit == read_table(Git(repo.path)).commit
    check_out_versions(other)
    repo.theta("fsck", "--remote", "origin")
    other.theta("fsck")


@pytest.mark.slow
def test_a_clone_on_this_machine_reads_by_the_table(pruned: Repo, tmp_path: Path) -> None:
    for options in ((), ("--shared",)):
        other = Repo(tmp_path / f"clone{len(options)}")
        subprocess.run(["git", "clone", "-q", *options, str(pruned.path), str(other.path)], check=True)
        check_out_versions(other)


@pytest.mark.slow
def test_a_repository_that_borrows_reads_by_the_table(compacted: Repo, tmp_path: Path) -> None:
    lender, other = compacted.copy(tmp_path / "lender"), Repo(tmp_path / "borrower")
    options = ("--shared", "--no-checkout")
    subprocess.run(["git", "clone", "-q", *options, str(lender.path), str(other.path)], check=True)
    other.git("remote", "remove", "origin")
    other.git("branch", "-q", "main", "HEAD", ok=False)
    assert replaced(prune(lender))
    other.git("checkout", "-q", "main")
    check_out_versions(other)


def test_tables_of_two_clones_become_one(remote: tuple[Repo, Path], tmp_path: Path) -> None:
    repo, _ = remote
    repo.git("push", "-q", "origin", "main", REF)
    other = clone(tmp_path)
    other.theta("fetch", "--all")
    shutil.rmtree(other.path / ".git" / "refs" / "theta")
    other.git("pack-refs", "--all")
    assert compact(other, "--depth", "1")["changed"]
    ours = read_table(Git(other.path)).sources
    other.theta("fetch")
    merged = read_table(Git(other.path))
    assert merged.sources.keys() == ours.keys() | read_table(Git(repo.path)).sources.keys()
    parents = other.git("rev-list", "--parents", "-n1", REF).split()
    assert read_table(Git(repo.path)).commit in parents
    other.git("push", "-q", "origin", REF)
    repo.theta("fetch")
    # Each clone keeps the sources whose objects it has.
    assert read_table(Git(repo.path)).sources.keys() == merged.sources.keys()
    repo.git("push", "-q", "origin", REF)
    check_versions(other)
    check_versions(repo)
