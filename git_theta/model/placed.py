"""Placed parameters: the entries of a manifest at their places in the file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from git_theta.errors import CorruptError
from git_theta.model.checksum import WIDTHS
from git_theta.model.layout import Layout, Placement, extent
from git_theta.model.manifest import Entry, Manifest


@dataclass(frozen=True, slots=True)
class PlacedParameter:
    """A parameter and its place in the file."""

    entry: Entry
    place: Placement

    @property
    def extent(self) -> tuple[int, int]:
        """First and one-past-last byte in the file.

        Raises:
            CorruptError: The strides don't fit the shape, or the dtype, which is packed.
        """
        spec, place = self.entry.spec, self.place
        if spec.is_packed and (place.strides is not None or place.big_endian):
            raise CorruptError(f"the layout takes the packed parameter {self.entry.name!r} apart")
        if place.strides is None:
            return place.offset, place.offset + spec.nbytes
        if len(place.strides) != len(spec.shape):
            raise CorruptError(f"the layout doesn't fit the shape of parameter {self.entry.name!r}")
        return extent(place.offset, spec.shape, place.strides, spec.item_size)


def place_parameters(manifest: Manifest, layout: Layout) -> list[PlacedParameter]:
    """Every parameter at its place, in the layout's order.

    Raises:
        CorruptError: Manifest and layout have other parameters, or a place is outside the file.
    """
    entries = manifest.by_name
    names = {place.name for place in layout.placements}
    if len(names) != len(layout.placements) or names != entries.keys():
        odd = sorted(names ^ entries.keys())[:3]
        raise CorruptError(
            f"layout and parameters don't belong together (for example {', '.join(map(repr, odd))})",
            "the manifest was merged or edited as text: take one side as a whole",
        )
    placed = [PlacedParameter(entries[place.name], place) for place in layout.placements]
    for parameter in placed:
        low, high = parameter.extent
        if low < 0 or high > layout.size:
            raise CorruptError(f"parameter {parameter.entry.name!r} doesn't fit into its place in the file")
    return placed


def check_complete(manifest: Manifest, layout: Layout) -> None:
    """Check that the layout has no gaps: otherwise a small manifest could claim a file of any size.

    Raises:
        CorruptError: Literals, checksums and parameters have fewer bytes than the file, or a checksum is
            outside the file.
    """
    literals = sum(len(literal.data) for literal in layout.literals)
    fields = sum(WIDTHS.get(checksum.kind, 0) for checksum in layout.checksums)
    if literals + fields + sum(entry.spec.nbytes for entry in manifest.entries) < layout.size:
        raise CorruptError("the layout has gaps")
    for checksum in layout.checksums:
        if checksum.offset + WIDTHS.get(checksum.kind, 0) > layout.size:
            raise CorruptError("the layout has a checksum outside its file")


def without_tied(placed: Iterable[PlacedParameter]) -> list[PlacedParameter]:
    """The parameters without those at exactly the place of an earlier one.

    Raises:
        CorruptError: Tied parameters have different values.
    """
    seen: dict[tuple[object, ...], Entry] = {}
    distinct = []
    for parameter in placed:
        place, entry = parameter.place, parameter.entry
        key = (place.offset, place.strides, place.big_endian, entry.spec)
        if entry.spec.count and key in seen:
            if seen[key].digest != entry.digest:
                raise CorruptError(
                    f"parameters {seen[key].name!r} and {entry.name!r} are tied, and their values differ",
                    "give tied parameters the same value",
                )
            continue
        seen[key] = entry
        distinct.append(parameter)
    return distinct


def any_overlap(placed: Iterable[PlacedParameter]) -> bool:
    """Whether some parameters share bytes of the file."""
    end = 0
    for low, high in sorted(parameter.extent for parameter in placed if parameter.entry.spec.count):
        if low < end:
            return True
        end = max(end, high)
    return False


def sharing_names(placed: Iterable[PlacedParameter]) -> set[str]:
    """Names of the parameters that share bytes of the file with another one, tied or not."""
    names: set[str] = set()
    last, end = "", 0
    for (low, high), name in sorted((each.extent, each.entry.name) for each in placed):
        if low < end:
            names |= {last, name}
        if high > end:
            last, end = name, high
    return names
