from __future__ import annotations

from tests.helpers.file_histories import A, B, blame_of, revisions_of
from tests.helpers.histories import History
from tests.helpers.repo import Repo


def test_commits_that_touched_the_file_newest_first(made: History) -> None:
    first = made.commit("a", m__bin=A)
    made.commit("b", "a", m__bin=A, other=b"x")
    made.commit("c", "b", m__bin=B, other=b"x")
    made.commit("d", "c", other=b"x")
    found = revisions_of("d")
    assert [revision.commit.subject for revision in found] == ["d", "c", "a"]
    assert [(bool(revision.old_blob), bool(revision.new_blob)) for revision in found] == [
        (True, False),
        (True, True),
        (False, True),
    ]
    commit = found[-1].commit
    assert (commit.oid, commit.parents, commit.author, commit.email) == (first, (), "Ada", "ada@example.com")
    assert commit.date == "2023-11-14T23:14:20+01:00"
    assert revisions_of("d", "never.bin") == []


def test_settings_of_git_log_do_not_matter(made: History, repo: Repo) -> None:
    made.commit("a", old__bin=A)
    made.commit("b", "a", m__bin=B)
    before = revisions_of("b"), blame_of("b")
    for key, value in (
        ("log.showSignature", "true"),
        ("log.follow", "true"),
        ("log.date", "relative"),
        ("color.ui", "always"),
        ("diff.relative", "true"),
        ("log.showRoot", "false"),
        ("diff.renames", "copies"),
        ("log.diffMerges", "off"),
        ("i18n.logOutputEncoding", "latin1"),
    ):
        repo.git("config", key, value)
    assert (revisions_of("b"), blame_of("b")) == before
