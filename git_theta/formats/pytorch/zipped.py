"""The format of `torch.save` and `torch.jit.save` since PyTorch 1.6: a zip of storages and a pickle."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from git_theta.errors import FormatError
from git_theta.formats.base import Located
from git_theta.formats.pickle.unpickle_inert import read_pickle
from git_theta.formats.pytorch.locate_views import Found, locate_views
from git_theta.formats.pytorch.tree import named_views
from git_theta.formats.pytorch.zip_records import (
    MAX_PICKLE,
    is_big_endian,
    read_records,
    record_checksums,
)
from git_theta.formats.zip_reader import (
    STORED,
    Member,
    directory_range,
    first_member_name,
    read_member,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from git_theta.formats.base import Alignment, FileDraft, FileVersion, Prefer
    from git_theta.formats.pytorch.version_tree import VersionTree
    from git_theta.model.tensor import TensorSpec


class PyTorchZip:
    """Zip archives by PyTorch, plain or TorchScript."""

    name = "pytorch"

    def matches(self, data: memoryview) -> bool:
        """A zip archive with a `data.pkl` in a folder; if it's cut off, as its first member."""
        if bytes(data[:4]) != b"PK\x03\x04":
            return False
        try:
            start, end = directory_range(data)
        except FormatError:
            return first_member_name(data).endswith(b"/data.pkl")
        return end - start <= MAX_PICKLE and b"/data.pkl" in bytes(data[start:end])

    def locate(self, data: memoryview) -> Located:
        """Find the tensors of `data.pkl` and, in TorchScript archives, of `constants.pkl`."""
        found, _, records = read_records(data)
        big_endian = is_big_endian(data, records)
        used: set[str] = set()
        views = chain(
            _views(data, records, "data", "", used), _views(data, records, "constants", "constants", used)
        )
        tensors = locate_views(views, len(data), big_endian)
        return Located(tensors, record_checksums(found, used, records.get(".data/serialization_id")))

    def scalars(self, data: memoryview) -> Iterator[tuple[str, str]]:
        """The plain values of `data.pkl`."""
        from git_theta.formats.pytorch.scalars import zipped_scalars

        return zipped_scalars(data)

    def stored_forms(self, data: memoryview) -> Iterator[tuple[str, str]]:
        """Tensors of `data.pkl` that are conjugated, negated or quantised."""
        from git_theta.formats.pytorch.scalars import zipped_forms

        return zipped_forms(data)

    def align(self, base: FileVersion | None, sides: Sequence[FileVersion], prefer: Prefer) -> Alignment:
        """Compare the trees."""
        from git_theta.formats.pytorch.alignment import align_trees

        return align_trees(base, sides, self._tree, prefer)

    def create(self, specs: Mapping[str, TensorSpec], metadata: Mapping[str, str]) -> memoryview:
        """A dictionary of tensors, as `torch.save` writes a state dict."""
        from git_theta.formats.pytorch.state_dict import new_state_dict

        return new_state_dict(specs)

    def compose(
        self,
        base: FileVersion | None,
        sides: Sequence[FileVersion],
        wanted: Mapping[str, TensorSpec],
        prefer: Prefer,
    ) -> FileDraft:
        """Merge the trees of `data.pkl`, and write a new archive."""
        from git_theta.formats.pytorch.compose_zipped import compose_zipped
        from git_theta.formats.pytorch.merge import merge_trees

        return compose_zipped(base, sides, merge_trees(base, sides, self._tree, wanted, prefer))

    def _tree(self, version: FileVersion) -> VersionTree:
        from git_theta.formats.pytorch.compose_zipped import zipped_tree
        from git_theta.formats.pytorch.version_tree import read_once

        return read_once(version, lambda: zipped_tree(version, self.locate(version.skeleton)))


def _views(
    data: memoryview, records: Mapping[str, Member], folder: str, prefix: str, used: set[str]
) -> Iterator[Found]:
    """The views of one pickle, and the ranges of their storages, which are in the folder of its name."""
    if f"{folder}.pkl" not in records:
        return
    tree = read_pickle(read_member(data, records[f"{folder}.pkl"], MAX_PICKLE)).root
    for name, view in named_views(tree, prefix):
        storage = view.storage
        member = records.get(f"{folder}/{storage.key}")
        if member is None or member.method != STORED or storage.nbytes > member.size:
            raise FormatError(f"storage {storage.key} is missing, compressed or too short")
        used.add(member.name)
        yield name, view, (member.offset, storage.nbytes)
