"""Readers of values: from the store, and from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from git_theta import smudge
from git_theta.checkpoint_file import fingerprint
from git_theta.errors import ThetaError
from git_theta.model.strided import temporary_file
from git_theta.report.readers import FileReader, StoredReader
from git_theta.store.local import LocalStore
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.storing import clean

WEIGHT = np.arange(6, dtype="<f4")
DATA = safetensors_bytes({"w": WEIGHT})


def file_reader(data: bytes = DATA) -> FileReader:
    return FileReader(memoryview(data), temporary_file)


def test_a_file_is_read_in_place() -> None:
    (entry,) = fingerprint(memoryview(DATA), 1, temporary_file).entries
    reader = file_reader()
    assert b"".join(reader.value(entry)) == WEIGHT.tobytes()
    assert reader.skeleton() == DATA


def test_a_file_that_was_written_to_meanwhile() -> None:
    (entry,) = fingerprint(memoryview(DATA), 1, temporary_file).entries
    for other in ({"v": WEIGHT}, {"w": WEIGHT[1:]}):
        with pytest.raises(ThetaError, match="'w' isn't in the file any more"):
            list(file_reader(safetensors_bytes(other)).value(entry))


def test_the_store_has_values_and_a_file_without_them(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    made = clean(store, DATA)
    reader = StoredReader(made, store)
    assert b"".join(reader.value(made.entries[0])) == WEIGHT.tobytes()
    skeleton = bytes(reader.skeleton())
    assert len(skeleton) == len(DATA)
    assert skeleton == DATA[: -WEIGHT.nbytes] + bytes(WEIGHT.nbytes)


def test_a_file_with_very_much_besides_its_tensors_isnt_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smudge, "_MAX_STRETCHES", 1 << 20)
    store = LocalStore(tmp_path)
    made = clean(store, safetensors_bytes({"w": WEIGHT}, {"note": "x" * (1 << 20)}))
    with pytest.raises(ThetaError, match="more than 1048576 bytes besides its tensors"):
        StoredReader(made, store).skeleton()
