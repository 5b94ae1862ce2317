"""NumPy's arrays in a tree of inert nodes."""

from __future__ import annotations

import math
from typing import Any

from git_theta.formats.base import Tensor
from git_theta.formats.pickle.dtypes import PickledDtype, has_objects, read_dtype
from git_theta.formats.pickle.nodes import Bytes, ByteText, Dict, Global, Object
from git_theta.formats.strides import fortran_strides, strides_of_order
from git_theta.model.tensor import ITEM_SIZE, TensorSpec

#: The nodes of an array's bytes or objects, dtype, shape and order.
Parts = tuple[Any, Any, Any, Any]
_NONE: Parts = (None, None, None, None)

_MULTIARRAY = frozenset(("numpy.core.multiarray", "numpy._core.multiarray"))
_NUMERIC = frozenset(("numpy.core.numeric", "numpy._core.numeric"))
_MASKED = frozenset(("numpy.ma.core",))
_JAX = frozenset(("jax._src.array", "jax.array", "jax._src.device_array"))


def as_array(node: Any) -> Tensor | None:
    """The array that a node stands for, without a name; `None` if it's none of plain elements."""
    if not isinstance(node, Object) or not isinstance(node.callable, Global):
        return None
    return _array(*array_parts(node))


def array_parts(node: Object) -> Parts:
    """The parts of an array; all `None` if a node is no array.

    The order is "C", "F", or a tuple: for each dimension, its position in the shape that is stored.
    """
    if is_joblib_array(node):
        attributes = dict(node.state.pairs)
        data = node.items[0] if node.items else None
        return data, attributes.get("dtype"), attributes.get("shape"), attributes.get("order")
    function = node.callable
    if not isinstance(function, Global):
        return _NONE
    module = function.module
    match function.name, node.args:
        case "_reconstruct", (_, _, kind) if module in _MULTIARRAY:
            parts = _state_parts(node.state)
            # The bytes of an array of one byte may be those of the code.
            return _NONE if parts[0] is kind else parts
        case "_mareconstruct", _ if module in _MASKED:
            return _state_parts(node.state)
        case "_reconstruct_array" | "reconstruct_device_array", (_, _, state, *_) if module in _JAX:
            return _state_parts(state)
        case "_frombuffer", (data, dtype, shape, "K", axes) if module in _NUMERIC:
            return data, dtype, shape, axes
        case "_frombuffer", (data, dtype, shape, order, *_) if module in _NUMERIC:
            return data, dtype, shape, order
    return _NONE


def _state_parts(state: Any) -> Parts:
    """The parts of the state of an array; that of a masked one goes on with its mask."""
    match state:
        case (int(), shape, dtype, fortran, data, *_):
            return data, dtype, shape, "F" if fortran else "C"
    return _NONE


def is_text_array(node: Any) -> bool:
    """Whether the bytes of an array are an encoded text, as Python 3 writes them for Python 2."""
    if not isinstance(node, Object):
        return False
    match array_parts(node)[0]:
        case Object(Global(module="_codecs", name="encode")):
            return True
    return False


def is_joblib_array(node: Object) -> bool:
    """Whether a node is the description that joblib writes before the bytes of an array."""
    match node:
        case Object(Global(module=module, name="NumpyArrayWrapper"), state=Dict(pairs)):
            # Earlier versions of scikit-learn had a copy of joblib.
            return module.endswith("joblib.numpy_pickle") and all(isinstance(key, str) for key, _ in pairs)
    return False


def joblib_nbytes(node: Object) -> int | None:
    """Bytes of the elements of an array by joblib; `None` if these are Python's objects.

    Raises:
        ValueError: The array's dtype or shape isn't known.
    """
    _, dtype, shape, _ = array_parts(node)
    if has_objects(dtype):
        return None
    found, sizes = read_dtype(dtype), _sizes(shape)
    if found is None or sizes is None:
        raise ValueError("an array of joblib's whose dtype or shape isn't known")
    return math.prod(found.shape(sizes)) * ITEM_SIZE[found.name]


def _array(data: Any, dtype: Any, shape: Any, order: Any) -> Tensor | None:
    found, sizes = read_dtype(dtype), _sizes(shape)
    if found is None or sizes is None or not isinstance(data, (Bytes, ByteText)):
        return None
    try:
        spec = TensorSpec(found.name, found.shape(sizes))
    except ValueError:
        return None
    if spec.nbytes != data.size:
        return None
    if order in ("C", "F"):
        strides = _fortran(spec, found) if order == "F" else None
        return Tensor("", spec, data.offset, strides, found.big_endian)
    return _permuted(spec, found, data.offset, order)


def _fortran(spec: TensorSpec, dtype: PickledDtype) -> tuple[int, ...] | None:
    if dtype.size is None:
        return fortran_strides(spec)
    # The bytes of an element stay together.
    last = len(spec.shape) - 1
    return strides_of_order(spec, (*range(last)[::-1], last))


def _permuted(spec: TensorSpec, dtype: PickledDtype, offset: int, axes: Any) -> Tensor | None:
    """An array whose shape is that in memory, and whose dimensions are those of the numbers `axes`."""
    count = len(spec.shape) - (dtype.size is not None)
    if not isinstance(axes, tuple) or not all(type(axis) is int for axis in axes):
        return None
    if sorted(axes) != list(range(count)):
        return None
    dimensions = (*axes, *range(count, len(spec.shape)))
    logical = TensorSpec(spec.dtype, tuple(spec.shape[axis] for axis in dimensions))
    strides = strides_of_order(logical, [dimensions.index(axis) for axis in range(len(dimensions))])
    return Tensor("", logical, offset, strides, dtype.big_endian)


def _sizes(shape: Any) -> tuple[int, ...] | None:
    if not isinstance(shape, tuple) or not all(type(size) is int and size >= 0 for size in shape):
        return None
    return shape
