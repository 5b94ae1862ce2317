"""PyTorch's tensors in plain pickles: each storage is a whole file by `torch.save`, in a byte string."""

from __future__ import annotations

from typing import Any

from git_theta.errors import FormatError
from git_theta.formats.base import Tensor
from git_theta.formats.pickle.nodes import Bytes, Global, Object, PersistentId
from git_theta.formats.pytorch.legacy_file import LegacyFile, read_legacy
from git_theta.formats.pytorch.locate_views import place_of
from git_theta.formats.pytorch.views import as_view

#: Storages of one pickle.
_MAX_FILES = 300_000


class TorchTensors:
    """Reads the tensors of one pickle; a storage that several tensors share is read once.

    Args:
        data: The bytes that the pickle is in.
    """

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._files: dict[int, LegacyFile] = {}

    def read(self, node: Any) -> Tensor | None:
        """The tensor that a node stands for, without a name; `None` if it's none, or shows an element twice.

        Raises:
            FormatError: It's described wrongly, or its storage is damaged.
        """
        match node:
            case Object(
                Global(module="torch._utils"),
                (Object(Global(module="torch.storage", name="_load_from_bytes"), (Bytes(at, size),)), *rest),
            ):
                return self._tensor(node, at, size, rest)
        return None

    def _tensor(self, node: Object, at: int, size: int, rest: list[Any]) -> Tensor | None:
        file = self._file(at, size)
        if not isinstance(file.tree.root, PersistentId):
            return None
        view = as_view(Object(node.callable, (file.tree.root, *rest)))
        if view is None:
            return None
        start = at + file.starts[view.storage.key]
        place = place_of("", view, view.storage.range_in(start, view.storage.nbytes))
        return Tensor("", place[1], place[0], place[2], file.big_endian) if place else None

    def _file(self, at: int, size: int) -> LegacyFile:
        if at not in self._files:
            if len(self._files) == _MAX_FILES:
                raise FormatError(f"more than {_MAX_FILES} storages")
            self._files[at] = read_legacy(self._data[at : at + size])
        return self._files[at]
