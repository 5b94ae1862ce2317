"""Pairs of a model and the same model in another form: other dtypes, and elements in other places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.models import noisy, read_model, write_model, written_pairs
from benchmarks.pairs import Pair

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from benchmarks.models import Model
    from benchmarks.pairs import Pair

#: Only these layers' parameters count: enough of each kind.
_LAYERS = ("encoder.layer.0.", "encoder.layer.1.")
_HEADS = 12

#: Targets: of a value that can be computed from the old one, and of one that was tuned, too.
_COMPUTED, _TUNED = 0.002, 0.41


def forms(base: Path, tuned: Path | None, folder: Path) -> Iterator[Pair]:
    """Pairs of two layers in their own form, and in another one.

    Args:
        base: A safetensors checkpoint of BERT's names.
        tuned: A fine-tune of it; `None` to add noise.
        folder: Where the files go.
    """
    import ml_dtypes
    import numpy as np

    old = read_model(base, _LAYERS)
    new = read_model(tuned, _LAYERS) if tuned else {name: noisy(array) for name, array in old.items()}
    half: Model = {name: array.astype(ml_dtypes.bfloat16) for name, array in old.items()}
    new_half: Model = {name: array.astype(ml_dtypes.bfloat16) for name, array in new.items()}
    kernel = old["encoder.layer.0.intermediate.dense.weight"].reshape(-1, 4, 4, 4)
    wider = np.concatenate([kernel, np.zeros_like(kernel)], axis=1)
    rows = [
        ("float32 → bfloat16", old, half, _COMPUTED),
        ("float32 → float16", old, {name: array.astype("<f2") for name, array in old.items()}, _COMPUTED),
        ("bfloat16 → float32", half, {name: array.astype("<f4") for name, array in half.items()}, _COMPUTED),
        ("float32 → bfloat16, tuned", old, new_half, 0.10),
        ("flattened, tuned", old, {name: array.reshape(-1) for name, array in new.items()}, _TUNED),
        ("transposed", old, _transposed(old), _COMPUTED),
        ("transposed, tuned", old, _transposed(new), _TUNED),
        ("q, k, v fused", old, _fused(old), _COMPUTED),
        ("q, k, v fused, tuned", old, _fused(new), _TUNED),
        ("q, k, v split", _fused(old), old, _COMPUTED),
        ("q, k, v fused by head", old, _fused_by_head(old), _COMPUTED),
        ("matrices stacked, as experts", old, _stacked(old), _COMPUTED),
        ("matrices stacked, tuned", old, _stacked(new), _TUNED),
        ("matrices unstacked", _stacked(old), old, _COMPUTED),
        ("rows permuted for rotary positions", old, _rotary(old), _COMPUTED),
        ("float32 → int8, a scale for each row", old, _quantised(old, "<i1"), 0.10),
        ("float32 → float8, a scale for each matrix", old, _quantised(old, ml_dtypes.float8_e4m3fn), 0.10),
        ("inputs of zeros added", {"conv_in.weight": kernel}, {"conv_in.weight": wider}, 0.01),
    ]
    averages: Model = {f"ema.{name}": array for name, array in new.items()}
    copies: Model = {f"half.{name}": array for name, array in half.items()}
    rows += [
        ("weights with their moving average", old, old | averages, 0.40),
        ("weights with a bfloat16 copy", old, old | copies, _COMPUTED),
    ]
    yield from written_pairs(rows, folder, "form")
    yield from _merged(old, new, folder)


def _merged(base: Model, tuned: Model, folder: Path) -> Iterator[Pair]:
    """Models that another program merged, beside their parents."""
    import numpy as np

    other = {name: noisy(array, seed=1) for name, array in base.items()}
    average = {name: (array + other[name]) / np.float32(2) for name, array in tuned.items()}
    share = np.float32(0.4)
    arithmetic = {
        name: array + share * (tuned[name] - array) + share * (other[name] - array)
        for name, array in base.items()
    }
    models = {"base": base, "tuned": tuned, "other": other, "average": average, "arithmetic": arithmetic}
    paths = {name: folder / f"merged-{name}.safetensors" for name in models}
    for name, model in models.items():
        write_model(paths[name], model)
    parents = paths["tuned"], paths["other"]
    for name, title in (("average", "average of two"), ("arithmetic", "task arithmetic")):
        yield Pair(title, paths["base"], paths[name], 0.05, elsewhere=True, parents=parents)


def _quantised(model: Model, dtype: Any) -> Model:
    """Matrices as int8 by rows, or as float8, with their scales; the rest as bfloat16."""
    import ml_dtypes
    import numpy as np

    found: Model = {}
    for name, array in model.items():
        if array.ndim < 2:
            found[name] = array.astype(ml_dtypes.bfloat16)
            continue
        by_rows = dtype == "<i1"
        most = np.abs(array).max(axis=1, keepdims=True) if by_rows else np.abs(array).max(keepdims=True)
        scales = most / np.float32(127 if by_rows else 448)
        found[name] = (np.rint(array / scales) if by_rows else array / scales).astype(dtype)
        found[f"{name}_scale"] = scales
    return found


def _transposed(model: Model) -> Model:
    return {name: array.T for name, array in model.items()}


def _attention(model: Model) -> Iterator[tuple[str, list[NDArray[Any]]]]:
    """The name of each query, key and value together, and the three arrays."""
    for name, array in model.items():
        if ".self.query." in name:
            others = [model[name.replace("query", part)] for part in ("key", "value")]
            yield name.replace("query", "qkv"), [array, *others]


def _without_attention(model: Model) -> Model:
    return {name: array for name, array in model.items() if ".self." not in name}


def _fused(model: Model) -> Model:
    import numpy as np

    return _without_attention(model) | {name: np.concatenate(parts) for name, parts in _attention(model)}


def _fused_by_head(model: Model) -> Model:
    """As in models whose matrix has the query, key and value of one head after the other."""
    import numpy as np

    fused = _without_attention(model)
    for name, parts in _attention(model):
        heads = [part.reshape(_HEADS, -1, *part.shape[1:]) for part in parts]
        fused[name] = np.concatenate(heads, axis=1).reshape(-1, *parts[0].shape[1:])
    return fused


def _stacked(model: Model) -> Model:
    """The query, key and value as one array of three dimensions."""
    import numpy as np

    return _without_attention(model) | {name: np.stack(parts) for name, parts in _attention(model)}


def _rotary(model: Model) -> Model:
    """Queries and keys with the halves of each head's rows interleaved, as some implementations have them."""
    permuted = dict(model)
    for name, array in model.items():
        if ".self.query.weight" in name or ".self.key.weight" in name:
            halves = array.reshape(_HEADS, 2, -1, array.shape[1])
            permuted[name] = halves.swapaxes(1, 2).reshape(array.shape)
    return permuted
