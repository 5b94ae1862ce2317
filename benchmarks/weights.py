"""Checkpoints that look like trained ones: BERT-base's names and shapes, values as compressible as real ones.

Rows of a trained weight are close to Gaussian, each with a scale of its own. With the spread used
here the exponents of a float32 have an entropy of 2.60 bits; those of MiniLM-L6 have 2.61.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

_ROW_SPREAD = 0.25
_ITEM = {"F32": 4, "BF16": 2}
_HIDDEN, _WIDE, _LAYERS = 768, 3072, 12


def bert(layers: int = _LAYERS) -> dict[str, tuple[int, ...]]:
    """Names and shapes of BERT base; with its own twelve layers, 199 tensors and 109 million elements."""
    norm = {"LayerNorm.weight": (_HIDDEN,), "LayerNorm.bias": (_HIDDEN,)}
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (30522, _HIDDEN),
        "embeddings.position_embeddings.weight": (512, _HIDDEN),
        "embeddings.token_type_embeddings.weight": (2, _HIDDEN),
        **{f"embeddings.{name}": shape for name, shape in norm.items()},
    }
    square = [f"attention.self.{part}" for part in ("query", "key", "value")] + ["attention.output.dense"]
    for layer in (f"encoder.layer.{index}" for index in range(layers)):
        for name in square:
            shapes |= {f"{layer}.{name}.weight": (_HIDDEN, _HIDDEN), f"{layer}.{name}.bias": (_HIDDEN,)}
        shapes |= {
            f"{layer}.intermediate.dense.weight": (_WIDE, _HIDDEN),
            f"{layer}.intermediate.dense.bias": (_WIDE,),
            f"{layer}.output.dense.weight": (_HIDDEN, _WIDE),
            f"{layer}.output.dense.bias": (_HIDDEN,),
            **{f"{layer}.attention.output.{name}": shape for name, shape in norm.items()},
            **{f"{layer}.output.{name}": shape for name, shape in norm.items()},
        }
    return shapes | {"pooler.dense.weight": (_HIDDEN, _HIDDEN), "pooler.dense.bias": (_HIDDEN,)}


def lora(rank: int = 8, layers: int = 10) -> dict[str, tuple[int, ...]]:
    """A LoRA adapter of the query and value projections, 1 MB in float32."""
    return {
        f"base_model.model.encoder.layer.{layer}.attention.self.{part}.lora_{side}.weight": shape
        for layer in range(layers)
        for part in ("query", "value")
        for side, shape in (("A", (rank, _HIDDEN)), ("B", (_HIDDEN, rank)))
    }


def write(path: Path, shapes: Mapping[str, Sequence[int]], dtype: str = "F32", seed: int = 0) -> None:
    """Write a safetensors file of generated values; `dtype` is `F32` or `BF16` (the cast of the same)."""
    import numpy as np

    rng = np.random.default_rng(seed)
    _write(path, dtype, shapes, (_values(rng, name, shape) for name, shape in sorted(shapes.items())))


def cast(source: Path, target: Path) -> None:
    """Write a bfloat16 copy of a float32 safetensors file; tensors of other types keep theirs."""
    import numpy as np

    header, start = read_header(source)
    data = np.memmap(source, np.uint8, "r")
    fields, pieces, end = {}, [], 0
    for name, field in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, to = (start + offset for offset in field["data_offsets"])
        piece = data[begin:to].tobytes()
        dtype = "BF16" if field["dtype"] == "F32" else field["dtype"]
        if field["dtype"] == "F32":
            piece = _bfloat16(np.frombuffer(piece, "<f4"))
        fields[name] = {"dtype": dtype, "shape": field["shape"], "data_offsets": [end, end + len(piece)]}
        end += len(piece)
        pieces.append(piece)
    with target.open("wb") as file:
        file.write(_encode_header(fields))
        file.writelines(pieces)


def change(path: Path, share: float = 0.01, seed: int = 0) -> list[str]:
    """Perturb one tensor in a hundred (matrices of medium size, at least one) in place.

    Returns:
        Names of the changed tensors.
    """
    import numpy as np

    header, start = read_header(path)
    by_size = sorted(header, key=lambda name: (np.prod(header[name]["shape"]), name))
    matrices = [name for name in by_size if len(header[name]["shape"]) > 1] or by_size
    chosen = matrices[len(matrices) // 2 :][: max(1, round(share * len(header)))]
    rng = np.random.default_rng(seed + 1)
    with path.open("r+b") as file:
        for name in chosen:
            begin, to = (start + offset for offset in header[name]["data_offsets"])
            file.seek(begin)
            piece = file.read(to - begin)
            file.seek(begin)
            file.write(_perturbed(piece, header[name]["dtype"], rng))
    return chosen


def tune(path: Path, seed: int = 0) -> None:
    """Perturb every tensor in place, as an epoch of fine-tuning does."""
    import numpy as np

    header, start = read_header(path)
    rng = np.random.default_rng(seed + 1)
    with path.open("r+b") as file:
        for field in header.values():
            begin, to = (start + offset for offset in field["data_offsets"])
            file.seek(begin)
            piece = file.read(to - begin)
            file.seek(begin)
            file.write(_perturbed(piece, field["dtype"], rng))


def add_low_rank(path: Path, rank: int = 8, seed: int = 0) -> None:
    """Add a product of two thin matrices to each query and value matrix in place, as merging a LoRA does."""
    import numpy as np

    header, start = read_header(path)
    rng = np.random.default_rng(seed + 1)
    with path.open("r+b") as file:
        for name, field in header.items():
            if not name.endswith(("query.weight", "value.weight")):
                continue
            begin, to = (start + offset for offset in field["data_offsets"])
            file.seek(begin)
            value = np.frombuffer(file.read(to - begin), "<f4").reshape(field["shape"])
            left, right = (rng.standard_normal((size, rank), dtype=np.float32) for size in value.shape)
            file.seek(begin)
            file.write((value + np.float32(1e-3) * (left @ right.T)).astype("<f4").tobytes())


def read_header(path: Path) -> tuple[dict[str, Any], int]:
    """The tensors of a safetensors file, and the position where their bytes begin."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    return header, 8 + length


def _write(
    path: Path, dtype: str, shapes: Mapping[str, Sequence[int]], values: Iterator[npt.NDArray[np.float32]]
) -> None:
    fields, end = {}, 0
    for name, shape in sorted(shapes.items()):
        size = _ITEM[dtype]
        for dimension in shape:
            size *= dimension
        fields[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    with path.open("wb") as file:
        file.write(_encode_header(fields))
        for value in values:
            file.write(_bfloat16(value) if dtype == "BF16" else value.astype("<f4").tobytes())


def _encode_header(fields: Mapping[str, object]) -> bytes:
    text = json.dumps({"__metadata__": {"format": "pt"}, **fields}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _values(rng: np.random.Generator, name: str, shape: Sequence[int]) -> npt.NDArray[np.float32]:
    import numpy as np

    values = rng.standard_normal(shape, dtype=np.float32)
    if "LayerNorm.weight" in name:
        return np.float32(0.9) + np.float32(0.05) * values
    if len(shape) == 1:
        return np.float32(0.05) * values
    rows = np.exp(rng.normal(0, _ROW_SPREAD, (shape[0], *(1 for _ in shape[1:])))).astype(np.float32)
    return values * (np.float32(0.04) * rows)


def _perturbed(piece: bytes, dtype: str, rng: np.random.Generator) -> bytes:
    import numpy as np

    if dtype == "BF16":
        values = (np.frombuffer(piece, "<u2").astype(np.uint32) << 16).view(np.float32)
    elif dtype == "F32":
        values = np.frombuffer(piece, "<f4")
    else:
        return bytes(byte ^ 1 for byte in piece)
    noise = rng.standard_normal(values.shape, dtype=np.float32)
    changed = values + np.float32(0.01) * values.std() * noise
    return _bfloat16(changed) if dtype == "BF16" else changed.astype("<f4").tobytes()


def _bfloat16(values: npt.NDArray[np.float32]) -> bytes:
    import ml_dtypes

    return bytes(values.astype(ml_dtypes.bfloat16).tobytes())
