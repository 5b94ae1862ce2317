"""PyTorch's tensors in plain pickles."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from git_theta.errors import FormatError
from git_theta.formats.pickle.array_file import array_file_scalars, locate_arrays
from tests.helpers.pickled import call, mapping, number, plain_tensor, storage_bytes, values_of, whole

DATA = np.arange(6, dtype="<f4").tobytes()


def test_each_storage_is_a_file_in_the_pickle() -> None:
    made = plain_tensor(DATA, (2, 3))
    wrapped = call("torch._utils", "_rebuild_parameter", made, b"\x88", b"N")
    data = whole(mapping({"w": wrapped, "t": plain_tensor(DATA, (3, 2), (1, 3)), "epoch": number(3)}))
    found = locate_arrays(memoryview(data)).tensors
    assert {each.name: values_of(each, data) for each in found} == {
        "w": [[0, 1, 2], [3, 4, 5]],
        "t": [[0, 3], [1, 4], [2, 5]],
    }
    assert dict(array_file_scalars(memoryview(data)))["epoch"] == "3"


def test_tensors_of_one_storage_share_its_bytes() -> None:
    shared = storage_bytes(DATA) + b"q\x01"
    data = whole(mapping({"a": plain_tensor(shared, (2, 3)), "b": plain_tensor(b"h\x01", (4,), None, 2)}))
    first, second = locate_arrays(memoryview(data)).tensors
    assert second.offset == first.offset + 8
    assert values_of(second, data) == [2, 3, 4, 5]


def test_a_view_that_shows_an_element_twice_stays_in_the_layout() -> None:
    data = whole(plain_tensor(DATA, (2, 3), (0, 1)))
    assert locate_arrays(memoryview(data)).tensors == ()


@pytest.mark.parametrize(
    "made", [plain_tensor(DATA, (7,)), plain_tensor(DATA[:-1], (6,)), plain_tensor(DATA, (2,), (1, 1))]
)
def test_storages_and_views_that_lie(made: bytes) -> None:
    with pytest.raises(FormatError):
        locate_arrays(memoryview(whole(made)))


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_torch_s_modules(protocol: int) -> None:
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))
    data = pickle.dumps({"model": model, "half": torch.arange(6).reshape(2, 3).T.bfloat16()}, protocol)
    found = {each.name: values_of(each, data) for each in locate_arrays(memoryview(data)).tensors}
    expected = {"half": [[0, 3], [1, 4], [2, 5]]}
    expected |= {
        f"model/{name.replace('.', '/')}": value.tolist() for name, value in model.state_dict().items()
    }
    assert found == expected
