"""Checkpoints in tar archives."""

from __future__ import annotations

import numpy as np

from git_theta import formats, testing
from git_theta.formats.archive.tar import Tar
from git_theta.formats.split import OPAQUE, split
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.pickled import archive, mapping, number, storage, tensor, values_of, whole
from tests.helpers.tarred import tarred

WEIGHTS = np.arange(4, dtype="<f4")
TREE = mapping({"w": tensor(storage("0", 4), (2, 2)), "epoch": number(3)})
CHECKPOINT = archive({"data.pkl": whole(TREE), "data/0": WEIGHTS.tobytes()})


def test_contract() -> None:
    testing.check_format(Tar(), [tarred({"config.yaml": b"a: 1", "weights.ckpt": CHECKPOINT})])


def test_files_of_several_formats() -> None:
    files = {"./a.yaml": b"a: 1", "./w.ckpt": CHECKPOINT, "m.safetensors": safetensors_bytes({"v": WEIGHTS})}
    data = tarred(files)
    found = split(memoryview(data), formats.registry())
    assert found.format == "tar"
    assert {each.name: values_of(each, data) for each in found.tensors} == {
        "w.ckpt/w": [[0, 1], [2, 3]],
        "m.safetensors/v": [0, 1, 2, 3],
    }
    assert dict(Tar().scalars(memoryview(data))) == {"w.ckpt/epoch": "3"}


def test_archives_without_checkpoints_are_opaque() -> None:
    found = split(memoryview(tarred({"a.txt": b"text"})), formats.registry())
    assert found.format == OPAQUE
    assert "no file in it is a checkpoint" in found.note
