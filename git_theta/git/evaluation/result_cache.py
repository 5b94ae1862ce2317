"""Results of tests by what they depend on, kept between commands: the same content isn't tested again."""

from __future__ import annotations

import json
import math
import sqlite3
from pathlib import Path
from threading import Lock

from git_theta.evaluation.result import TestResult
from git_theta.store.database import Database

_SCHEMA = "create table if not exists results (key text primary key, result text) without rowid;"

#: The name of the database in the store's folder. The number changes if the meaning of a key does.
_FILE_NAME = "tests-1.sqlite"


class ResultCache:
    """A small database that may be deleted at any time. For several threads.

    Args:
        folder: The store's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._database = Database(folder / _FILE_NAME, _SCHEMA)
        self._lock = Lock()

    def get(self, key: str, test: str, model: str, rev: str) -> TestResult | None:
        """The result of a key, as that of a test of a version; `None` if there's none."""
        with self._lock:
            row = self._database.row("select result from results where key = ?", (key,))
        try:
            found = json.loads(row[0]) if row and isinstance(row[0], str) else None
            if not isinstance(found, dict):
                return None
            value = None if found["value"] is None else float(found["value"])
            if value is not None and not math.isfinite(value):
                return None
            return TestResult(
                test,
                model,
                rev,
                str(found["digest"]),
                value,
                found["ok"] is True,
                True,
                float(found["seconds"]),
                str(found["problem"]),
                output=str(found["output"]),
            )
        except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
            # Whatever wrote that, it was no result.
            return None

    def put(self, key: str, result: TestResult) -> None:
        """Keep the result of a key."""
        kept = ("digest", "value", "ok", "seconds", "problem", "output")
        text = json.dumps({name: getattr(result, name) for name in kept})

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("insert or replace into results values (?, ?)", (key, text))

        with self._lock:
            self._database.write(write)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._database.close()
