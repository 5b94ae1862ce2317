"""Programs and data files of ExecuTorch."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from git_theta import formats, testing
from git_theta.formats.executorch import program
from git_theta.formats.executorch.plugin import ExecuTorchData, ExecuTorchProgram
from git_theta.formats.split import OPAQUE, split
from tests.helpers.executorch_files import flat_tensor_bytes, layout, program_bytes, tensor
from tests.helpers.pickled import values_of

GRID = np.arange(6, dtype="<f4").reshape(2, 3)
DATA = GRID.tobytes()


def values(data: bytes, kind: str = "executorch") -> dict[str, Any]:
    found = split(memoryview(data), formats.registry())
    assert found.format == kind, found.note
    return {each.name: values_of(each, data) for each in found.tensors}


def refused(data: bytes) -> str:
    found = split(memoryview(data), formats.registry())
    assert found.format == OPAQUE
    return found.note


def test_contract() -> None:
    testing.check_format(ExecuTorchProgram(), [program_bytes([tensor(1, (2, 3))], [DATA], [0, 0])])
    testing.check_format(ExecuTorchData(), [flat_tensor_bytes({"w": (0, layout((2, 3)))}, [DATA])])


def test_constants_and_mutable_tensors() -> None:
    tensors = [
        tensor(0, (9,)),
        tensor(1, (2, 3)),
        tensor(1, (2, 3)),
        tensor(2, (2,), offset=1),
        tensor(1, (3,), name="state", mutable=True),
        tensor(1, (3,), mutable=True),
        {0: ("B", 1), 1: {}},
    ]
    data = program_bytes(tensors, [DATA + DATA, b"\0" * 4 + DATA], [0, 0, 24], [0, 4])
    assert values(data) == {
        "constant/1": GRID.tolist(),
        "constant/2": [1, 2],
        "state": [0, 1, 2],
        "mutable/1": [0, 1, 2],
    }


def test_the_order_of_dimensions() -> None:
    (found,) = values(program_bytes([tensor(1, (3, 2), (1, 0))], [DATA], [0, 0])).values()
    assert found == GRID.T.tolist()


def test_constants_in_the_tables_of_earlier_versions() -> None:
    assert values(program_bytes([tensor(1, (2, 3))], buffers=[b"", DATA])) == {"constant/1": GRID.tolist()}


def test_data_of_delegates_is_bytes() -> None:
    data = program_bytes([], [b"abc", DATA], named={"weights": 1}, delegates=[0, 0])
    assert values(data) == {"delegate/0": list(b"abc"), "weights": list(DATA)}


def test_packed_and_external_tensors_stay_out() -> None:
    tensors = [tensor(1, (2,), kind=16), tensor(1, (2,), name="w", external=True)]
    assert values(program_bytes(tensors, [DATA], [0, 0])) == {}


def test_data_files() -> None:
    entries = {"w": (0, layout((3, 2), (1, 0))), "blob": (1, None), "": (1, None)}
    data = flat_tensor_bytes(entries, [DATA, b"abc"])
    found = values(data, "executorch-data")
    assert found == {"w": GRID.T.tolist(), "blob": list(b"abc"), "unnamed": list(b"abc")}
    short = flat_tensor_bytes({"w": (0, layout((7,)))}, [DATA])
    assert "leave the segment" in refused(short)


@pytest.mark.parametrize(
    "data",
    [
        program_bytes([tensor(1, (7,))], [DATA], [0, 0]),
        program_bytes([tensor(1, (2,))], [DATA], [0, 20]),
        program_bytes([tensor(2, (2,))], [DATA], [0, 0]),
        program_bytes([tensor(1, (-2,))], [DATA], [0, 0]),
        program_bytes([tensor(1, (2, 3), (0, 0))], [DATA], [0, 0]),
        program_bytes([tensor(1, (2,), offset=-1)], [DATA], [0, 4]),
        program_bytes([tensor(1, (2,), mutable=True)], [DATA], [0, 0]),
        program_bytes([tensor(1, (7,))], buffers=[b"", DATA]),
        program_bytes([], [DATA], named={"w": 1}),
        program_bytes([], [DATA], delegates=[1]),
        program_bytes([tensor(1, (2, 3))], [DATA], [0, 0])[:-1],
    ],
)
def test_tables_that_lie(data: bytes) -> None:
    assert "executorch" in refused(data)


def test_there_is_a_bound_on_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "MAX_VALUES", 3)
    assert "more than 3 values" in refused(program_bytes([tensor(1, (2, 3))] * 4, [DATA], [0, 0]))


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
def test_executorch_s_programs() -> None:
    exir = pytest.importorskip("executorch.exir")
    torch = pytest.importorskip("torch")
    model = torch.nn.Linear(8, 4)
    exported = torch.export.export(model, (torch.ones(2, 8),))
    data = io.BytesIO(exir.to_edge(exported).to_executorch().buffer).getvalue()
    found = [repr(value) for value in values(data).values()]
    assert all(repr(value.tolist()) in found for value in model.state_dict().values())
