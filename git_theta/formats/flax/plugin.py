"""Flax's checkpoints: finds the arrays, and lists the other values."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from git_theta.errors import FormatError
from git_theta.formats.base import Located
from git_theta.formats.flax.arrays import BEGINNING, array_at, is_array
from git_theta.formats.flax.leaves import leaves

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from git_theta.formats.base import FileDraft, FileVersion, Prefer
    from git_theta.model.tensor import TensorSpec

#: Leaves among which the first array must be.
_FIRST_LEAVES = 1000


class Flax:
    """The files of `flax.serialization.to_bytes`: `.msgpack`.

    The pieces of an array of over 1 GiB are arrays of their own: `PATH/chunks/0`.
    """

    name = "flax"

    def matches(self, data: memoryview) -> bool:
        """A map that has something, with an array among its first leaves: there are no magic bytes."""
        if len(data) < 8 or not (0x80 < data[0] < 0x90 or data[0] in (0xDE, 0xDF)):
            return False
        try:
            first = next(filter(is_array, islice(leaves(data), _FIRST_LEAVES)), None)
        except FormatError:
            # An array that the file doesn't have all of is one, too.
            return False
        return first is not None and first.content < first.end and data[first.content] == BEGINNING

    def locate(self, data: memoryview) -> Located:
        """Walk over the tree; arrays of texts and other odd dtypes stay in the layout."""
        arrays = (array_at(data, leaf) for leaf in leaves(data) if is_array(leaf))
        return Located(tuple(tensor for tensor in arrays if tensor))

    def scalars(self, data: memoryview) -> Iterator[tuple[str, str]]:
        """The numbers and texts in the tree by their path; of bytes, a checksum."""
        from git_theta.formats.flax.texts import tree_texts

        return tree_texts(data)

    def compose(
        self,
        base: FileVersion | None,
        sides: Sequence[FileVersion],
        wanted: Mapping[str, TensorSpec],
        prefer: Prefer,
    ) -> FileDraft:
        """Merge the trees by keys and positions, and write a new one."""
        from git_theta.formats.check_versions import check_versions
        from git_theta.formats.flax.compose import compose_flax

        check_versions(self, base, sides)
        return compose_flax(base, sides, wanted, prefer)
