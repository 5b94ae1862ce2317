from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo
from tests.helpers.small_history import FIRST, NAME, SECOND, Json
from tests.helpers.small_models import NAME as MODEL
from tests.helpers.small_models import A, B, model


def fsck(repo: Repo, *args: str) -> CompletedProcess[str]:
    done = repo.run(sys.executable, "-m", "git_theta", "fsck", *args, ok=False)
    assert "Traceback" not in done.stderr
    return done


def test_an_intact_repository(history: Repo, report: Json) -> None:
    assert report(history, "fsck") == {
        "versions": 2,
        "values": 5,
        "objects": len(history.objects),
        "unreferenced": 0,
        "elsewhere": 0,
        "borrowed": 0,
        "swept": 0,
        "damaged": [],
        "missing": [],
        "problems": [],
        "replaced": 0,
        "alternatives": 0,
        "incomplete": 0,
        "warnings": [],
    }
    assert report(history, "fsck", "HEAD~1")["versions"] == 1
    assert "checked" in history.theta("fsck")


def test_a_missing_object_is_named_with_its_parameters(history: Repo, report: Json) -> None:
    (small,) = (p for p in report(history, "show", f"HEAD~1:{NAME}")["parameters"] if p["name"] == "small")
    (path,) = (path for path in history.objects if path.name in small["source"])
    path.unlink()
    done = fsck(history)
    assert done.returncode == 6
    for part in (NAME, history.git("rev-parse", "HEAD~1")[:10], "'small'", path.name):
        assert part in done.stderr
    assert fsck(history, "HEAD~1").returncode == 6
    assert "copy the objects" in done.stderr
    assert fsck(history, "--repair").returncode == 6
    assert report(history, "show", f"HEAD~1:{NAME}")


def test_a_missing_object_is_reported_once_for_each_version(repo: Repo) -> None:
    repo.write("m.safetensors", safetensors_bytes({f"layer{i}": np.full(9, i, "f4") for i in range(9)}))
    repo.commit("one")
    (path,) = repo.objects
    path.unlink()
    done = fsck(repo)
    assert done.returncode == 6
    assert done.stderr.count(path.name) == 1
    assert "parameters 'layout', 'layer0', 'layer1', and 7 more: object" in done.stderr
    assert "1 problem found" in done.stderr


def test_versions_in_the_reflog_alone_are_checked(history: Repo, report: Json) -> None:
    history.git("reset", "-q", "--hard", "HEAD~1")
    assert report(history, "fsck")["versions"] == 2
    history.git("reflog", "expire", "--expire=now", "--all")
    found = report(history, "fsck")
    assert (found["versions"], found["problems"]) == (1, [])
    assert found["unreferenced"] == 1
    assert "1 object named by no version; it does no harm." in history.theta("fsck")


def test_versions_in_the_index_alone_are_checked(history: Repo, report: Json) -> None:
    history.write("x.bin", b"something")
    history.git("add", "x.bin")
    assert report(history, "fsck")["versions"] == 3


def test_a_damaged_manifest(history: Repo) -> None:
    text = history.run("git", "show", f":{NAME}").stdout
    history.write("typo.safetensors", text.replace(" F32 ", " F33 ").encode())
    lines = [line for line in text.splitlines(keepends=True) if not line.startswith("small ")]
    history.write("short.safetensors", "".join(lines).encode())
    history.commit()
    done = fsck(history)
    assert done.returncode == 6
    assert "typo.safetensors: manifest" in done.stderr
    assert "unknown dtype 'F33'" in done.stderr
    assert "short.safetensors: manifest" in done.stderr
    assert "other parameters than its layout" in done.stderr


def test_leftovers_of_killed_processes_are_removed(history: Repo, report: Json) -> None:
    tmp = history.path / ".git" / "theta" / "tmp"
    tmp.mkdir(exist_ok=True)
    old, new = tmp / "tmpaaaaaaaa", tmp / "tmpbbbbbbbb"
    for path in (old, new):
        path.write_bytes(b"x")
    os.utime(old, (0, 0))
    assert report(history, "fsck")["swept"] == 1
    assert new.exists()
    assert not old.exists()


def test_before_the_first_commit(repo: Repo, report: Json) -> None:
    assert report(repo, "fsck")["problems"] == []


@pytest.fixture
def server(history: Repo, tmp_path: Path) -> Path:
    """A folder with the objects of a remote that the history was pushed to."""
    history.git("init", "-q", "--bare", str(tmp_path / "bare.git"))
    history.git("remote", "add", "origin", str(tmp_path / "bare.git"))
    history.git("config", "theta.remote.origin.url", str(tmp_path / "server"))
    history.git("push", "-q", "-u", "origin", "main")
    return tmp_path / "server"


def place(root: Path, oid: str) -> Path:
    return root / "objects" / oid[:2] / oid[2:4] / oid


def damage(path: Path) -> None:
    """Change a byte of an object, of this copy alone."""
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.unlink()
    path.write_bytes(data)


def only_old(repo: Repo) -> Path:
    """Push a file that the last commit removes, and return its only object."""
    before = set(repo.objects)
    repo.write("old.safetensors", safetensors_bytes({"old": np.random.default_rng(3).normal(size=(9, 9))}))
    repo.commit("with an old file")
    repo.git("rm", "-q", "old.safetensors")
    repo.commit("without it")
    repo.git("push", "-q")
    (path,) = set(repo.objects) - before
    return path


def test_versions_that_were_only_fetched_are_elsewhere(
    history: Repo, server: Path, tmp_path: Path, report: Json
) -> None:
    clone = Repo(tmp_path / "clone")
    url = (tmp_path / "bare.git").as_uri()
    history.git("clone", "-q", "-c", f"theta.remote.origin.url={server}", url, str(clone.path))
    history.write("new.safetensors", safetensors_bytes({"new": np.full(9, 3, "f4")}))
    new = history.commit("new")
    history.git("push", "-q")
    clone.git("fetch", "-q")
    before = report(clone, "fsck")
    assert (before["problems"], before["missing"]) == ([], [])
    pick = clone.path / ".git" / "CHERRY_PICK_HEAD"
    pick.write_text(f"{new}\n")
    assert report(clone, "fsck")["problems"] == []
    pick.unlink()
    clone.git("sparse-checkout", "set", "--no-cone", "/*", "!/new.safetensors")
    clone.git("merge", "-q", "--ff-only", "origin/main")
    found = report(clone, "fsck")
    assert (found["problems"], found["missing"]) == ([], [])
    assert found["elsewhere"] > 0


def test_an_object_of_a_file_in_another_work_tree_is_missing(
    history: Repo, server: Path, tmp_path: Path
) -> None:
    old = only_old(history)
    assert old.exists()
    history.git("worktree", "add", "-q", "--detach", str(tmp_path / "tree"), "HEAD~1")
    old.unlink()
    done = fsck(history)
    assert done.returncode == 6
    assert old.name in done.stderr


def test_damaged_and_missing_objects_are_fetched(history: Repo, server: Path, report: Json) -> None:
    one, two = history.objects[:2]
    one.unlink()
    damage(two)
    done = fsck(history)
    assert done.returncode == 6
    assert "hint: fetch these objects again: git theta fsck --repair" in done.stderr
    output = history.theta("fsck", "--repair")
    assert "2 objects repaired" in output
    assert report(history, "fsck")["problems"] == []
    assert report(history, "fsck", "--repair")["repaired"] == []
    history.git("checkout", "-q", "HEAD~1")
    assert history.read(NAME) == FIRST


def test_a_damaged_object_that_no_remote_has_stays(history: Repo, server: Path) -> None:
    (path, *_) = history.objects
    damage(path)
    bad = path.read_bytes()
    place(server, path.name).unlink()
    done = fsck(history, "--repair")
    assert done.returncode == 6
    assert f"object {path.name} isn't at" in done.stderr
    assert "copy the objects" in done.stderr
    assert path.read_bytes() == bad
    place(server, path.name).write_bytes(bad)
    done = fsck(history, "--repair", "--json")
    assert "arrived damaged" not in done.stdout
    assert json.loads(done.stdout)["damaged"] == [path.name]
    assert path.read_bytes() == bad


def test_a_remote_that_is_in_the_way_says_why(history: Repo, server: Path, tmp_path: Path) -> None:
    history.objects[0].unlink()
    history.git("config", "theta.remote.origin.url", str(tmp_path / "away" / "server"))
    done = fsck(history, "--repair")
    assert done.returncode == 6
    assert f"origin: the folder {tmp_path / 'away'} isn't there" in done.stderr
    assert "hint: if it's on a network share, check that this is mounted" in done.stderr


def test_without_a_remote_nothing_can_be_fetched(history: Repo) -> None:
    history.objects[0].unlink()
    for options in ([], ["--repair"]):
        assert "hint: there's no remote to fetch from; copy the objects" in fsck(history, *options).stderr


def test_objects_in_the_quarantine_of_a_killed_process_are_not_missing(history: Repo, report: Json) -> None:
    folder = history.path / ".git" / "theta" / "tmp" / "aside"
    folder.mkdir()
    for path in history.objects:
        path.rename(folder / path.name)
    found = report(history, "fsck")
    assert (found["problems"], found["missing"]) == ([], [])
    assert not list(folder.iterdir())


def test_another_remote_repairs_too(history: Repo, server: Path, tmp_path: Path) -> None:
    (path, *_) = history.objects
    good = path.read_bytes()
    backup = tmp_path / "backup"
    history.git("remote", "add", "backup", str(backup))
    history.git("config", "theta.remote.backup.url", str(backup))
    history.theta("push", "backup", "--all")
    damage(place(server, path.name))
    damage(path)
    assert fsck(history, "--repair", "--remote", "origin").returncode == 6
    history.theta("fsck", "--repair")
    assert path.read_bytes() == good


def test_old_versions_that_are_pushed_may_be_elsewhere(history: Repo, server: Path, report: Json) -> None:
    everything = len(history.objects) + 1
    old = only_old(history)
    assert report(history, "fsck")["objects"] == everything
    old.unlink()
    found = report(history, "fsck")
    assert (found["elsewhere"], found["missing"], found["problems"]) == (1, [], [])
    assert "1 object of pushed versions isn't here; a checkout fetches it." in history.theta("fsck")
    assert (found["versions"], found["values"]) == (3, 5)
    history.git("branch", "old", "HEAD~1")
    history.git("worktree", "add", "-q", "--no-checkout", "../tree", "old")
    assert fsck(history).returncode == 0, "no file was written yet"
    history.git("-C", "../tree", "reset", "-q")
    assert fsck(history).returncode == 6, "a work tree needs it"
    assert "1 object repaired" in history.theta("fsck", "--repair")


def test_lazy_clones_need_nothing(history: Repo, server: Path, report: Json) -> None:
    for path in history.objects:
        path.unlink()
    assert fsck(history).returncode == 6
    history.git("config", "theta.fetch", "lazy")
    found = report(history, "fsck")
    assert (found["problems"], found["values"]) == ([], 0)


def test_objects_at_a_remote_are_checked(history: Repo, server: Path, report: Json) -> None:
    old = only_old(history)
    found = report(history, "fsck", "--remote", "origin")
    assert (found["versions"], found["objects"], found["missing"]) == (3, len(history.objects), [])
    assert f"3 versions looked for at {server}" in history.theta("fsck", "--remote", "origin")
    place(server, old.name).unlink()
    done = fsck(history, "--remote", "origin")
    assert done.returncode == 5
    assert f"old.safetensors: object {old.name} isn't at origin\n" in done.stderr
    assert "git theta push origin --all" in done.stderr
    old.unlink()
    assert "isn't at origin, nor here" in fsck(history, "--remote", "origin").stderr
    assert fsck(history, "--remote", "elsewhere").returncode == 2
    assert history.read(NAME) == SECOND


def test_counts_agree_with_du(repo: Repo) -> None:
    repo.write(MODEL, A)
    repo.commit("first")
    repo.write(MODEL, B)
    repo.commit("second")
    repo.write("other.safetensors", model(5))
    repo.git("add", "-A")
    report = json.loads(repo.theta("fsck", "--json"))
    assert report["versions"] == 3
    assert report["objects"] == len(repo.objects)
    assert report["problems"] == []
    found = json.loads(repo.theta("du", "--json"))
    assert [(r["subject"], r["versions"], r["size"]) for r in found["revisions"]] == [
        ("first", 1, len(A)),
        ("second", 1, len(B)),
        ("(index)", 1, len(A)),
    ]
    assert found["stored"] == found["store"] == sum(path.stat().st_size for path in repo.objects)
    assert {row["name"]: row["versions"] for row in found["files"]} == {MODEL: 2, "other.safetensors": 1}
    assert "second" in repo.theta("du")
    assert json.loads(repo.theta("du", "HEAD~1", "--json"))["size"] == len(A)


def test_unnamed_objects_are_counted(repo: Repo) -> None:
    repo.write(MODEL, A)
    repo.git("add", "-A")
    repo.write(MODEL, model(8, 4))
    repo.git("add", "-A")
    assert "named by no version" in repo.theta("fsck")
