"""The change of a file as JSON, for scripts."""

from __future__ import annotations

from typing import Any

from git_theta.model.manifest import Entry
from git_theta.report.change import CheckpointChange, ParameterChange
from git_theta.report.distance import Distance
from git_theta.report.side import Side


def change_json(change: CheckpointChange) -> dict[str, Any]:
    """The change of a file as dictionaries and lists; every parameter has an entry of its own."""
    found = change.diff
    return {
        "path": change.old.path if change.new.absent else change.new.path,
        "old": _side(change.old),
        "new": _side(change.new),
        "unchanged": found.unchanged,
        "layout": found.layout,
        "stored": change.stored,
        "missing_objects": change.missing,
        "parameters": [_row(row, change) for row in change.rows],
        "values": None
        if change.scalars is None
        else [{"name": value.name, "old": value.old, "new": value.new} for value in change.scalars],
    }


def _side(side: Side) -> dict[str, Any] | None:
    if side.absent:
        return None
    manifest = side.manifest
    files = {"files": list(side.model.parts.files)} if side.model else {}
    return {
        "path": side.path,
        "mode": side.mode or None,
        "format": manifest and manifest.format,
        "size": manifest and manifest.size,
        "problem": side.problem or None,
        **files,
    }


def _row(row: ParameterChange, change: CheckpointChange) -> dict[str, Any]:
    made = {
        "name": row.names[-1],
        "change": row.kind.value,
        "old": _entry(row.old),
        "new": _entry(row.new),
        "update": row.update or None,
        "stored": row.stored,
    }
    if row.files:
        made["files"] = {"old": row.files[0], "new": row.files[1]}
    result = change.measured.get(row.names[-1]) if row.old and row.new else None
    if isinstance(result, Distance):
        made["statistics"] = {
            "norm": result.norm,
            "relative": result.relative,
            "largest": result.largest,
            "cosine": result.cosine,
            "changed": result.changed,
            "count": result.count,
            "broken": result.broken,
        }
    elif result:
        made["statistics"] = {"problem": result}
    return made


def _entry(entry: Entry | None) -> dict[str, Any] | None:
    if entry is None:
        return None
    return {
        "name": entry.name,
        "dtype": entry.spec.dtype,
        "shape": list(entry.spec.shape),
        "size": entry.spec.nbytes,
        "digest": entry.digest,
    }
