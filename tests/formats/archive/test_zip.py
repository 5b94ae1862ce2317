"""Checkpoints in zip archives."""

from __future__ import annotations

import io
import zipfile

import numpy as np

from git_theta import formats, testing
from git_theta.formats.archive.zip import Zip
from git_theta.formats.split import OPAQUE, split
from tests.helpers.composing import opened, rebuilt
from tests.helpers.pickled import archive, mapping, number, storage, tensor, values_of, whole

WEIGHTS = np.arange(4, dtype="<f4")
TREE = mapping({"w": tensor(storage("0", 4), (2, 2)), "epoch": number(3)})
CHECKPOINT = archive({"data.pkl": whole(TREE), "data/0": WEIGHTS.tobytes()})


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as outer:
        for name, data in files.items():
            outer.writestr(zipfile.ZipInfo(name), data, method)
    return made.getvalue()


def test_contract() -> None:
    testing.check_format(Zip(), [zipped({"data": b"{}", "policy.pth": CHECKPOINT})])


def test_members_of_a_reinforcement_learning_model() -> None:
    data = zipped({"data": b"{}", "policy.pth": CHECKPOINT, "policy.optimizer.pth": CHECKPOINT})
    found = split(memoryview(data), formats.registry())
    assert found.format == "zip"
    assert [each.name for each in found.tensors] == ["policy.pth/w", "policy.optimizer.pth/w"]
    assert values_of(found.tensors[1], data) == [[0, 1], [2, 3]]
    assert dict(Zip().scalars(memoryview(data)))["policy.pth/epoch"] == "3"


def test_checksums_of_members_and_of_files_in_them_follow_a_change() -> None:
    from git_theta.formats.compose import Composed

    before = opened(zipped({"policy.pth": CHECKPOINT}))
    changed = archive({"data.pkl": whole(TREE), "data/0": (WEIGHTS + 1).tobytes()})
    after = opened(zipped({"policy.pth": changed}))
    made = Composed(before.version.layout, ())
    assert rebuilt("zip", made, after.values) == zipped({"policy.pth": changed})


def test_other_archives() -> None:
    for data in (zipped({"a.txt": b"text"}), zipped({"w.pth": CHECKPOINT}, zipfile.ZIP_DEFLATED)):
        found = split(memoryview(data), formats.registry())
        assert (found.format, found.note) == (OPAQUE, "")
    damaged = split(memoryview(zipped({"w.pth": CHECKPOINT[:-9]})), formats.registry())
    assert "no member of it is a checkpoint" in damaged.note
