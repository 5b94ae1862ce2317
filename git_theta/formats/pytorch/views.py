"""Views of storages: the nodes that stand for tensors, which are calls of PyTorch's rebuild functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from git_theta.errors import FormatError
from git_theta.formats.pickle.nodes import Dict, Global, Object, PersistentId
from git_theta.formats.pytorch.dtypes import PACKED_STORAGES, STORAGE_DTYPES, TORCH_DTYPES
from git_theta.model.tensor import ITEM_SIZE, MAX_DIMENSIONS

#: Characters of the key of a storage.
_MAX_KEY = 255

_TYPED = frozenset(("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_qtensor"))

#: Rebuild function → position of the argument with marks of a view; and its marks.
_METADATA = {"_rebuild_tensor_v2": 6, "_rebuild_tensor_v3": 7}
_MARKS = {"conj": "conjugated", "neg": "negated"}

_FROM_TYPE = frozenset(("_rebuild_from_type", "_rebuild_from_type_v2"))
_WRAPPERS = frozenset(
    (
        "_rebuild_parameter",
        "_rebuild_parameter_with_state",
        "_rebuild_device_tensor_from_cpu_tensor",
        # PyTorch before 0.4 called the classes.
        "Parameter",
        "Variable",
    )
)


@dataclass(frozen=True, slots=True)
class Storage:
    """A flat array of elements that tensors are views of.

    Attributes:
        key: Its name in the file.
        dtype: Dtype of its elements, or `None` if several share a byte.
        count: Number of elements; of bytes if several share one.
        part: First element and length of a piece of the storage `key`, as old versions of PyTorch wrote.
    """

    key: str
    dtype: str | None
    count: int
    part: tuple[int, int] | None = None

    @property
    def item_size(self) -> int:
        """Bytes per element."""
        return 1 if self.dtype is None else ITEM_SIZE[self.dtype]

    @property
    def nbytes(self) -> int:
        """Bytes of the whole storage, also if this is a part of it."""
        return self.count * self.item_size

    def range_in(self, start: int, size: int) -> tuple[int, int]:
        """Position and size in bytes, in the file, of the storage or of its part.

        Args:
            start: Position of the whole storage, in bytes.
            size: Its size in the file, in bytes.
        """
        if self.part is None:
            return start, size
        first, count = self.part
        return start + first * self.item_size, count * self.item_size


@dataclass(frozen=True, slots=True)
class View:
    """A tensor as a view of a storage; offset and strides count elements."""

    storage: Storage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def as_storage(node: PersistentId) -> Storage | None:
    """The storage that a persistent id stands for, `None` if it stands for another object.

    Raises:
        FormatError: The storage is of an unknown kind, or its numbers can't be.
    """
    match node.id:
        case ("storage", Global(name=name), str(key), _, int(count)):
            part = None
        case ("storage", Global(name=name), str(key), _, int(count), None):
            part = None
        case ("storage", Global(name=name), str(key), _, int(count), (_, int(first), int(length))):
            part = (first, length)
            if min(part) < 0 or first + length > count:
                raise FormatError("a piece of a storage lies outside it")
        case ("storage", *_):
            raise FormatError("a storage is described wrongly")
        case _:
            return None
    if count < 0 or len(key) > _MAX_KEY or (name not in STORAGE_DTYPES and name not in PACKED_STORAGES):
        raise FormatError(f"a storage of a kind that isn't known: {name[:40]}, {key[:40]}")
    return Storage(key, STORAGE_DTYPES.get(name), count, part)


def as_view(node: Any) -> View | None:
    """The tensor that a node stands for; `None` if it's no tensor, or one whose elements aren't plain.

    Raises:
        FormatError: The tensor is described wrongly.
    """
    if isinstance(node, PersistentId):
        storage = as_storage(node)
        if storage is None or storage.dtype is None:
            return None
        count = storage.part[1] if storage.part else storage.count
        return View(storage, storage.dtype, 0, (count,), (1,))
    if not isinstance(node, Object):
        return None
    function, args = _call_of(node)
    if function in _TYPED and len(args) >= 4:
        return _view(args, None)
    if function == "_rebuild_tensor_v3" and len(args) >= 7:
        return _view(args, args[6])
    return None


def stored_form(node: Any) -> str:
    """A participle for a tensor whose elements in the storage aren't its values; empty if they are.

    PyTorch conjugates and negates such views when they're read, without writing anything.

    Args:
        node: A node that stands for a tensor; see `as_view`.
    """
    if not isinstance(node, Object):
        return ""
    function, args = _call_of(node)
    if function == "_rebuild_qtensor":
        return "quantised"
    at = _METADATA.get(function)
    marks = args[at] if at is not None and len(args) > at else None
    pairs = marks.pairs if isinstance(marks, Dict) else []
    return next(
        (_MARKS[key] for key, value in pairs if isinstance(key, str) and key in _MARKS and value is True), ""
    )


def _view(args: tuple[Any, ...], dtype: Any) -> View | None:
    reference, offset, shape, strides = args[:4]
    storage = as_storage(reference) if isinstance(reference, PersistentId) else None
    if storage is None:
        return None
    name = storage.dtype if dtype is None else TORCH_DTYPES.get(getattr(dtype, "name", ""))
    if name is None:
        return None
    sequences = isinstance(shape, (list, tuple)) and isinstance(strides, (list, tuple))
    if not sequences or len(shape) != len(strides) or len(shape) > MAX_DIMENSIONS:
        raise FormatError("a tensor's shape and strides don't fit")
    if not all(type(number) is int for number in (offset, *shape, *strides)):
        raise FormatError("a tensor's shape isn't made of whole numbers")
    return View(storage, name, offset, tuple(shape), tuple(strides))


def _call_of(node: Object) -> tuple[str, tuple[Any, ...]]:
    """Name and arguments of the rebuild function; of a tensor subclass, those of the tensor."""
    function, args = _name_of(node.callable), node.args
    if function in _FROM_TYPE and len(args) >= 3 and isinstance(args[2], tuple):
        return _name_of(args[0]), args[2]
    return function, args


def _name_of(function: Any) -> str:
    if isinstance(function, Global) and function.module.startswith("torch"):
        return function.name
    return ""


def is_wrapper(node: Any) -> bool:
    """Whether a node wraps its first argument, so that they share a name; a wrapper of a wrapper doesn't."""
    return _is_wrapped(node) and not _is_wrapped(node.args[0])


def _is_wrapped(node: Any) -> bool:
    return isinstance(node, Object) and bool(node.args) and _name_of(node.callable) in _WRAPPERS


def is_subclass(node: Object) -> bool:
    """Whether a node is a tensor subclass: function, type, arguments, state."""
    return len(node.args) >= 4 and _name_of(node.callable) in _FROM_TYPE
