"""The cache of a repository: manifests of files by their stat, and sources of values by their digest.

The cache can be deleted at any time: a damaged or unwritable one is as good as an empty one.
"""

from __future__ import annotations

import sqlite3
import time
import zlib
from contextlib import suppress
from os import stat_result
from pathlib import Path

from git_theta.errors import ManifestError
from git_theta.model.manifest import Manifest, Source
from git_theta.model.manifest_text import parse_manifest, parse_source
from git_theta.runtime.shared_folders import make_folders, share

_SCHEMA = """
create table if not exists files (
    device integer, inode integer, size integer, mtime integer, ctime integer, manifest blob,
    primary key (device, inode)
) without rowid;
create table if not exists sources (digest blob primary key, source text) without rowid;
"""

#: Resolution of time stamps in ns, with and without fractions of seconds. A file that changed at least so
#: long before it was read gets another time stamp by any later change.
FINE_TICK = 20_000_000
COARSE_TICK = 2_000_000_000

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

#: Seconds to wait for another process that writes.
_PATIENCE = 1.0

#: Seconds for which queries see the database as it was: a query alone takes its locks, which takes longer.
_SNAPSHOT_SECONDS = 1.0

#: The cache forgets all files once it has more than this many.
_MAX_FILES = 20_000


class Cache:
    """A small database in the store's folder. Use from one thread at a time.

    Args:
        path: The database file; its folder must exist for anything to be remembered.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._broken = False
        self._has_snapshots = False
        self._snapshot_at = 0.0
        self._new_sources: dict[str, str] = {}
        self._new_files: list[tuple[int, int, int, int, int, bytes]] = []

    def source(self, digest: str) -> Source | None:
        """The source by which a value of that digest was stored last; `None` if unknown."""
        text = self._new_sources.get(digest)
        if text is None:
            row = self._one("select source from sources where digest = ?", (bytes.fromhex(digest),))
            if not row or not isinstance(row[0], str):
                return None
            text = row[0]
        with suppress(ManifestError):
            return parse_source(text)
        return None

    def manifest(self, stat: stat_result) -> Manifest | None:
        """The manifest of the file that has this stat; `None` if unknown."""
        key = _key(stat)
        if not _can_be_stored(key):
            return None
        row = self._one(
            "select manifest from files"
            " where device = ? and inode = ? and size = ? and mtime = ? and ctime = ?",
            key,
        )
        # SQLite doesn't enforce the types of columns.
        if row and isinstance(row[0], bytes):
            with suppress(ManifestError, zlib.error):
                return parse_manifest(zlib.decompress(row[0]))
        return None

    def remember(self, manifest: Manifest, stat: stat_result | None = None) -> None:
        """Remember the sources of a manifest and, with a stat, the file that the manifest is of.

        Args:
            manifest: The manifest.
            stat: Stat of the file, taken before the file was read and found equal after that.
        """
        self._new_sources.update((entry.digest, str(entry.source)) for entry in manifest.all_entries())
        if stat and not seconds_until_known(stat) and _can_be_stored(_key(stat)):
            self._new_files.append((*_key(stat), zlib.compress(manifest.to_bytes(), 1)))
        if len(self._new_sources) > 50_000 or len(self._new_files) > 200:
            self.flush()

    def flush(self) -> None:
        """Write to the database."""
        if not (self._new_sources or self._new_files):
            return
        connection = self._connect(create=True)
        if connection:
            try:
                # What others wrote since a snapshot can't be written over.
                connection.rollback()
                with connection:
                    connection.executemany(
                        "insert or replace into sources values (?, ?)",
                        ((bytes.fromhex(digest), text) for digest, text in self._new_sources.items()),
                    )
                    connection.executemany(
                        "insert or replace into files values (?, ?, ?, ?, ?, ?)", self._new_files
                    )
                    (count,) = connection.execute("select count(*) from files").fetchone()
                    if count > _MAX_FILES:
                        connection.execute("delete from files")
            except sqlite3.Error as error:
                self._give_up(error)
        self._new_sources.clear()
        self._new_files.clear()

    def close(self) -> None:
        """Flush and close."""
        self.flush()
        if self._connection:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _one(self, query: str, values: tuple[object, ...]) -> tuple[object, ...] | None:
        connection = self._connect(create=False)
        if not connection:
            return None
        try:
            self._renew_snapshot(connection)
            row: tuple[object, ...] | None = connection.execute(query, values).fetchone()
        except sqlite3.Error as error:
            self._give_up(error)
            return None
        return row

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
                connection.executescript(_SCHEMA)
                if is_new:
                    share(self._path)
            except sqlite3.Error:
                connection.close()
                raise
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)
            return None
        self._connection = connection
        return connection

    def _give_up(self, error: Exception) -> None:
        """Go on without the cache; a damaged database is removed, so that the next process begins afresh."""
        self._broken = True
        if self._connection:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
        if not isinstance(error, sqlite3.Error):
            return
        # Text that isn't UTF-8 is an error without a code.
        code = getattr(error, "sqlite_errorcode", None)
        if code is None or code & 0xFF not in _PASSING:
            for suffix in ("", "-wal", "-shm"):
                with suppress(OSError):
                    self._path.with_name(self._path.name + suffix).unlink()


def _key(stat: stat_result) -> tuple[int, int, int, int, int]:
    # SQLite's integers are signed and have 64 bits.
    wrap = (1 << 63) - 1
    return stat.st_dev & wrap, stat.st_ino & wrap, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def _can_be_stored(key: tuple[int, ...]) -> bool:
    """Whether the numbers of a stat fit into the database; times after 2262 or before 1678 don't."""
    return all(-(1 << 63) <= number < 1 << 63 for number in key)


def seconds_until_known(stat: stat_result) -> float:
    """Seconds until a file may be remembered: a change before that could keep its time stamp; 0 for none."""
    tick = FINE_TICK if stat.st_mtime_ns % 1_000_000_000 else COARSE_TICK
    return max(0, stat.st_mtime_ns + tick - time.time_ns()) / 1e9


def same_file(one: stat_result, other: stat_result) -> bool:
    """Whether two stats are of one file that didn't change in between."""
    return _key(one) == _key(other)
