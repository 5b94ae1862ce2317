from __future__ import annotations

import pytest

from tests.helpers.histories import History, manifest_of
from tests.helpers.repo import Repo
from tests.helpers.small_history import NAME, SECOND, THIRD, Json

A = {"one": "1", "two": "2", "three": "3"}


def test_json_has_the_changes_of_each_commit(history: Repo, report: Json) -> None:
    history.write(NAME, THIRD)
    history.commit("third")
    history.git("mv", NAME, "moved.safetensors")
    history.git("rm", "-q", "--cached", "moved.safetensors")
    history.git("commit", "-qm", "gone")
    gone, third, second, first = report(history, "log", NAME)
    assert [one["subject"] for one in (gone, third, second, first)] == ["gone", "third", "second", "first"]
    assert first["commit"] == history.git("rev-parse", "HEAD~3").strip()
    assert (first["file"], first["added"], first["parameters"]) == ("added", ["big", "small", "steps"], 3)
    assert (first["author"], first["email"], first["parents"]) == ("Test", "test@example.com", [])
    assert (second["file"], second["modified"], second["added"]) == ("changed", ["small"], [])
    assert (second["size"], second["layout"], second["path"]) == (480, False, NAME)
    assert first["size"] == 1_680_000 + 480 + 8
    assert 0 < second["stored"] < 2000 < first["stored"]
    assert (third["added"], third["layout"], third["size"]) == (["new"], True, 50)
    assert (gone["file"], sorted(gone["removed"]), gone["stored"]) == (
        *("removed", ["big", "new", "small", "steps"], 0),
    )
    # The bytes that commits brought are those that the repository has.
    used = report(history, "du")
    assert sum(one["stored"] for one in (gone, third, second, first)) == used["stored"]


def test_text(history: Repo) -> None:
    text = history.theta("log", NAME)
    newest, oldest = text.split("\n\n")
    assert newest.startswith(history.git("rev-parse", "HEAD")[:10])
    assert "Test  second" in newest
    assert "1 modified of 3 parameters: 480 B; stored" in newest
    assert newest.splitlines()[2] == "        ~ small"
    assert "file added, with 3 parameters: 1.68 MB; stored" in oldest
    assert len(oldest.splitlines()) == 5


def test_names_are_folded_and_cut(repo: Repo) -> None:
    made = History(repo)
    layers = {f"layer.{index}.w": str(index) for index in range(12)}
    made.commit("a", m__bin=layers)
    made.commit("b", "a", m__bin=dict.fromkeys(layers, "x") | {f"{word}_new": word for word in "abcdefgh"})
    made.commit("c", "b", m__bin={"x." + name: "x" for name in layers})
    removed, changed, _ = repo.theta("log", "m.bin", "c").split("\n\n")
    assert "~ layer.{0-11}.w" in changed
    assert "12 modified, 8 added of 20 parameters" in changed
    assert changed.splitlines()[-1].strip() == "… and 4 more"
    assert "> layer.{0-11}.w -> x.layer.{0-11}.w" in removed
    assert "8 removed, 12 renamed of 12 parameters" in removed


def test_number_range_and_parameters(history: Repo, report: Json) -> None:
    history.write(NAME, THIRD)
    history.commit("third")

    def subjects(*args: str) -> list[str]:
        return [one["subject"] for one in report(history, "log", NAME, *args)]

    assert subjects("-n", "1") == ["third"]
    assert subjects("-n", "0") == []
    assert subjects("HEAD~1") == ["second", "first"]
    assert subjects("HEAD~2..HEAD~1") == ["second"]
    assert subjects("HEAD..HEAD") == []
    assert subjects("--param", "small") == ["second", "first"]
    assert subjects("--param", "n*", "--param", "steps") == ["third", "first"]
    assert subjects("--param", "small", "HEAD~1..HEAD") == []
    text = history.theta("log", NAME, "--param", "b*")
    assert "file added, with 1 parameter: 1.68 MB" in text


def test_from_a_folder_and_in_a_bare_repository(history: Repo, report: Json) -> None:
    here = report(history, "log", NAME)
    folder, _, base = NAME.rpartition("/")
    assert report(Repo(history.path / folder), "log", base) == here
    bare = history.path.parent / "bare.git"
    history.git("clone", "-q", "--bare", ".", str(bare))
    assert [one["subject"] for one in report(Repo(bare), "log", NAME)] == ["second", "first"]


def test_renames_merges_and_damage_are_shown(repo: Repo) -> None:
    made = History(repo)
    made.commit("a", old__bin=A)
    made.commit("side", "a", old__bin=A | {"two": "2s"})
    made.commit("b", "a", m__bin=A | {"one": "1b"})
    made.commit("c", "b", m__bin=manifest_of(A).replace(b"F32", b"F33"))
    made.commit("d", "c side", m__bin=A | {"one": "1b", "two": "2s"})
    made.commit("e", "d", m__bin=manifest_of(A | {"one": "1b", "two": "2s"}, "other"))
    texts = repo.theta("log", "m.bin", "e").split("\n\n")
    assert "only metadata or scalars changed; stored 70 B" in texts[0]
    assert " (merge) " in texts[1]
    assert "compared with an earlier version; the one before: the manifest is damaged" in texts[1]
    assert "~ two" in texts[1]
    assert "skipped: the manifest is damaged: line 6" in texts[2]
    assert "file renamed from old.bin" in texts[3]
    assert len(texts) == 5


def test_a_shallow_clone(history: Repo, report: Json) -> None:
    shallow = Repo(history.path.parent / "shallow")
    history.git("clone", "-q", "--no-checkout", "--depth", "1", f"file://{history.path}", str(shallow.path))
    (only,) = report(shallow, "log", NAME)
    assert (only["subject"], only["boundary"], only["file"]) == ("second", True, "added")
    assert "shallow clone ends here" in shallow.theta("log", NAME)


@pytest.mark.parametrize(
    ("args", "output"),
    [
        (["nothing.bin"], "no commit in HEAD has nothing.bin"),
        (["my other models"], "no commit in HEAD has my other models"),
        ([NAME, "nowhere"], "'nowhere' isn't a revision"),
        ([NAME, "HEAD..nowhere"], "isn't a revision"),
        ([NAME, "--param", "smal"], "hint: the closest: small"),
        (["../x"], "isn't a path of a file in this repository"),
    ],
)
def test_errors(history: Repo, args: list[str], output: str) -> None:
    done = history.run_theta("log", *args, ok=False)
    assert done.returncode == 2
    assert output in done.stderr
    assert "Traceback" not in done.stderr


def test_before_the_first_commit(repo: Repo) -> None:
    done = repo.run_theta("log", "m.bin", ok=False)
    assert done.returncode == 2
    assert "no commits here yet" in done.stderr


def test_hostile_names_and_subjects(repo: Repo) -> None:
    repo.write("m\x1b[31m.safetensors", SECOND)
    repo.commit("100% \x1b[31m")
    text = repo.theta("log", "m\x1b[31m.safetensors")
    assert "100% %1B[31m" in text
    assert "\x1b" not in text
