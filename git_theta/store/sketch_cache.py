"""The cache of sketches: some elements of each stored tensor, and hashes of some bytes of each stored file.

The cache can be deleted at any time: what it lacks is found by name only, or computed again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from git_theta.model.tensor import TensorSpec
from git_theta.store.database import Database

#: Another way to make sketches must get another name, as keys of both can't be compared.
FILE_NAME = "sketches-1.sqlite"

_SCHEMA = """
create table if not exists sketches (
    id integer primary key, dtype text, shape text, digest blob, keys blob,
    unique (dtype, shape, digest)
);
create table if not exists contents (
    id integer primary key, digest blob unique, size integer, pieces blob, upper blob
);
"""

#: The cache forgets the oldest sketches once it has more than this many of a kind.
_MAX_SKETCHES = 200_000
_MAX_CONTENTS = 10_000


@dataclass(frozen=True, slots=True)
class StoredSketch:
    """The sketch of a stored value.

    Attributes:
        spec: Dtype and shape of the value.
        digest: Its BLAKE3-256, 64 hexadecimal digits.
        keys: The sampled elements: little-endian uint32.
    """

    spec: TensorSpec
    digest: str
    keys: bytes


@dataclass(frozen=True, slots=True)
class StoredContent:
    """The content sketch of a stored value of bytes.

    Attributes:
        digest: The value's BLAKE3-256, 64 hexadecimal digits.
        nbytes: The value's size.
        pieces: Hashes of pieces: little-endian uint64.
        upper: Hashes of pieces of floats' upper bytes: little-endian uint64.
    """

    digest: str
    nbytes: int
    pieces: bytes
    upper: bytes


class SketchCache:
    """A small database in the store's folder. Use from one thread at a time.

    Args:
        folder: The store's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._database = Database(folder / FILE_NAME, _SCHEMA)

    def types(self) -> dict[TensorSpec, int]:
        """The number of sketches of values of each dtype and shape, in a fixed order."""
        query = "select dtype, shape, count(*) from sketches group by dtype, shape order by dtype, shape"
        found: dict[TensorSpec, int] = {}
        for dtype, shape, count in self._database.rows(query):
            spec = _parse_spec(dtype, shape)
            if spec and isinstance(count, int):
                found[spec] = count
        return found

    def digests(self) -> list[str]:
        """The digests of all values that have a sketch."""
        rows = self._database.rows("select digest from sketches union select digest from contents")
        return [digest.hex() for (digest,) in rows if isinstance(digest, bytes)]

    def beginnings(self, spec: TensorSpec, count: int) -> dict[str, bytes]:
        """The first keys of all sketches of values of a type, by digest, the oldest first.

        Args:
            spec: Dtype and shape.
            count: The number of keys.
        """
        rows = self._database.rows(
            "select digest, substr(keys, 1, ?) from sketches where dtype = ? and shape = ? order by id",
            (4 * count, spec.dtype, _shape_text(spec)),
        )
        return {
            digest.hex(): keys
            for digest, keys in rows
            if isinstance(digest, bytes)
            and len(digest) == 32
            and isinstance(keys, bytes)
            and len(keys) == 4 * count
        }

    def keys(self, spec: TensorSpec, digests: Iterable[str], count: int) -> dict[str, bytes]:
        """The keys of sketches by digest, those that are there.

        Args:
            spec: Dtype and shape of the values.
            digests: Digests of the values.
            count: The number of keys in each sketch.
        """
        wanted = [bytes.fromhex(digest) for digest in digests]
        places = ",".join("?" * len(wanted))
        query = f"select digest, keys from sketches where dtype = ? and shape = ? and digest in ({places})"  # noqa: S608
        rows = self._database.rows(query, (spec.dtype, _shape_text(spec), *wanted))
        return {
            digest.hex(): keys
            for digest, keys in rows
            if isinstance(digest, bytes) and isinstance(keys, bytes) and len(keys) == 4 * count
        }

    def add(self, sketches: Iterable[StoredSketch]) -> None:
        """Keep sketches; of values that have one, the older stays."""
        rows = [
            (each.spec.dtype, _shape_text(each.spec), bytes.fromhex(each.digest), each.keys)
            for each in sketches
        ]

        def insert(sql: sqlite3.Connection) -> None:
            sql.executemany(
                "insert or ignore into sketches (dtype, shape, digest, keys) values (?, ?, ?, ?)", rows
            )
            sql.execute(
                "delete from sketches where id <= (select max(id) from sketches) - ?", (_MAX_SKETCHES,)
            )

        if rows:
            self._database.write(insert)

    def contents(self) -> list[StoredContent]:
        """All content sketches, the oldest first."""
        rows = self._database.rows("select digest, size, pieces, upper from contents order by id")
        return [
            StoredContent(digest.hex(), size, pieces, upper)
            for digest, size, pieces, upper in rows
            if isinstance(digest, bytes)
            and len(digest) == 32
            and isinstance(size, int)
            and isinstance(pieces, bytes)
            and isinstance(upper, bytes)
            and len(pieces) % 8 == len(upper) % 8 == 0
        ]

    def add_contents(self, contents: Iterable[StoredContent]) -> None:
        """Keep content sketches; of values that have one, the older stays."""
        rows = [(bytes.fromhex(each.digest), each.nbytes, each.pieces, each.upper) for each in contents]

        def insert(sql: sqlite3.Connection) -> None:
            sql.executemany(
                "insert or ignore into contents (digest, size, pieces, upper) values (?, ?, ?, ?)", rows
            )
            sql.execute(
                "delete from contents where id <= (select max(id) from contents) - ?", (_MAX_CONTENTS,)
            )

        if rows:
            self._database.write(insert)

    def keep_only(self, digests: Iterable[str]) -> None:
        """Forget the sketches of all other values.

        Args:
            digests: Digests of values that are still stored.
        """
        rows = [(bytes.fromhex(digest),) for digest in digests]

        def delete(sql: sqlite3.Connection) -> None:
            sql.execute("create temporary table kept (digest blob primary key) without rowid")
            sql.executemany("insert or ignore into kept values (?)", rows)
            sql.execute("delete from sketches where digest not in (select digest from kept)")
            sql.execute("delete from contents where digest not in (select digest from kept)")
            sql.execute("drop table kept")

        if self._database.row("select id from sketches union select id from contents"):
            self._database.write(delete)

    def close(self) -> None:
        """Close the file; the next question opens it again."""
        self._database.close()


def _shape_text(spec: TensorSpec) -> str:
    return ",".join(map(str, spec.shape))


def _parse_spec(dtype: object, shape: object) -> TensorSpec | None:
    """The type that a row of the database names; `None` if it makes no sense."""
    try:
        return TensorSpec(str(dtype), tuple(map(int, str(shape).split(","))) if shape else ())
    except ValueError:
        return None
