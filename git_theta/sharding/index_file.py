"""The index of a model's shards: JSON in which libraries list them, such as `model.safetensors.index.json`.

It maps the name of each parameter to the shard that has it, and tells the bytes of all parameters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from git_theta.errors import UsageError
from git_theta.small_file import check_size

#: Bytes of an index, at most; models of a million tensors have less. JSON takes up to 22 bytes of memory for
#: each byte.
MAX_INDEX = 32 << 20

#: Levels of lists and maps in an index, at most; libraries write two.
_MAX_DEPTH = 30

#: `model.safetensors.index.json`; of a variant, as diffusers calls it, `model.safetensors.index.fp16.json`.
_NAME = re.compile(r"(?P<stem>.+?)(?P<suffix>\.[^./]+)?\.index(?:\.(?P<variant>[^./]+))?\.json", re.DOTALL)


#: Advice about a model of which something is missing or wrong.
WHOLE_MODEL = "restore what is missing and write the index anew, or name one of the files"


@dataclass(frozen=True, slots=True)
class ShardIndex:
    """The content of an index.

    Attributes:
        places: Name of a parameter → name of the shard that has it, in the order of the file.
        document: The whole JSON.
    """

    places: Mapping[str, str]
    document: Mapping[str, Any]

    @property
    def shards(self) -> list[str]:
        """Names of the shards, sorted. All are in the folder of the index."""
        return sorted(set(self.places.values()))

    @property
    def total_size(self) -> int | None:
        """Bytes of all parameters, as the index tells them; `None` if it doesn't."""
        metadata = self.document.get("metadata")
        size = metadata.get("total_size") if isinstance(metadata, dict) else None
        return size if type(size) is int else None


def is_index_name(path: str) -> bool:
    """Whether a path is that of an index, by its end."""
    return _NAME.fullmatch(path.rpartition("/")[2]) is not None


def indexed_name(index: str) -> str:
    """The name that a model has as one file, for that of its index."""
    match = _NAME.fullmatch(index)
    if match is None:
        return index
    variant = f".{match['variant']}" if match["variant"] else ""
    return f"{match['stem']}{variant}{match['suffix'] or ''}"


def parse_index(data: bytes, where: str) -> ShardIndex:
    """The content of an index.

    Args:
        data: The JSON.
        where: Name of the index for messages.

    Raises:
        UsageError: It isn't such an index, is too large, or names files outside of its folder.
    """
    check_size(len(data), MAX_INDEX, where)
    try:
        document = json.loads(data)
        places = {str(name): _plain(shard) for name, shard in document["weight_map"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(f"{where} isn't an index of shards: {error}") from error
    if not places:
        raise UsageError(f"{where} names no shards")
    if not _is_flat([value for key, value in document.items() if key != "weight_map"]):
        raise UsageError(f"{where} isn't an index of shards: it's nested more than {_MAX_DEPTH} levels deep")
    return ShardIndex(places, document)


def false_claims(index: ShardIndex, places: Mapping[str, str]) -> list[str]:
    """The untrue sentences of an index: that a shard has a parameter, which another shard or none has.

    Parameters that no shard has count only if the index names others as the shards do: some libraries have
    names of their own.

    Args:
        index: The index.
        places: Name of each parameter of the shards → name of the shard that has it.
    """
    moved, absent = [], []
    for name, shard in index.places.items():
        place = places.get(name)
        if place is None:
            absent.append(f"{name!r} is in {shard}, but no shard has it")
        elif place != shard:
            moved.append(f"{name!r} is in {shard}, but it's in {place}")
    return [*moved, *(absent if places.keys() & index.places.keys() else [])]


def check_index(index: ShardIndex, places: Mapping[str, str], where: str) -> None:
    """Check that an index tells the truth; see `false_claims`.

    Raises:
        UsageError: It doesn't.
    """
    claims = false_claims(index, places)
    if claims:
        more = f" (and {len(claims) - 1:,} more)" if len(claims) > 1 else ""
        raise UsageError(f"{where} isn't true: it says that {claims[0]}{more}", WHOLE_MODEL)


def unlisted_parameters(index: ShardIndex, places: Mapping[str, str]) -> list[str]:
    """Parameters of shards that the index doesn't list, unless it has other names for all of them."""
    if not places.keys() & index.places.keys():
        return []
    return [name for name in places if name not in index.places]


def _is_flat(values: list[Any]) -> bool:
    """Whether values have few levels of lists and maps below them."""
    for _ in range(_MAX_DEPTH):
        values = [
            part
            for value in values
            if isinstance(value, dict | list)
            for part in (value.values() if isinstance(value, dict) else value)
        ]
    return not values


def _plain(name: object) -> str:
    """The name, if it's that of a file beside the index.

    Raises:
        ValueError: It isn't.
    """
    if not isinstance(name, str) or name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
        raise ValueError(f"{name!r} isn't the name of a file beside it")
    return name
