from __future__ import annotations

import os
import sys
from subprocess import CompletedProcess

from tests.cli.conftest import NAME, Json
from tests.conftest import Repo


def fsck(repo: Repo, *args: str) -> CompletedProcess[str]:
    done = repo.run(sys.executable, "-m", "git_theta", "fsck", *args, ok=False)
    assert "Traceback" not in done.stderr
    return done


def test_all_is_well(history: Repo, report: Json) -> None:
    assert report(history, "fsck") == {
        "versions": 2,
        "values": 5,
        "objects": len(history.objects),
        "unreferenced": 0,
        "swept": 0,
        "problems": [],
    }
    assert report(history, "fsck", "HEAD~1")["versions"] == 1
    assert "checked" in history.theta("fsck")


def test_a_missing_object_is_named_with_all_that_needs_it(history: Repo, report: Json) -> None:
    (small,) = (p for p in report(history, "show", f"HEAD~1:{NAME}")["parameters"] if p["name"] == "small")
    (path,) = (path for path in history.objects if path.name in small["source"])
    path.unlink()
    done = fsck(history)
    assert done.returncode == 6
    for part in (NAME, history.git("rev-parse", "HEAD~1")[:10], "'small'", path.name):
        assert part in done.stderr
    assert fsck(history, "HEAD~1").returncode == 6


def test_what_only_the_reflog_has_is_checked(history: Repo, report: Json) -> None:
    history.git("reset", "-q", "--hard", "HEAD~1")
    assert report(history, "fsck")["versions"] == 2
    history.git("reflog", "expire", "--expire=now", "--all")
    found = report(history, "fsck")
    assert (found["versions"], found["problems"]) == (1, [])
    assert found["unreferenced"] == 1
    assert "no harm" in history.theta("fsck")


def test_what_only_the_index_has_is_checked(history: Repo, report: Json) -> None:
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
    old, new = tmp / "old", tmp / "new"
    for path in (old, new):
        path.write_bytes(b"x")
    os.utime(old, (0, 0))
    assert report(history, "fsck")["swept"] == 1
    assert new.exists()
    assert not old.exists()


def test_before_the_first_commit(repo: Repo, report: Json) -> None:
    assert report(repo, "fsck")["problems"] == []
