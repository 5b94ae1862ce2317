from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from git_theta.store.database import Database

SCHEMA = "create table if not exists words (word text)"


def database(folder: Path) -> Database:
    return Database(folder / "theta" / "words.sqlite", SCHEMA)


def added(folder: Path, *words: str) -> Database:
    opened = database(folder)
    opened.write(lambda sql: sql.executemany("insert into words values (?)", [(word,) for word in words]))
    return opened


def test_rows_outlive_the_process(tmp_path: Path) -> None:
    added(tmp_path, "a", "b").close()
    with closing(database(tmp_path)) as opened:
        assert opened.rows("select word from words") == [("a",), ("b",)]
        assert opened.row("select word from words where word = ?", ("b",)) == ("b",)
        assert opened.row("select word from words where word = ?", ("c",)) is None


def test_questions_make_no_file(tmp_path: Path) -> None:
    with closing(database(tmp_path)) as opened:
        assert opened.rows("select word from words") == []
        assert opened.row("select word from words") is None
    assert not list(tmp_path.iterdir())


def test_a_failed_change_changes_nothing(tmp_path: Path) -> None:
    def fail(sql: sqlite3.Connection) -> None:
        sql.execute("insert into words values ('b')")
        sql.execute("insert into nothing values (1)")

    with closing(added(tmp_path, "a")) as opened:
        opened.write(fail)
    with closing(added(tmp_path, "c")) as opened:
        assert ("b",) not in opened.rows("select word from words")


def test_a_damaged_file_is_replaced_by_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "theta" / "words.sqlite"
    path.parent.mkdir()
    path.write_bytes(b"junk" * 1000)
    with closing(database(tmp_path)) as opened:
        assert opened.rows("select word from words") == []
    with closing(added(tmp_path, "a")) as opened:
        assert opened.rows("select word from words") == [("a",)]


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    with closing(added(tmp_path, "a")) as one, closing(added(tmp_path, "b")) as other:
        for opened in (one, other):
            opened.rows("select word from words")
        one.write(lambda sql: sql.execute("insert into words values ('c')"))
        other.write(lambda sql: sql.execute("insert into words values ('d')"))
    with closing(database(tmp_path)) as opened:
        assert len(opened.rows("select word from words")) == 4


def test_a_schema_that_is_no_text_is_damage(tmp_path: Path) -> None:
    with closing(added(tmp_path, "a")):
        path = tmp_path / "theta" / "words.sqlite"
    damaged = path.read_bytes().replace(b"CREATE TABLE words", b"\x90REATE TABLE words")
    assert damaged != path.read_bytes()
    path.write_bytes(damaged)
    with closing(database(tmp_path)) as opened:
        assert opened.rows("select word from words") == []
    with closing(added(tmp_path, "b")) as opened:
        assert opened.rows("select word from words") == [("b",)]
