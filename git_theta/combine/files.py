"""Models in files and in folders of shards."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from git_theta.checkpoint_file import identified, read_checkpoint
from git_theta.combine.model import Model
from git_theta.combine.shards import joined
from git_theta.errors import UsageError
from git_theta.formats.base import FileVersion
from git_theta.formats.neighbours import neighbours_of
from git_theta.merging.settings_versions import Settings, most_bytes, parsed_settings
from git_theta.model.manifest import Entry
from git_theta.model.manifest_text import is_manifest
from git_theta.runtime.mapped import mapped_file
from git_theta.sharding.grouping import ReadFile, listed_models, main_model
from git_theta.sharding.index_file import MAX_INDEX, WHOLE_MODEL, is_index_name
from git_theta.sharding.parts import ModelParts, single_file
from git_theta.small_file import read_small_file
from git_theta.updates.base import Pieces

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
        file = read_checkpoint(data, pool=pool, neighbours=neighbours_of(str(path)))
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


def model_files(listed: Sequence[str], folder: str, read: ReadFile) -> tuple[str, ...]:
    """Names of the files of the model in a folder.

    Args:
        listed: Names of all files of the folder.
        folder: Name of the folder for messages.
        read: Reads a file of the folder.

    Raises:
        UsageError: The folder has no model, or several, or not all of its shards.
    """
    model = main_model(listed_models(listed, read), folder)
    if model.problem:
        raise UsageError(f"{folder}/{model.problem}", WHOLE_MODEL)
    return model.files


def parts_at(path: Path, name: str) -> ModelParts:
    """The checkpoint files of a model in the file system, all of which are there.

    Args:
        path: A checkpoint, the index of its shards, the folder of a model, or the path that shards would have
            as one file.
        name: Name for messages.

    Raises:
        UsageError: There's no such model, or not all of its shards are there.
    """
    if os.path.lexists(path) and not path.is_dir() and not (path.is_file() and is_index_name(path.name)):
        return single_file(str(path))
    folder = path if path.is_dir() else path.parent
    models = _models_of(folder)
    if path.is_dir():
        found = main_model(models, name)
    else:
        named = [each for each in models if path.name in (each.index, each.name)]
        if not named:
            raise UsageError(f"there's no file {name}")
        found = named[0]
    if found.problem:
        raise UsageError(f"{os.path.join(os.path.dirname(name), found.problem)}", WHOLE_MODEL)
    return found.inside(str(folder))


def _models_of(folder: Path) -> list[ModelParts]:
    listed = sorted(os.listdir(folder)) if folder.is_dir() else []
    return listed_models(listed, lambda each: read_index(folder / each))


def read_index(path: Path) -> bytes:
    """The JSON of an index of shards.

    Raises:
        UsageError: It can't be read, or is too large.
    """
    return read_small_file(path, MAX_INDEX)
