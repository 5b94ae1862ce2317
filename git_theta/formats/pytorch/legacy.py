"""The format of `torch.save` before PyTorch 1.6: four pickles, a list of storage keys, and the storages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_theta.formats.base import Located
from git_theta.formats.pytorch.legacy_file import MAGIC, read_legacy
from git_theta.formats.pytorch.locate_views import locate_views
from git_theta.formats.pytorch.tree import named_views

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from git_theta.formats.base import Alignment, FileDraft, FileVersion, Prefer
    from git_theta.formats.pytorch.version_tree import VersionTree
    from git_theta.model.tensor import TensorSpec

#: How the pickle of the magic number starts, or where it is found early on in binary protocols.
_TEXT = b"L%dL\n." % MAGIC
_BINARY = b"\x8a\x0a" + MAGIC.to_bytes(10, "little") + b"."


class PyTorchLegacy:
    """Files by PyTorch before 1.6, and by later ones on request."""

    name = "pytorch-legacy"

    def matches(self, data: memoryview) -> bool:
        """A pickle of PyTorch's magic number."""
        head = bytes(data[:64])
        return head.startswith(_TEXT) or (head[:1] == b"\x80" and 0 < head.find(_BINARY) < 16)

    def locate(self, data: memoryview) -> Located:
        """Find the tensors; storages follow the pickles in the order of their keys."""
        found = read_legacy(data)
        views = (
            (name, view, view.storage.range_in(found.starts[view.storage.key], view.storage.nbytes))
            for name, view in named_views(found.tree.root)
        )
        return Located(locate_views(views, len(data), found.big_endian))

    def scalars(self, data: memoryview) -> Iterator[tuple[str, str]]:
        """The plain values of the content's pickle."""
        from git_theta.formats.pytorch.scalars import legacy_scalars

        return legacy_scalars(data)

    def stored_forms(self, data: memoryview) -> Iterator[tuple[str, str]]:
        """Tensors of the content's pickle that are conjugated, negated or quantised."""
        from git_theta.formats.pytorch.scalars import legacy_forms

        return legacy_forms(data)

    def align(self, base: FileVersion | None, sides: Sequence[FileVersion], prefer: Prefer) -> Alignment:
        """Compare the trees."""
        from git_theta.formats.pytorch.alignment import align_trees

        return align_trees(base, sides, self._tree, prefer)

    def compose(
        self,
        base: FileVersion | None,
        sides: Sequence[FileVersion],
        wanted: Mapping[str, TensorSpec],
        prefer: Prefer,
    ) -> FileDraft:
        """Merge the trees of the main pickles; everything else of the new file is as in the first side."""
        from git_theta.formats.pytorch.compose_legacy import compose_legacy
        from git_theta.formats.pytorch.merge import merge_trees

        return compose_legacy(sides, merge_trees(base, sides, self._tree, wanted, prefer))

    def _tree(self, version: FileVersion) -> VersionTree:
        from git_theta.formats.pytorch.compose_legacy import legacy_tree
        from git_theta.formats.pytorch.version_tree import read_once

        return read_once(version, lambda: legacy_tree(version, self.locate(version.skeleton)))
