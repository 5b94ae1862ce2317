"""Models in files and in folders of shards."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from git_theta.checkpoint_file import identified, read_checkpoint
from git_theta.combine.model import Model
from git_theta.combine.shards import joined
from git_theta.errors import UsageError
from git_theta.formats.base import FileVersion
from git_theta.merging.settings_versions import Settings, most_bytes, parsed_settings
from git_theta.model.manifest import Entry
from git_theta.model.manifest_text import is_manifest
from git_theta.runtime.mapped import mapped_file
from git_theta.small_file import check_size, read_small_file
from git_theta.updates.base import Pieces

#: Names of a model's file in a folder, or of the index of its shards, in the order in which they're tried.
_NAMES = (
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
    "diffusion_pytorch_model.safetensors.index.json",
    "model.safetensors",
    "pytorch_model.bin",
    "diffusion_pytorch_model.safetensors",
    "adapter_model.safetensors",
    "adapter_model.bin",
)

#: Bytes of the index of a model's shards, at most; models of a million tensors have less. JSON takes up to 22
#: bytes of memory for each byte.
MAX_INDEX = 32 << 20

#: Opens the model in a file; its arguments are the path and the name for messages.
OpenFile = Callable[[Path, str], Model]


def open_file(path: Path, name: str, threads: int, stack: ExitStack) -> Model:
    """The model in a checkpoint file.

    Args:
        path: The file.
        name: Name for messages.
        threads: Parameters to hash at once.
        stack: Keeps the file open.

    Raises:
        UsageError: The file can't be read, or isn't a checkpoint of a format that has parameters.
    """
    if not path.is_file():
        raise UsageError(f"{name} isn't a file")
    try:
        data = stack.enter_context(mapped_file(path))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{name} can't be read: {reason}") from error
    if is_manifest(data):
        raise UsageError(
            f"{name} is still a manifest, outside of its repository", "write it: git theta checkout"
        )
    with ThreadPoolExecutor(threads) as pool:
        file = read_checkpoint(data, pool=pool)
        if file.opaque:
            raise UsageError(f"{name} isn't a checkpoint of a format that has parameters", file.note)
        manifest = identified(file, pool)
    names = {entry.digest: entry.name for entry in manifest.entries}

    def read(entry: Entry) -> Pieces:
        yield file.value(names[entry.digest])

    return Model(
        name,
        manifest,
        lambda: FileVersion(file.layout, data),
        read,
        settings=lambda beside: read_settings(path.parent / beside),
    )


def read_settings(path: Path) -> Settings:
    """The settings in a file; empty if it isn't there.

    Raises:
        UsageError: The file isn't a JSON map, or is too large.
    """
    return parsed_settings(
        str(path), read_small_file(path, most_bytes(path.name)) if path.is_file() else None
    )


def open_folder(folder: Path, name: str, open_one: OpenFile) -> Model:
    """The model in a folder: one file, or all shards that an index names.

    Args:
        folder: The folder, as libraries save models.
        name: Name for messages.
        open_one: Opens a file of the folder.

    Raises:
        UsageError: The folder has no model, or several; or a shard can't be read.
    """
    listed = sorted(each.name for each in folder.iterdir())
    files = model_files(listed, name, lambda index: read_index(folder / index))
    return joined(name, [open_one(folder / each, f"{name}/{each}") for each in files])


def model_files(listed: Sequence[str], folder: str, read: Callable[[str], bytes]) -> list[str]:
    """Names of the files of the model in a folder.

    Args:
        listed: Names of all files of the folder.
        folder: Name of the folder for messages.
        read: Reads a file of the folder.

    Raises:
        UsageError: The folder has no model, or several, or the index isn't valid.
    """
    known = next((name for name in _NAMES if name in listed), None)
    if known is None:
        found = [name for name in listed if name.endswith((".safetensors", ".bin", ".pt", ".pth"))]
        if len(found) != 1:
            problem = "several checkpoints" if found else "no checkpoint"
            raise UsageError(f"{folder} has {problem} and no index of shards", "name the file itself")
        return found
    if not known.endswith(".index.json"):
        return [known]
    names = shard_names(read(known), f"{folder}/{known}")
    missing = [name for name in names if name not in listed]
    if missing:
        raise UsageError(f"{folder} has no {missing[0]}, which {known} names")
    return names


def shard_names(data: bytes, where: str) -> list[str]:
    """Names of the shards of a model, from the JSON of its index. All are beside the index.

    Args:
        data: The JSON.
        where: Name of the index for messages.

    Raises:
        UsageError: It isn't such an index, or is too large.
    """
    check_size(len(data), MAX_INDEX, where)
    try:
        names = json.loads(data)["weight_map"].values()
        found = sorted({_plain(name) for name in names})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(f"{where} isn't an index of shards: {error}") from error
    if not found:
        raise UsageError(f"{where} names no shards")
    return found


def _plain(name: str) -> str:
    """The name, if it's that of a file beside the index.

    Raises:
        ValueError: It isn't.
    """
    if not isinstance(name, str) or name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
        raise ValueError(f"{name!r} isn't the name of a file beside it")
    return name


def read_index(path: Path) -> bytes:
    """The JSON of an index of shards.

    Raises:
        UsageError: It can't be read, or is too large.
    """
    return read_small_file(path, MAX_INDEX)
