"""Data files of distributed checkpoints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from git_theta import formats, testing
from git_theta.formats.neighbours import Neighbours
from git_theta.formats.pytorch.dcp import DistributedCheckpoint
from git_theta.formats.split import split
from tests.helpers.dcp import Chunk, data_file, item, metadata, plain_item
from tests.helpers.pickled import values_of

TENSOR = item(np.arange(4).reshape(2, 2))


def test_contract() -> None:
    testing.check_format(DistributedCheckpoint(), [plain_item(3) + TENSOR, TENSOR * 2])


def test_values_by_number() -> None:
    data = memoryview(plain_item(5) + TENSOR + plain_item(3) + TENSOR)
    found = split(data, formats.registry())
    assert found.format == "pytorch-dcp"
    assert [each.name for each in found.tensors] == ["1", "3"]
    assert values_of(found.tensors[1], bytes(data)) == [[0, 1], [2, 3]]
    assert dict(DistributedCheckpoint().scalars(data)) == {"0": "5", "2": "3"}


def test_one_archive_is_an_ordinary_file() -> None:
    assert split(memoryview(TENSOR), formats.registry()).format == "pytorch"
    assert not DistributedCheckpoint().matches(memoryview(b"PK\x03\x04"))


def beside(name: str, described: bytes | None) -> Neighbours:
    return Neighbours(name, lambda: [".metadata"], {".metadata": described}.get)


def names(data: bytes, name: str, described: bytes | None) -> list[str]:
    found = split(memoryview(data), formats.registry(), neighbours=beside(name, described))
    return [tensor.name for tensor in found.tensors]


HALVES, CHUNKS = data_file(
    "__1_0.distcp",
    [
        ("epoch", None, plain_item(3)),
        ("w", (0, 0), TENSOR),
        ("w", (2, 0), TENSOR),
        ("b", (0,), item(np.arange(4))),
    ],
)


def test_names_are_those_of_the_metadata() -> None:
    assert names(HALVES, "__1_0.distcp", metadata(CHUNKS)) == ["w[0:2,0:2]", "w[2:4,0:2]", "b"]
    single, chunks = data_file("__2_0.distcp", [("b", (0,), item(np.arange(4)))])
    assert names(single, "__2_0.distcp", metadata(chunks)) == ["b"]


def test_metadata_that_is_of_other_files_or_damaged_is_left_alone() -> None:
    moved: list[Chunk] = [(key, origin, file, start + 1, size) for key, origin, file, start, size in CHUNKS]
    for described in (None, b"", metadata(CHUNKS)[:-9], metadata([]), metadata(moved)):
        assert names(HALVES, "__1_0.distcp", described) == ["1", "2", "3"]
    assert names(HALVES, "other.distcp", metadata(CHUNKS)) == ["1", "2", "3"]


def test_metadata_of_a_part_of_the_values() -> None:
    assert names(HALVES, "__1_0.distcp", metadata(CHUNKS[:2])) == ["w", "2", "3"]


def test_names_that_repeat_or_are_empty() -> None:
    data, chunks = data_file("a.distcp", [("w", None, TENSOR), ("w", None, TENSOR), ("", None, TENSOR)])
    assert names(data, "a.distcp", metadata(chunks)) == ["w", "w#2", "2"]


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
