"""Data files of distributed checkpoints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from git_theta import formats, testing
from git_theta.formats.pytorch.dcp import DistributedCheckpoint
from git_theta.formats.split import split
from tests.helpers.pickled import archive, number, storage, tensor, text, values_of, whole


def item(tree: bytes) -> bytes:
    return archive({"data.pkl": whole(tree), "data/0": np.arange(4, dtype="<f4").tobytes()})


TENSOR = item(tensor(storage("0", 4), (2, 2)))


def test_contract() -> None:
    testing.check_format(DistributedCheckpoint(), [item(number(3)) + TENSOR, TENSOR * 2])


def test_values_by_number() -> None:
    data = memoryview(item(text("hi")) + TENSOR + item(number(3)) + TENSOR)
    found = split(data, formats.registry())
    assert found.format == "pytorch-dcp"
    assert [each.name for each in found.tensors] == ["1", "3"]
    assert values_of(found.tensors[1], bytes(data)) == [[0, 1], [2, 3]]
    assert dict(DistributedCheckpoint().scalars(data)) == {"0": "'hi'", "2": "3"}


def test_one_archive_is_an_ordinary_file() -> None:
    assert split(memoryview(TENSOR), formats.registry()).format == "pytorch"
    assert not DistributedCheckpoint().matches(memoryview(b"PK\x03\x04"))


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
def test_torch_s_distributed_checkpoints(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    dcp = pytest.importorskip("torch.distributed.checkpoint")
    state = {"w": torch.randn(3, 4), "t": torch.randn(4, 3).T, "b": torch.ones(5).bfloat16(), "epoch": 3}
    dcp.save(state, checkpoint_id=tmp_path)
    (path,) = tmp_path.glob("*.distcp")
    data = path.read_bytes()
    found = DistributedCheckpoint().locate(memoryview(data)).tensors
    kept = {repr(values_of(each, data)) for each in found}
    assert kept == {repr(state[name].tolist()) for name in ("w", "t", "b")}
    assert "3" in dict(DistributedCheckpoint().scalars(memoryview(data))).values()
