from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from git_theta.errors import ThetaError
from git_theta.git.plumbing.notices import explain, note, note_daily


def test_notices_are_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    note("hello")
    assert capsys.readouterr() == ("", "git-theta: hello\n")


def test_errors_have_a_path_and_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    explain("m.pt", ThetaError("it broke", "mend it"))
    explain(None, ThetaError("all broke"))
    lines = ["git-theta: m.pt: it broke", "git-theta: hint: mend it", "git-theta: all broke"]
    assert capsys.readouterr().err.splitlines() == lines


def test_the_same_notice_comes_once_a_day(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = tmp_path / "theta" / "record"
    note_daily(record, "one")
    note_daily(record, "one")
    note_daily(record, "two")
    assert capsys.readouterr().err.splitlines() == ["git-theta: one", "git-theta: two"]
    yesterday = time.time() - 25 * 3600
    os.utime(record, (yesterday, yesterday))
    note_daily(record, "two")
    note_daily(record, "two")
    assert capsys.readouterr().err.splitlines() == ["git-theta: two"]


def test_a_record_that_can_not_be_read_or_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "damaged").write_bytes(b"\xff\xfe")
    note_daily(tmp_path / "damaged", "one")
    note_daily(tmp_path / "nowhere" / "deep" / "record", "two")
    assert capsys.readouterr().err.splitlines() == ["git-theta: one", "git-theta: two"]
