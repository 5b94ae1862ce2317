"""Changes of parameters as they are told: those of one quantised weight are one change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from git_theta.model.manifest import Manifest
from git_theta.model.quantized_weights import QuantizedWeight, quantized_weights
from git_theta.report.change import ChangeKind, CheckpointChange, ParameterChange
from git_theta.report.text import shape_text, type_text
from git_theta.sharding.joined import shard_label

#: Kinds of changes of a parameter that is in both versions, which are one kind for a weight.
_CHANGED = dict.fromkeys((ChangeKind.RETYPED, ChangeKind.RESHAPED), ChangeKind.MODIFIED)


@dataclass(frozen=True, slots=True)
class WeightChange:
    """The change of a parameter, or of several that make up a quantised weight.

    Attributes:
        names: The name; of a renamed one, the old and the new name.
        rows: The changes of the parameters, that of the codes first.
        type: Dtype and shape, or how the weight was quantised and its shape.
    """

    names: tuple[str, ...]
    rows: tuple[ParameterChange, ...]
    type: str

    @property
    def kind(self) -> ChangeKind:
        """The kind of the change: of several parameters, that of the first."""
        return self.rows[0].kind

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for changes that may be told in one line."""
        return (
            self.kind,
            self.type,
            self.rows[0].files and tuple(map(shard_label, self.rows[0].files)),
            *((row.old and row.old.spec, row.new and row.new.spec) for row in self.rows),
        )


def weight_changes(change: CheckpointChange) -> Iterator[WeightChange]:
    """The changes of parameters of a file, those of a quantised weight together."""
    old, new = (_weights(side.manifest) for side in (change.old, change.new))
    groups: dict[object, list[ParameterChange]] = {}
    for number, row in enumerate(change.rows):
        weight = _weight(row, old, new)
        groups.setdefault((_CHANGED.get(row.kind, row.kind), weight.name) if weight else number, []).append(
            row
        )
    for rows in groups.values():
        weight = _weight(rows[0], old, new)
        if weight and len(rows) > 1:
            yield _together(weight, rows, old, new)
        else:
            yield from (WeightChange(row.names, (row,), _type(row)) for row in rows)


def _weights(manifest: Manifest | None) -> Mapping[str, QuantizedWeight]:
    """Name of a parameter → the quantised weight that it's part of."""
    specs = {entry.name: entry.spec for entry in manifest.entries} if manifest else {}
    return {name: weight for weight in quantized_weights(specs) for name in weight.members}


def _weight(
    row: ParameterChange, old: Mapping[str, QuantizedWeight], new: Mapping[str, QuantizedWeight]
) -> QuantizedWeight | None:
    """The quantised weight that a changed parameter is part of; a renamed one stands for itself."""
    if row.kind is ChangeKind.RENAMED:
        return None
    return new.get(row.new.name) if row.new else old.get(row.names[0])


def _together(
    weight: QuantizedWeight,
    rows: Sequence[ParameterChange],
    old: Mapping[str, QuantizedWeight],
    new: Mapping[str, QuantizedWeight],
) -> WeightChange:
    place = {name: at for at, name in enumerate(weight.members)}
    ordered = tuple(sorted(rows, key=lambda row: place[row.names[0]]))
    shown = replace(weight, members=tuple(row.names[0] for row in ordered))
    texts = [_weight_type(side[weight.members[0]]) for side in (old, new) if weight.members[0] in side]
    return WeightChange((shown.label,), ordered, " -> ".join(dict.fromkeys(texts)))


def _weight_type(weight: QuantizedWeight) -> str:
    return f"{weight.scheme} {'x'.join(map(str, weight.shape))}" if weight.shape else weight.scheme


def _type(row: ParameterChange) -> str:
    if row.old and row.new and row.kind is not ChangeKind.RENAMED:
        return type_text(row.old.spec, row.new.spec)
    entry = row.new or row.old
    return f"{entry.spec.dtype} {shape_text(entry.spec)}" if entry else ""
