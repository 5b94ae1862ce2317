"""Texts of lineage records: written in one order, and changed without touching what else is in them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from git_theta.lineage.record import LineageRecord, RecordedParent, RecordedRun, RecordError

#: Lists are written in one line up to this number of characters.
_WIDTH = 100


def record_text(record: LineageRecord, old: bytes = b"") -> bytes:
    """The text of a record: canonical, if there's no old one.

    Args:
        record: The record.
        old: The text that is replaced: its comments, its order, and keys that this program doesn't know stay.

    Raises:
        RecordError: The old text isn't valid TOML, or a text of the record isn't UTF-8.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(old.decode())
    except (TOMLKitError, ValueError, RecursionError) as error:
        raise RecordError(f"the old record isn't valid TOML: {error}", "mend it, or delete it") from error
    try:
        _set_all(document, record)
    except (TOMLKitError, ValueError, TypeError, AttributeError, LookupError) as error:
        # TOML has more ways to write tables than the library can change.
        raise RecordError(
            f"the old record is written in a form that can't be changed: {error}",
            "write each table below a heading of its own: git theta lineage edit",
        ) from error
    try:
        return tomlkit.dumps(document).encode()
    except UnicodeEncodeError as error:
        text = error.object[max(0, error.start - 20) : error.end]
        raise RecordError(
            f"the record would have bytes that aren't UTF-8, in {text!r}", "use UTF-8 in paths and texts"
        ) from error


def _set_all(document: Any, record: LineageRecord) -> None:
    _set(document, "relation", record.relation)
    _set(document, "why", record.why)
    _set(document, "inferred", record.is_inferred or None)
    _set(document, "moved", record.is_moved or None)
    _set(document, "model", record.model)
    _set(document, "frozen", _list(record.frozen))
    _set_parents(document, record.parents)
    _set_run(document, record.run)


def _set(table: Any, key: str, value: Any) -> None:
    """Set a key, or take it out if there's no value; a value that it has already stays as it's written."""
    if value is None or value == "" or value == [] or value == {}:
        table.pop(key, None)
    elif key not in table or table[key] != value:
        table[key] = value


def _list(texts: tuple[str, ...]) -> Any:
    import tomlkit

    array = tomlkit.array()
    array.extend(texts)
    return array.multiline(sum(map(len, texts)) > _WIDTH)


def _set_parents(document: Any, parents: tuple[RecordedParent, ...]) -> None:
    import tomlkit

    old = {_name(table): table for table in document.get("parent", [])}
    if [_fields(parent) for parent in parents] == [_known(table) for table in document.get("parent", [])]:
        return
    document.pop("parent", None)
    if not parents:
        return
    array = tomlkit.aot()
    for parent in parents:
        table = _as_table(old.get(parent.name, {}))
        for key, value in _fields(parent).items():
            _set(table, key, value)
        array.append(table)
    document.add("parent", array)


def _as_table(found: Any) -> Any:
    """A table under a heading of its own, which can be changed: others are copied."""
    import tomlkit
    from tomlkit.items import Table

    if isinstance(found, Table) and not found.is_super_table():
        return found
    table = tomlkit.table()
    for key, value in dict(found).items():
        table.add(key, value.unwrap() if hasattr(value, "unwrap") else value)
    return table


def _name(table: Any) -> str:
    return str(table.get("path") or table.get("uri") or "")


def _fields(parent: RecordedParent) -> dict[str, str]:
    """Key → value of a parent's table; empty for what isn't said."""
    return {field.name: getattr(parent, field.name) for field in fields(parent)}


def _known(table: Any) -> dict[str, str]:
    return {field.name: str(table.get(field.name, "")) for field in fields(RecordedParent)}


def _set_run(document: Any, run: RecordedRun | None) -> None:
    import tomlkit

    if run is None:
        document.pop("run", None)
        return
    if "run" not in document:
        document.add("run", tomlkit.table())
    table = _as_table(document["run"])
    if table is not document["run"]:
        document.pop("run")
        document.add("run", table)
    # Promises may be written in this table, too: they're the record's.
    table.pop("frozen", None)
    _set(table, "command", _list(run.command))
    _set(table, "folder", run.folder)
    _set(table, "seed", run.seed)
    _set(table, "seconds", run.seconds)
    _set(table, "outputs", _list(run.outputs))
    for key, values in (("inputs", run.inputs), ("environment", run.environment)):
        if dict(table.get(key, {})) != dict(values):
            table.pop(key, None)
            if values:
                inner = tomlkit.table()
                for name, value in sorted(values.items()):
                    inner.add(name, value)
                table.add(key, inner)
