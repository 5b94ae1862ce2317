"""Changes of a checkpoint besides its parameters: metadata, the epoch, the learning rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from git_theta.errors import FormatError
from git_theta.formats.scalars import scalars
from git_theta.report.side import Side
from git_theta.sharding.joined import shard_label

#: Characters of a text; longer ones are cut.
_MAX_TEXT = 60


@dataclass(frozen=True, slots=True)
class ScalarChange:
    """A value that isn't a tensor.

    Attributes:
        name: Its path of keys, joined by `/`.
        old: Its text before; `None` if the old version doesn't have it.
        new: Its text after; `None` if the new version doesn't have it.
    """

    name: str
    old: str | None
    new: str | None


def scalar_changes(old: Side, new: Side) -> tuple[ScalarChange, ...] | None:
    """The scalars that differ, by name; `None` if a format has none, or a file is damaged.

    Raises:
        ThetaError: A layout is missing or damaged in the store.
    """
    before, after = _read(old), _read(new)
    if before is None or after is None:
        return None
    names = sorted({*before, *after})
    return tuple(
        ScalarChange(name, _cut(before.get(name)), _cut(after.get(name)))
        for name in names
        if before.get(name) != after.get(name)
    )


def _read(side: Side) -> dict[str, str] | None:
    """The scalars of a version; where shards differ, the name has the shard's at its end."""
    if len(side.members) > 1:
        return _joined([(shard_label(each.path), _read(each)) for each in side.members])
    if side.manifest is None or side.reader is None:
        return None
    try:
        return scalars(side.manifest.format, side.reader.skeleton)
    except FormatError:
        return None


def _joined(shards: Sequence[tuple[str, dict[str, str] | None]]) -> dict[str, str] | None:
    found: dict[str, dict[str, str]] = {}
    for label, values in shards:
        if values is None:
            return None
        for name, text in values.items():
            found.setdefault(name, {})[label] = text
    joined = {}
    for name, texts in found.items():
        if len(set(texts.values())) == 1:
            joined[name] = next(iter(texts.values()))
        else:
            joined |= {f"{name} (shard {label})": text for label, text in texts.items()}
    return joined


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= _MAX_TEXT:
        return text
    return text[: _MAX_TEXT - 1] + "…"
