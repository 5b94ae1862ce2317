"""Facts about models by the blobs of their manifests, kept between commands: a manifest is parsed once."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from git_theta.lineage.facts import ModelFacts
from git_theta.store.database import Database

_SCHEMA = """
create table if not exists models (
    blobs blob primary key, model text, format text, parameters integer, size integer, updates text
) without rowid;
create table if not exists shares (pair blob primary key, share real) without rowid;
create table if not exists own_bytes (family blob primary key, size integer) without rowid;
"""

#: The name of the database in the store's folder. The number changes if the meaning of a fact does.
FILE_NAME = "lineage-2.sqlite"


class FactCache:
    """A small database that may be deleted at any time.

    Args:
        folder: The store's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._database = Database(folder / FILE_NAME, _SCHEMA)
        self._new_facts: dict[bytes, ModelFacts] = {}
        self._new_shares: dict[bytes, float] = {}
        self._new_own_bytes: dict[bytes, int] = {}

    def facts(self, blobs: Sequence[str]) -> ModelFacts | None:
        """Facts about the model of these manifests, given the ids of their blobs; `None` if unknown."""
        key = _key(blobs)
        if key in self._new_facts:
            return self._new_facts[key]
        query = "select model, format, parameters, size, updates from models where blobs = ?"
        row = self._database.row(query, (key,))
        if not row:
            return None
        model, format_, parameters, size, updates = row
        if not (isinstance(model, str) and isinstance(format_, str) and isinstance(updates, str)):
            return None
        if not (isinstance(parameters, int) and isinstance(size, int)):
            return None
        return ModelFacts(model, format_, parameters, size, updates)

    def remember_facts(self, blobs: Sequence[str], facts: ModelFacts) -> None:
        """Remember facts about the model of these manifests."""
        self._new_facts[_key(blobs)] = facts

    def share(self, child: Sequence[str], parent: Sequence[str]) -> float | None:
        """The share of a model's bytes that its parent has, too; `None` if unknown."""
        key = _key((*child, "", *parent))
        if key in self._new_shares:
            return self._new_shares[key]
        row = self._database.row("select share from shares where pair = ?", (key,))
        return row[0] if row and isinstance(row[0], float) else None

    def remember_share(self, child: Sequence[str], parent: Sequence[str], share: float) -> None:
        """Remember the share of a model's bytes that its parent has, too."""
        self._new_shares[_key((*child, "", *parent))] = float(share)

    def own_bytes(self, child: Sequence[str], parents: Sequence[Sequence[str]]) -> int | None:
        """The bytes stored for a model and for none of its parents; `None` if unknown."""
        key = _family(child, parents)
        if key in self._new_own_bytes:
            return self._new_own_bytes[key]
        row = self._database.row("select size from own_bytes where family = ?", (key,))
        return row[0] if row and isinstance(row[0], int) else None

    def remember_own_bytes(self, child: Sequence[str], parents: Sequence[Sequence[str]], size: int) -> None:
        """Remember the bytes stored for a model and for none of its parents."""
        self._new_own_bytes[_family(child, parents)] = size

    def close(self) -> None:
        """Write what is new, and close."""
        if self._new_facts or self._new_shares or self._new_own_bytes:
            self._database.write(self._write)
        self._new_facts, self._new_shares, self._new_own_bytes = {}, {}, {}
        self._database.close()

    def _write(self, connection: sqlite3.Connection) -> None:
        connection.executemany(
            "insert or replace into models values (?, ?, ?, ?, ?, ?)",
            (
                (key, facts.model, facts.format, facts.parameters, facts.size, facts.updates)
                for key, facts in self._new_facts.items()
            ),
        )
        connection.executemany("insert or replace into shares values (?, ?)", self._new_shares.items())
        connection.executemany("insert or replace into own_bytes values (?, ?)", self._new_own_bytes.items())


def _family(child: Sequence[str], parents: Sequence[Sequence[str]]) -> bytes:
    return _key([*child, *(blob for parent in parents for blob in ("", *parent))])


def _key(blobs: Sequence[str]) -> bytes:
    return hashlib.sha256("\n".join(blobs).encode()).digest()
