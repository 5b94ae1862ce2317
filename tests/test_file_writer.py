"""Files written from values that no store has; tests of `smudge` have more of the layouts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from git_theta.checkpoint_file import NOT_STORED
from git_theta.errors import CorruptError
from git_theta.file_writer import FileWriter
from git_theta.model.digest import digest
from git_theta.model.layout import Checksum, Layout, Literal, Placement
from git_theta.model.manifest import Entry
from git_theta.model.placed import PlacedParameter
from git_theta.model.strided import temporary_file
from git_theta.model.tensor import TensorSpec

VALUES = {"a": np.arange(6, dtype="<i2").reshape(2, 3), "b": np.arange(3, dtype="<i2")}


def placed(name: str, offset: int, strides: tuple[int, ...] | None = None) -> PlacedParameter:
    value = VALUES[name]
    entry = Entry(name, TensorSpec("I16", value.shape), digest(value.tobytes()), NOT_STORED)
    return PlacedParameter(entry, Placement(name, offset, strides))


def written(path: Path, layout: Layout, *parameters: PlacedParameter) -> bytes:
    def read(entry: Entry) -> Iterator[memoryview]:
        data = VALUES[entry.name].tobytes()
        return iter((memoryview(data)[:2], memoryview(data)[2:]))

    with path.open("wb+") as file:
        FileWriter(partial(map, read), temporary_file).write(layout, parameters, file.fileno())
    return path.read_bytes()


def test_literals_values_and_checksums(tmp_path: Path) -> None:
    columns = placed("a", 4, (2, 4))  # stored column by column
    layout = Layout(20, (columns.place,), (Literal(0, b"head"),), (Checksum("crc32", 16, ((0, 16),)),))
    found = written(tmp_path / "out", layout, columns)
    assert found[:16] == b"head" + VALUES["a"].T.tobytes()
    assert found[16:] != bytes(4)


def test_values_that_share_bytes_must_agree(tmp_path: Path) -> None:
    first, agreeing, other = placed("a", 0), placed("b", 0), placed("b", 2)
    layout = Layout(12, (first.place, agreeing.place), (), ())
    assert written(tmp_path / "out", layout, first, agreeing) == VALUES["a"].tobytes()
    with pytest.raises(CorruptError, match="shares memory"):
        written(tmp_path / "other", layout, first, other)
