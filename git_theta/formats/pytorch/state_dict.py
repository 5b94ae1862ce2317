"""A new file of PyTorch's: a dictionary of tensors, each with a storage of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from git_theta.formats.base import ComposeError
from git_theta.formats.pickle.nodes import Dict, Global, Object, PersistentId
from git_theta.formats.pytorch.dtypes import STORAGE_DTYPES, TORCH_DTYPES
from git_theta.formats.pytorch.pickler import write_pickle
from git_theta.formats.pytorch.slots import Slot
from git_theta.formats.pytorch.version_tree import VersionTree
from git_theta.formats.pytorch.zip_writer import Record, write_archive

if TYPE_CHECKING:
    from git_theta.model.tensor import TensorSpec

_ALIGNMENT = 64

#: dtype → the storage class that PyTorch writes for it; other dtypes have storages of bytes.
_STORAGES = {
    dtype: name
    for name, dtype in STORAGE_DTYPES.items()
    if name not in ("UntypedStorage", "_UntypedStorage", "ComplexHalfStorage") and not name.startswith("Q")
}

#: dtype → name of the `torch.dtype`.
_TORCH = {dtype: name for name, dtype in TORCH_DTYPES.items()}


def new_state_dict(specs: Mapping[str, TensorSpec]) -> memoryview:
    """A file that `torch.load` reads as a dictionary of tensors, without their values and checksums.

    Args:
        specs: Dtype and shape of each tensor, in the order of the dictionary.

    Raises:
        ComposeError: PyTorch has no such dtype, or there's no room.
    """
    sizes = {str(index): (0, spec.nbytes) for index, spec in enumerate(specs.values())}
    # Each storage is the bytes of one tensor, which are written later.
    sharing = {key: (name,) for key, name in zip(sizes, specs, strict=True)}
    source = VersionTree(None, b"", memoryview(b""), sizes, [], False, {}, {}, {}, sharing)
    tree = Dict([(name, _tensor(name, str(index), spec)) for index, (name, spec) in enumerate(specs.items())])
    slots: list[Record] = [(f"data/{key}", Slot(source, key, key)) for key in sizes]
    records = [("data.pkl", write_pickle(tree)), ("byteorder", b"little"), *slots, ("version", b"3\n")]
    return write_archive("archive", records, _ALIGNMENT)


def _tensor(name: str, key: str, spec: TensorSpec) -> Any:
    """The pickled call by which PyTorch takes a whole storage for a tensor."""
    if spec.dtype not in _TORCH:
        raise ComposeError(f"PyTorch has no dtype {spec.dtype}, which {name!r} has")
    typed = _STORAGES.get(spec.dtype)
    kind = Global("torch", typed) if typed else Global("torch.storage", "UntypedStorage")
    storage = PersistentId(("storage", kind, key, "cpu", spec.count if typed else spec.nbytes))
    strides = tuple(step // spec.item_size for step in spec.strides)
    hooks = Object(Global("collections", "OrderedDict"), ())
    arguments = (storage, 0, spec.shape, strides, False, hooks)
    if typed:
        return Object(Global("torch._utils", "_rebuild_tensor_v2"), arguments)
    dtype = Global("torch", _TORCH[spec.dtype])
    return Object(Global("torch._utils", "_rebuild_tensor_v3"), (*arguments, dtype))
