"""Databases that can be deleted at any time: a damaged or unwritable one is as good as an empty one."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from git_theta.runtime.shared_folders import make_folders, share

#: Trouble that may pass, or that concerns this process alone: nothing is wrong with the database itself.
_PASSING = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
)

#: Errors of queries. A damaged database may have names in its schema, and so in messages, that aren't UTF-8.
_FAULTS = (sqlite3.Error, UnicodeError)

#: Seconds to wait for another process that writes.
_PATIENCE = 1.0

#: Seconds for which queries see the database as it was: a query alone takes its locks, which takes longer.
_SNAPSHOT_SECONDS = 1.0

#: A row as SQLite gives it, which doesn't enforce the types of columns.
Row = tuple[object, ...]


class Database:
    """A SQLite file that other processes use, too. Use from one thread at a time.

    Args:
        path: The file; it's made when first written to.
        schema: Statements that make the tables unless they're there.
    """

    def __init__(self, path: Path, schema: str) -> None:
        self._path = path
        self._schema = schema
        self._connection: sqlite3.Connection | None = None
        self._broken = False
        self._has_snapshots = False
        self._snapshot_at = 0.0

    def rows(self, query: str, values: tuple[object, ...] = ()) -> list[Row]:
        """The rows that a query gives; none without a database that can be read."""
        connection = self._connect(create=False)
        if not connection:
            return []
        try:
            self._renew_snapshot(connection)
            return connection.execute(query, values).fetchall()
        except _FAULTS as error:
            self._give_up(error)
            return []

    def row(self, query: str, values: tuple[object, ...] = ()) -> Row | None:
        """The first row that a query gives; `None` if there's none."""
        connection = self._connect(create=False)
        if not connection:
            return None
        try:
            self._renew_snapshot(connection)
            found: Row | None = connection.execute(query, values).fetchone()
        except _FAULTS as error:
            self._give_up(error)
            return None
        return found

    def write(self, change: Callable[[sqlite3.Connection], object]) -> None:
        """Change the database in one transaction, or not at all if it can't be written.

        Args:
            change: Runs the statements.
        """
        connection = self._connect(create=True)
        if connection:
            try:
                # What others wrote since a snapshot can't be written over.
                connection.rollback()
                with connection:
                    change(connection)
            except _FAULTS as error:
                self._give_up(error)

    def close(self) -> None:
        """Close the file; the next query opens it again."""
        if self._connection:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _renew_snapshot(self, connection: sqlite3.Connection) -> None:
        now = time.monotonic()
        if self._has_snapshots and not (
            connection.in_transaction and now < self._snapshot_at + _SNAPSHOT_SECONDS
        ):
            connection.rollback()
            connection.execute("begin")
            self._snapshot_at = now

    def _connect(self, create: bool) -> sqlite3.Connection | None:
        if self._connection or self._broken or not (create or self._path.exists()):
            return self._connection
        try:
            make_folders(self._path.parent)
            is_new = not self._path.exists()
            # Callers take turns under a lock of their own.
            connection = sqlite3.connect(self._path, timeout=_PATIENCE, check_same_thread=False)
            try:
                (mode,) = connection.execute("pragma journal_mode = wal").fetchone()
                # Where there's no such log, readers keep writers waiting.
                self._has_snapshots = mode == "wal"
                connection.execute("pragma synchronous = normal")
                connection.executescript(self._schema)
                if is_new:
                    share(self._path)
            except _FAULTS:
                connection.close()
                raise
        except (*_FAULTS, OSError) as error:
            self._give_up(error)
            return None
        self._connection = connection
        return connection

    def _give_up(self, error: Exception) -> None:
        """Go on without the database; a damaged one is removed, so that the next process begins afresh."""
        self._broken = True
        self.close()
        if not isinstance(error, _FAULTS):
            return
        # Text that isn't UTF-8 is an error without a code, or of Python.
        code = getattr(error, "sqlite_errorcode", None)
        if code is None or code & 0xFF not in _PASSING:
            for suffix in ("", "-wal", "-shm"):
                with suppress(OSError):
                    self._path.with_name(self._path.name + suffix).unlink()
