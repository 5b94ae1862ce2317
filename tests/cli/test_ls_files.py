from __future__ import annotations

import json

from tests.helpers.repo import Repo
from tests.helpers.small_history import FIRST, NAME, SECOND, Json
from tests.helpers.small_models import A


def test_the_index_and_a_revision(history: Repo, report: Json) -> None:
    history.write("b.bin", b"not any known format")
    history.git("add", "b.bin")
    index, first = report(history, "ls-files"), report(history, "ls-files", "HEAD~1")
    assert [row["path"] for row in index] == ["b.bin", NAME]
    assert [row["path"] for row in first] == [NAME]
    assert first[0]["size"] == len(FIRST)
    assert {k: index[1][k] for k in ("format", "parameters", "size")} == {
        "format": "safetensors",
        "parameters": 3,
        "size": len(SECOND),
    }
    assert index[0]["format"] == "opaque"
    assert 0 < index[1]["stored"] < len(SECOND)
    assert report(Repo(history.path / "my models"), "ls-files") == index


def test_text(history: Repo) -> None:
    head, row = history.theta("ls-files").splitlines()
    assert head.split() == ["path", "format", "parameters", "size", "stored"]
    assert row.startswith(NAME)


def test_before_the_first_commit(repo: Repo, report: Json) -> None:
    assert report(repo, "ls-files") == []
    assert repo.theta("ls-files") == ""


def test_only_checkpoints_are_listed(repo: Repo, report: Json) -> None:
    (repo.path / "link.safetensors").symlink_to("elsewhere")
    repo.write("notes.txt", b"x" * 500)
    repo.commit()
    assert report(repo, "ls-files") == report(repo, "ls-files", "HEAD") == []


def test_a_revision_that_is_not_there(history: Repo) -> None:
    for rev in ("nowhere", "--all"):
        done = history.run_theta("ls-files", "--", rev, ok=False)
        assert done.returncode == 2
        assert "isn't a revision" in done.stderr


def test_a_damaged_manifest_is_named(history: Repo) -> None:
    text = history.run("git", "show", f":{NAME}").stdout
    history.write("broken.safetensors", text.replace(" F32 ", " F33 ").encode())
    history.git("add", "-A")
    done = history.run_theta("ls-files", ok=False)
    assert done.returncode == 1
    assert "broken.safetensors" in done.stderr
    assert NAME in done.stdout


def test_index_and_revision(repo: Repo) -> None:
    repo.write("sub dir/a.safetensors", A)
    repo.commit()
    (row,) = json.loads(repo.theta("ls-files", "--json"))
    assert row == {
        "path": "sub dir/a.safetensors",
        "format": "safetensors",
        "parameters": 3,
        "size": len(A),
        "stored": sum(path.stat().st_size for path in repo.objects),
    }
    assert json.loads(repo.theta("ls-files", "HEAD", "--json")) == [row]
    assert "sub dir/a.safetensors" in repo.theta("ls-files")
    assert "isn't a revision" in repo.theta("ls-files", "nonesuch", ok=False)
