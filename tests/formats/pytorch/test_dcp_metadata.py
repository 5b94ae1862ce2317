"""The description of a distributed checkpoint."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from git_theta.errors import FormatError
from git_theta.formats.pytorch.dcp_metadata import METADATA, StoredChunk, read_dcp_metadata
from tests.helpers.dcp import metadata


def test_chunks() -> None:
    made = metadata(
        [("w", (0, 0), "a", 0, 9), ("w", (2, 0), "b", 0, 9), ("v", (0,), "b", 9, 5), ("n", None, "b", 14, 3)]
    )
    assert read_dcp_metadata(made) == [
        StoredChunk("w", (0, 0), "a", 0, 9),
        StoredChunk("w", (2, 0), "b", 0, 9),
        StoredChunk("v", None, "b", 9, 5),
        StoredChunk("n", None, "b", 14, 3),
    ]


def test_names_of_parts_say_which() -> None:
    assert StoredChunk("w", (2, 0), "b", 0, 9).full_name((2, 3)) == "w[2:4,0:3]"
    assert StoredChunk("w", (2, 0), "b", 0, 9).full_name((2,)) == "w"
    assert StoredChunk("w", None, "b", 0, 9).full_name((2, 3)) == "w"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        pickle.dumps({"storage_data": {}}),
        pickle.dumps(None),
        metadata([("w", None, "a", 0, 9)])[:-3],
        metadata([("w", None, "a", 0, 9)]).replace(b"relative_path", b"relative_xxxx"),
    ],
)
def test_other_pickles(data: bytes) -> None:
    with pytest.raises(FormatError):
        read_dcp_metadata(data)


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
def test_torch_s_metadata(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    dcp = pytest.importorskip("torch.distributed.checkpoint")
    dcp.save({"model": {"w": torch.ones(3, 4)}, "epoch": 3}, checkpoint_id=tmp_path)
    data = (tmp_path / METADATA).read_bytes()
    expected = pickle.loads(data).storage_data
    found = {(each.name, each.file, each.start, each.size) for each in read_dcp_metadata(data)}
    assert found == {(key.fqn, at.relative_path, at.offset, at.length) for key, at in expected.items()}
