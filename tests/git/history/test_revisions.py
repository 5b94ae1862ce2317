from __future__ import annotations

import pytest

from git_theta.errors import UsageError
from git_theta.git.history.revisions import RevisionRange, path_from_top, resolve_range
from git_theta.git.plumbing.command import Git
from tests.helpers.file_histories import A
from tests.helpers.histories import History
from tests.helpers.repo import Repo


def test_ranges(made: History) -> None:
    oids = [made.commit(name, parent, m__bin=A) for name, parent in (("a", ""), ("b", "a"), ("c", "b"))]
    git = Git()
    assert resolve_range(git, "c") == RevisionRange((oids[2],), None)
    assert resolve_range(git, "a..c") == RevisionRange((oids[2],), frozenset(oids[1:]))
    for wrong in ("nothing", "a..nothing", "-x", "--all", "", "m.bin", "a:m.bin"):
        with pytest.raises(UsageError, match="isn't a revision"):
            resolve_range(git, wrong)


def test_paths(made: History, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    (repo.path / "deep").mkdir()
    monkeypatch.chdir(repo.path / "deep")
    assert path_from_top(Git(), "m.bin") == "deep/m.bin"
    assert path_from_top(Git(), ".././m.bin") == "m.bin"
    for wrong in ("", "..", "../../m.bin", "/m.bin"):
        with pytest.raises(UsageError, match="isn't a path"):
            path_from_top(Git(), wrong)
