"""Files of exports: all of them are there in the end, or none."""

from __future__ import annotations

import errno
import json
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from git_theta.checkpoint_file import NOT_STORED
from git_theta.errors import ThetaError
from git_theta.export.convert import converted
from git_theta.export.plan import ExportedTensor
from git_theta.file_writer import FileWriter, write_at
from git_theta.formats.compose import Composed
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.placed import place_parameters
from git_theta.model.strided import temporary_file
from git_theta.model.tensor import TensorSpec
from git_theta.runtime.atomic_write import Replacement
from git_theta.updates.base import Pieces


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A file of an export.

    Attributes:
        path: Where it goes.
        draft: The file without the values of its tensors.
        tensors: Its tensors.
    """

    path: Path
    draft: Composed
    tensors: tuple[ExportedTensor, ...]


def write_files(
    files: Sequence[ExportedFile],
    texts: Mapping[Path, Mapping[str, object]],
    read: Callable[[Entry], Pieces],
    threads: int,
    progress: Callable[[int], object],
) -> Mapping[str, int]:
    """Write the files.

    Args:
        files: The files.
        texts: Path → JSON, of files beside them.
        read: Reads the value of a parameter.
        threads: Parameters to work on at once.
        progress: Called with the number of bytes of each finished parameter.

    Returns:
        Names of tensors with elements that became infinite → their number.

    Raises:
        ThetaError: A file can't be written, or a value can't be read; existing files are as they were.
    """
    infinite: Counter[str] = Counter()
    try:
        with ExitStack() as stack:
            done = []
            for file in files:
                new = stack.enter_context(Replacement(file.path))
                _write_file(file, new.handle, read, FileOptions(threads, progress, infinite))
                done.append(new)
            for path, content in texts.items():
                new = stack.enter_context(Replacement(path))
                write_at(new.handle, json.dumps(content, indent=2).encode() + b"\n", 0)
                os.fsync(new.handle)
                done.append(new)
            for new in done:
                new.commit()
    except OSError as error:
        hint = "free some disk space and try again" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
        raise ThetaError(
            f"{files[0].path.parent} can't be written to: {error.strerror or error}", hint
        ) from error
    return infinite


@dataclass(frozen=True, slots=True)
class FileOptions:
    """Options and counts that the files of an export share.

    Attributes:
        threads: Parameters to work on at once.
        progress: Called with the number of bytes of each finished parameter.
        infinite: Names of tensors → the number of elements that became infinite; filled by writing.
    """

    threads: int
    progress: Callable[[int], object]
    infinite: Counter[str]


def _write_file(
    file: ExportedFile, handle: int, read: Callable[[Entry], Pieces], options: FileOptions
) -> None:
    tensors = {tensor.name: tensor for tensor in file.tensors}
    stretches = file.draft.stretches

    def value(entry: Entry) -> Pieces:
        if entry.name in stretches:
            return iter((memoryview(stretches[entry.name]),))
        tensor = tensors[entry.name]
        pieces = read(tensor.entry)
        if not tensor.is_converted:
            return pieces
        return converted(tensor, pieces, lambda count: options.infinite.update({entry.name: count}))

    # Every tensor has a place of its own, whatever its value.
    specs = {tensor.name: tensor.spec for tensor in file.tensors}
    specs |= {name: TensorSpec("U8", (len(data),)) for name, data in stretches.items()}
    entries = tuple(Entry(name, spec, name, NOT_STORED) for name, spec in specs.items())
    structure = file.draft.layout
    layout = Entry("layout", TensorSpec("U8", (0,)), "", NOT_STORED)
    placed = place_parameters(Manifest("", structure.size, layout, entries), structure)
    writer = FileWriter(partial(map, value), temporary_file, options.threads, options.progress)
    writer.write(structure, placed, handle)
    os.fsync(handle)
