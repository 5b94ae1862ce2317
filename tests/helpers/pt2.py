"""Archives of exported programs as `torch.export.save` writes them, without PyTorch."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

WEIGHTS, CONSTANTS = "weights", "constants"


def entry(
    member: str, shape: Sequence[int], strides: Sequence[int], dtype: int = 7, offset: int = 0, **changed: Any
) -> dict[str, Any]:
    """The line of a table for a tensor; `pickled=True` for a member by `torch.save`."""
    meta = {
        "dtype": dtype,
        "sizes": [{"as_int": size} for size in shape],
        "strides": [{"as_int": stride} for stride in strides],
        "storage_offset": {"as_int": offset},
        "layout": 7,
    }
    pickled = changed.pop("pickled", False)
    return {"path_name": member, "use_pickle": pickled, "tensor_meta": meta | changed}


def pt2_bytes(
    tables: Mapping[tuple[str, str], Mapping[str, Any]], members: Mapping[str, bytes], method: int = 0
) -> bytes:
    """An archive.

    Args:
        tables: Kind of tensors and name of the model → name of a tensor → its line.
        members: Other members, such as `data/weights/weight_0`.
        method: Compression of the members.
    """
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:

        def write(name: str, data: bytes) -> None:
            archive.writestr(zipfile.ZipInfo(f"m/{name}"), data, method)

        for name, data in members.items():
            write(name, data)
        for (kind, model), table in tables.items():
            write(f"data/{kind}/{model}_{kind}_config.json", json.dumps({"config": table}).encode())
        write("archive_format", b"pt2")
        write("byteorder", b"little")
        write(".data/serialization_id", b"1" * 40)
    return file.getvalue()
