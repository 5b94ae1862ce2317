from __future__ import annotations

import os

import pytest

from git_theta.git.drivers.diff import run_diff_driver
from tests.helpers.model_files import FIRST, NAME, SECOND
from tests.helpers.repo import Repo


@pytest.fixture
def oids(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """The blobs of two versions; the repository is the current folder."""
    monkeypatch.chdir(repo.path)
    found = []
    for data in (FIRST, SECOND):
        repo.write(NAME, data)
        repo.commit()
        found.append(repo.git("rev-parse", f"HEAD:{NAME}").strip())
    return found[0], found[1]


def test_changed_parameters_are_shown(oids: tuple[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    old, new = oids
    assert run_diff_driver([NAME, "/nothing", old, "100644", "/nothing", new, "100644"]) == 0
    out = capfd.readouterr().out
    assert NAME in out
    assert "bias" in out
    assert "weight" not in out


def test_a_new_file_has_no_old_side(oids: tuple[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    old, _ = oids
    assert run_diff_driver([NAME, os.devnull, ".", ".", "/nothing", old, "100644"]) == 0
    assert "weight" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ([NAME], "not merged yet"),
        ([NAME, "one"], "unusual arguments"),
        ([], "unusual arguments"),
        ([NAME, "/nothing", "1" * 40, "100644", "/nothing", "2" * 40, "100644"], NAME),
    ],
)
def test_a_failure_concerns_its_file_only(
    oids: tuple[str, str], capfd: pytest.CaptureFixture[str], args: list[str], text: str
) -> None:
    assert run_diff_driver(args) == 0
    assert text in capfd.readouterr().out
