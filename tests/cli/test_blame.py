from __future__ import annotations

import sys

import pytest

from tests.helpers.histories import History, manifest_of
from tests.helpers.repo import Repo
from tests.helpers.small_history import NAME, THIRD, Json

A = {"one": "1", "two": "2", "three": "3"}


def test_json(history: Repo, report: Json) -> None:
    history.write(NAME, THIRD)
    history.commit("third")
    found = report(history, "blame", NAME)
    assert [(one["name"], one["subject"]) for one in found] == [
        ("big", "first"),
        ("new", "third"),
        ("small", "second"),
        ("steps", "first"),
    ]
    new = found[1]
    assert new["commit"] == history.git("rev-parse", "HEAD").strip()
    assert (new["author"], new["email"], new["dtype"], new["shape"]) == (
        "Test",
        "test@example.com",
        "F16",
        [5, 5],
    )
    assert (new["path"], new["boundary"], len(new["digest"])) == (NAME, False, 64)
    assert {one["subject"] for one in report(history, "blame", NAME, "HEAD~2")} == {"first"}
    assert [one["name"] for one in report(history, "blame", NAME, "--param", "s*")] == ["small", "steps"]
    folder, _, base = NAME.rpartition("/")
    assert report(Repo(history.path / folder), "blame", base) == found


def test_lines_are_aligned(history: Repo) -> None:
    ids = history.git("rev-parse", "HEAD~1", "HEAD").split()
    first, second = (f"{oid[:10]} (Test 20" for oid in ids)
    lines = history.theta("blame", NAME).splitlines()
    assert [line[: len(first)] for line in lines] == [first, second, first]
    assert [line.split()[-1] for line in lines] == ["big", "small", "steps"]
    assert lines[0].index(" big") == lines[1].index(" small")


def test_a_file_of_another_path_is_named(repo: Repo) -> None:
    made = History(repo)
    made.commit("a", old__bin=A)
    made.commit("b", "a", m__bin=A | {"one": "1b"})
    assert [line.split()[1] for line in repo.theta("blame", "m.bin", "b").splitlines()] == [
        *("m.bin", "old.bin", "old.bin")
    ]


def test_damaged_versions_are_named_once(repo: Repo) -> None:
    made = History(repo)
    made.commit("a", m__bin=A)
    bad = made.commit("b", "a", m__bin=manifest_of(A).replace(b"F32", b"F33"))
    made.commit("c", "b", m__bin=A | {"one": "1c"})
    done = repo.run_theta("blame", "m.bin", "c")
    assert len(done.stdout.splitlines()) == 3
    assert done.stderr.count(bad[:10]) == 1
    assert "was passed over: the manifest is damaged" in done.stderr
    refused = repo.run_theta("blame", "m.bin", "b", ok=False)
    assert refused.returncode == 4
    assert "m.bin in b: the manifest is damaged" in refused.stderr


def test_a_shallow_clone_stops_at_its_boundary(repo: Repo) -> None:
    made = History(repo)
    for number, (name, parent) in enumerate((("a", ""), ("b", "a"), ("main", "b"))):
        made.commit(name, parent, m__bin=A | {"one": str(number)})
    clone = Repo(repo.path.parent / "shallow")
    repo.git("clone", "-q", "--no-checkout", "--depth", "2", f"file://{repo.path}", str(clone.path))
    done = clone.run_theta("blame", "m.bin")
    assert [line.startswith("^") for line in done.stdout.splitlines()] == [False, True, True]
    assert "shallow clone's history ends at ^" in done.stderr


@pytest.mark.parametrize(
    ("args", "output"),
    [
        (["nothing.bin"], "there's no nothing.bin in HEAD"),
        ([NAME, "nowhere"], "'nowhere' isn't a revision"),
        ([NAME, "--param", "stops"], "hint: the closest: steps"),
    ],
)
def test_errors(history: Repo, args: list[str], output: str) -> None:
    done = history.run_theta("blame", *args, ok=False)
    assert done.returncode == 2
    assert output in done.stderr


def test_a_removed_file_has_a_hint_that_works(history: Repo) -> None:
    history.git("rm", "-q", "--cached", "--", NAME)
    history.git("commit", "-qm", "gone")
    done = history.run_theta("blame", NAME, ok=False)
    assert done.returncode == 2
    hint = done.stderr.partition("it was removed: ")[2]
    assert (
        len(history.run("sh", "-c", hint.replace("git theta", f"{sys.executable} -m git_theta")).stdout) > 50
    )


def test_no_parameters_at_all(repo: Repo) -> None:
    repo.write("m.bin", b"opaque")
    repo.commit("opaque")
    assert repo.theta("blame", "m.bin") == ""
