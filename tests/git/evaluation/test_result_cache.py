"""Results that are kept between commands, and what may have become of their database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from git_theta.evaluation.result import TestResult
from git_theta.git.evaluation.result_cache import ResultCache

_RESULT = TestResult("acc", "m", "", "blake3:0", 0.5, True, False, 1.0)


def _kept(folder: Path) -> ResultCache:
    cache = ResultCache(folder)
    cache.put("key", _RESULT)
    return cache


def test_a_result_is_known_again(tmp_path: Path) -> None:
    with closing(_kept(tmp_path)) as cache:
        found = cache.get("key", "acc", "m", "")
    assert found is not None
    assert (found.value, found.ok, found.is_cached) == (0.5, True, True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[" * 100_000,
        '{"digest": "", "value": 1}',
        f'{{"digest": "", "value": 1{"0" * 400}, "ok": true, "seconds": 1, "problem": "", "output": ""}}',
        '{"digest": "", "value": NaN, "ok": true, "seconds": 1, "problem": "", "output": ""}',
    ],
    ids=range(6),
)
def test_a_damaged_result_is_not_known(tmp_path: Path, text: str) -> None:
    _kept(tmp_path).close()
    (database,) = tmp_path.glob("*.sqlite")
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("update results set result = ?", (text,))
    with closing(ResultCache(tmp_path)) as cache:
        assert cache.get("key", "acc", "m", "") is None
