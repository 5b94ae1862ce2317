from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from git_theta.errors import GitError
from git_theta.git.migrate.attribute_index import write_index
from git_theta.git.plumbing.check_attr import AttributeLookup, attribute_text, attribute_values
from git_theta.git.plumbing.command import Git

ATTRIBUTES = """\
*.pt theta-update=dense
odd*.pt theta-update=delta,sparse
off.pt -theta-update
on.pt theta-update
none.pt !theta-update
empty.pt theta-update=
"""
NAMES = ["a b.pt", "-a.pt", "ünï.pt", "tab\t.pt", "new\nline.pt", 'quo"te.pt', "x" * 250 + ".pt"]


@pytest.fixture
def git(tmp_path: Path) -> Git:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / ".gitattributes").write_text(ATTRIBUTES)
    return Git(tmp_path)


@pytest.fixture
def lookup(git: Git) -> Iterator[AttributeLookup]:
    lookup = AttributeLookup(git, ["theta-update"])
    yield lookup
    lookup.close()


def test_values_of_paths(git: Git) -> None:
    paths = ["a.pt", "odd.pt", "off.pt", "on.pt", "none.pt", "empty.pt", "a.bin"]
    values = ["dense", "delta,sparse", "unset", "set", "unspecified", "", "unspecified"]
    assert attribute_values(git, "theta-update", paths) == dict(zip(paths, values, strict=True))
    assert attribute_values(git, "theta-update", []) == {}


def test_values_of_any_names(git: Git) -> None:
    names = [*NAMES, os.fsdecode(b"\xff.pt")]
    assert attribute_values(git, "theta-update", names) == dict.fromkeys(names, "dense")


def test_a_path_outside(git: Git) -> None:
    with pytest.raises(GitError, match="outside repository"):
        attribute_values(git, "theta-update", ["../a.pt"])


def test_texts() -> None:
    assert attribute_text("delta,sparse") == "delta,sparse"
    assert [attribute_text(value) for value in ("unset", "set", "unspecified", "")] == [None] * 4


def test_looks_up_one_path_after_another(lookup: AttributeLookup) -> None:
    assert lookup.get(b"a.pt") == ("dense",)
    assert lookup.get(b"odd.pt") == ("delta,sparse",)
    assert lookup.get(b"off.pt") == ("unset",)


@pytest.mark.parametrize("name", NAMES)
def test_looks_up_any_name(lookup: AttributeLookup, name: str) -> None:
    assert lookup.get(os.fsencode(f"deep/{name}")) == ("dense",)
    assert lookup.get(b"odd one.pt") == ("delta,sparse",)


def test_several_attributes_in_their_order(git: Git, tmp_path: Path) -> None:
    (tmp_path / ".gitattributes").write_text("*.pt filter=theta -text\n")
    lookup = AttributeLookup(git, ["text", "filter", "merge"])
    assert lookup.get(b"a.pt") == ("unset", "theta", "unspecified")
    lookup.close()


def test_the_attributes_of_an_index(git: Git, tmp_path: Path) -> None:
    oid = git.run("hash-object", "-w", "--stdin", stdin=b"*.pt theta-update=auto\n").decode().strip()
    write_index(git, tmp_path / "index", {".gitattributes": oid})
    lookup = AttributeLookup(git, ["theta-update"], tmp_path / "index")
    assert lookup.get(b"odd.pt") == ("auto",)
    lookup.close()


def test_one_process_answers_them_all(lookup: AttributeLookup, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    popen = subprocess.Popen

    def counted(*args: object, **more: object) -> object:
        started.append(args)
        return popen(*args, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", counted)
    assert [lookup.get(b"%d.pt" % number) for number in range(100)] == [("dense",)] * 100
    assert len(started) == 1


def test_the_nearest_file_counts(tmp_path: Path, lookup: AttributeLookup) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / ".gitattributes").write_text("*.pt theta-update=auto\n")
    assert lookup.get(b"sub/a.pt") == ("auto",)
    assert lookup.get(b"a.pt") == ("dense",)


def test_a_closed_lookup_starts_again(lookup: AttributeLookup) -> None:
    lookup.close()
    assert lookup.get(b"a.pt") == ("dense",)
    lookup.close()
    lookup.close()


@pytest.mark.parametrize("folder", [".", "nowhere"])
def test_without_a_repository(tmp_path: Path, folder: str) -> None:
    lookup = AttributeLookup(Git(tmp_path / folder), ["theta-update"])
    with pytest.raises(GitError, match="check-attr failed"):
        lookup.get(b"a.pt")
    lookup.close()
