from __future__ import annotations

from tests.helpers.repo import Repo
from tests.helpers.small_history import FIRST, NAME, SECOND, THIRD, Json


def test_each_payload_counts_for_the_first_that_brought_it(history: Repo, report: Json) -> None:
    history.write("copy.safetensors", SECOND)
    history.commit("copy")
    found = report(history, "du")
    (file,) = found["files"]
    assert (file["name"], file["versions"], file["size"]) == (NAME, 2, len(FIRST) + len(SECOND))
    first, second = found["revisions"]
    assert [first["subject"], second["subject"]] == ["first", "second"]
    assert first["name"] == history.git("rev-parse", "HEAD~2").strip()
    assert 0 < second["stored"] < 2000 < first["stored"] < len(FIRST)
    assert found["stored"] == first["stored"] + second["stored"] == file["stored"]
    assert found["store"] == sum(path.stat().st_size for path in history.objects) == found["stored"]
    assert found["unreferenced"] == 0


def test_some_revisions(history: Repo, report: Json) -> None:
    assert len(report(history, "du", "HEAD~1")["revisions"]) == 1


def test_the_index_comes_last(history: Repo, report: Json) -> None:
    history.write(NAME, THIRD)
    history.git("add", "-A")
    last = report(history, "du")["revisions"][-1]
    assert (last["name"], last["subject"], last["versions"]) == ("", "(index)", 1)


def test_merges_and_dropped_commits_count_once(history: Repo, report: Json) -> None:
    history.git("checkout", "-q", "-b", "side", "HEAD~1")
    history.write("b.bin", b"on a side branch")
    history.commit("side")
    history.git("merge", "-q", "--no-edit", "main")
    merged = report(history, "du")
    assert merged["size"] == len(FIRST) + len(SECOND) + len(b"on a side branch")
    history.git("checkout", "-q", "main")
    history.git("branch", "-q", "-D", "side")
    assert report(history, "du")["size"] == merged["size"], "the reflog still has it"


def test_settings_of_git_log_do_not_matter(history: Repo, report: Json) -> None:
    before = report(history, "du")
    for key, value in (
        ("log.showSignature", "true"),
        ("color.ui", "always"),
        ("diff.relative", "true"),
        ("log.showRoot", "false"),
        ("diff.renames", "copies"),
        ("log.diffMerges", "off"),
    ):
        history.git("config", key, value)
    assert report(Repo(history.path / "my models"), "du") == before


def test_text(history: Repo) -> None:
    text = history.theta("du")
    assert NAME in text
    assert "All versions:" in text
    assert history.git("rev-parse", "HEAD")[:10] in text


def test_before_the_first_commit(repo: Repo, report: Json) -> None:
    found = report(repo, "du")
    assert (found["files"], found["revisions"], found["store"]) == ([], [], 0)
    assert "All versions" in repo.theta("du")


def test_hostile_names_and_subjects(repo: Repo, report: Json) -> None:
    name = "a\x01\x1b[31m\n.bin"
    repo.write(name, b"content")
    repo.commit("100% \x01\x02\x1b[31m")
    (file,), (revision,) = (report(repo, "du")[key] for key in ("files", "revisions"))
    assert file["name"] == name
    assert revision["subject"].startswith("100% \x01")
    text = repo.theta("du")
    assert "a%01%1B[31m%0A.bin" in text
    assert "100% %01" in text
    assert "\x1b" not in text
