"""The cache of a repository: manifests of files by their stat, and sources of values by their digest.

The cache can be deleted at any time: a damaged or unwritable one is as good as an empty one.
"""

from __future__ import annotations

import sqlite3
import time
import zlib
from collections.abc import Iterable
from contextlib import suppress
from os import stat_result
from pathlib import Path

from git_theta.errors import ManifestError
from git_theta.model.manifest import Entry, Manifest, Source
from git_theta.model.manifest_text import parse_manifest
from git_theta.model.source_text import SourceReader
from git_theta.store.database import Database

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

#: The number of rows that a query asks for; SQLite has a limit for that.
_KEYS_PER_QUERY = 500

#: The cache forgets all files once it has more than this many.
_MAX_FILES = 20_000


class Cache:
    """A small database in the store's folder. Use from one thread at a time.

    Args:
        path: The database file; its folder must exist for anything to be remembered.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA)
        self._new_sources: dict[str, str] = {}
        self._new_files: list[tuple[int, int, int, int, int, bytes]] = []

    def sources(self, digests: Iterable[str]) -> dict[str, Source]:
        """The sources by which values were stored last, by digest; unknown ones are left out."""
        wanted = set(digests)
        texts = {digest: self._new_sources[digest] for digest in wanted & self._new_sources.keys()}
        # In the order of the table, each of its pages is read once.
        keys = [bytes.fromhex(digest) for digest in sorted(wanted - texts.keys())]
        for start in range(0, len(keys), _KEYS_PER_QUERY):
            some = tuple(keys[start : start + _KEYS_PER_QUERY])
            marks = ", ".join("?" * len(some))
            query = f"select digest, source from sources where digest in ({marks})"  # noqa: S608
            for key, text in self._database.rows(query, some):
                # SQLite doesn't enforce the types of columns.
                if isinstance(key, bytes) and isinstance(text, str):
                    texts[key.hex()] = text
        reader, found = SourceReader(), {}
        for digest, text in texts.items():
            with suppress(ManifestError):
                found[digest] = reader.read(text)
        return found

    def source(self, digest: str) -> Source | None:
        """The source by which a value of that digest was stored last; `None` if unknown."""
        return self.sources((digest,)).get(digest)

    def manifest(self, stat: stat_result) -> Manifest | None:
        """The manifest of the file that has this stat; `None` if unknown."""
        key = _key(stat)
        if not _can_be_stored(key):
            return None
        row = self._database.row(
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
        self._new_sources.update(manifest.source_texts())
        if stat and not seconds_until_known(stat) and _can_be_stored(_key(stat)):
            self._new_files.append((*_key(stat), zlib.compress(manifest.to_bytes(), 1)))
        if len(self._new_sources) > 50_000 or len(self._new_files) > 200:
            self.flush()

    def add_sources(self, entries: Iterable[Entry]) -> None:
        """Remember the sources of values."""
        self._new_sources.update((entry.digest, str(entry.source)) for entry in entries)

    def flush(self) -> None:
        """Write to the database."""
        if not (self._new_sources or self._new_files):
            return

        def add(connection: sqlite3.Connection) -> None:
            # In the order of the table, rows of thousands of values are written in a third of the time.
            rows = ((bytes.fromhex(digest), text) for digest, text in sorted(self._new_sources.items()))
            connection.executemany("insert or replace into sources values (?, ?)", rows)
            connection.executemany("insert or replace into files values (?, ?, ?, ?, ?, ?)", self._new_files)
            (count,) = connection.execute("select count(*) from files").fetchone()
            if count > _MAX_FILES:
                connection.execute("delete from files")

        self._database.write(add)
        self._new_sources.clear()
        self._new_files.clear()

    def close(self) -> None:
        """Flush and close."""
        self.flush()
        self._database.close()


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
