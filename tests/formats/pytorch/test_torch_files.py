"""Files that PyTorch itself writes; skipped where it isn't installed."""

from __future__ import annotations

import collections
import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from git_theta.formats.base import Tensor
from git_theta.formats.pytorch.legacy import PyTorchLegacy
from git_theta.formats.pytorch.zipped import PyTorchZip
from git_theta.formats.split import Split, split

torch = pytest.importorskip("torch")

BOTH = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])


def saved(value: object, *, zipped: bool = True, protocol: int = 2) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=zipped, pickle_protocol=protocol)
    return file.getvalue()


def parts(data: bytes) -> Split:
    with ThreadPoolExecutor(1) as pool:
        return split(memoryview(data), [PyTorchZip(), PyTorchLegacy()], pool)


def content(found: Tensor, data: bytes) -> bytes:
    """The logical, C-contiguous bytes of a tensor."""
    item = f"V{found.spec.item_size}"
    strides = found.strides or found.spec.strides
    if found.spec.count == 0:
        return b""
    return np.ndarray(found.spec.shape, item, data, found.offset, strides).tobytes()


def expected(tensor: Any) -> bytes:
    flat = tensor.detach().contiguous().reshape(-1)
    return bytes(flat.view(torch.uint8).numpy().tobytes()) if tensor.numel() else b""


def check(value: object, tensors: dict[str, Any], **how: Any) -> None:
    data = saved(value, **how)
    found = {tensor.name: tensor for tensor in parts(data).tensors}
    assert set(found) == set(tensors)
    for name, tensor in tensors.items():
        assert found[name].spec.shape == tuple(tensor.shape), name
        assert content(found[name], data) == expected(tensor), name


def various() -> dict[str, Any]:
    base = torch.randn(6, 8)
    return {
        "f16": base.half(),
        "bf16": base.bfloat16(),
        "f64": base.double(),
        "c64": torch.randn(3, dtype=torch.complex64),
        "bool": torch.tensor([True, False]),
        "i8": torch.arange(5, dtype=torch.int8),
        "i64": torch.arange(5),
        "transposed": base.t(),
        "slice": base[1:5, 2:7],
        "steps": base[::2, ::3],
        "channels": torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
        "alias": base.view(-1),
        "empty": torch.empty(0, 4),
        "scalar": torch.tensor(3.5),
        "unit": torch.randn(1, 5).t(),
    }


@BOTH
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_dtypes_and_views(zipped: bool, protocol: int) -> None:
    tensors = various()
    check(tensors, tensors, zipped=zipped, protocol=protocol)


@pytest.mark.parametrize(
    "dtype",
    ["float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "uint16", "uint32", "uint64"],
)
def test_dtypes_without_a_storage_type(dtype: str) -> None:
    tensor = torch.arange(8, dtype=torch.uint8).float().to(getattr(torch, dtype))
    check({"w": tensor}, {"w": tensor})


@BOTH
@pytest.mark.filterwarnings("ignore:torch.quantize")
def test_containers(zipped: bool) -> None:
    one, two = torch.randn(3), torch.randn(4)
    parameter = torch.nn.Parameter(torch.randn(2))
    value = {
        "tied": [one, one],
        "parameter": parameter,
        3: collections.deque([two]),
        "nested": collections.OrderedDict(a={"b": (two,)}),
        "sparse": torch.eye(3).to_sparse(),
        "quantized": torch.quantize_per_tensor(two, 0.1, 0, torch.qint8),
        "expanded": torch.randn(4, 1).expand(4, 5),
    }
    sparse = value["sparse"].coalesce()
    tensors = {
        "tied/0": one,
        "tied/1": one,
        "parameter": parameter,
        "3/0": two,
        "nested/a/b/0": two,
        "sparse/1/0": sparse.indices(),
        "sparse/1/1": sparse.values(),
        "quantized": value["quantized"].int_repr(),
    }
    check(value, tensors, zipped=zipped)


@BOTH
def test_a_module_and_its_optimizer(zipped: bool) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    state = {name.replace(".", "/"): tensor for name, tensor in model.state_dict().items()}
    check(model, state, zipped=zipped)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.randn(5, 3)).sum().backward()
    optimizer.step()
    moments = {
        f"state/{index}/{key}": tensor
        for index, entry in optimizer.state_dict()["state"].items()
        for key, tensor in entry.items()
    }
    check(optimizer.state_dict(), moments, zipped=zipped)


@BOTH
def test_bare_tensors_and_storages(zipped: bool) -> None:
    tensor = torch.randn(2, 3)
    check(tensor, {"tensor": tensor}, zipped=zipped)
    data = saved(torch.randn(3).untyped_storage())
    assert [found.name for found in parts(data).tensors] == ["tensor"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript() -> None:
    model = torch.jit.script(torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)))
    file = io.BytesIO()
    torch.jit.save(model, file)
    data = file.getvalue()
    found = {tensor.name: tensor for tensor in parts(data).tensors}
    for name, tensor in model.state_dict().items():
        assert content(found[name.replace(".", "/")], data) == expected(tensor)


@BOTH
def test_other_weights_of_one_shape_have_the_same_layout(zipped: bool) -> None:
    tensors = {f"w{index}": torch.randn(4, index) for index in range(5)}
    before = parts(saved(tensors, zipped=zipped))
    for tensor in tensors.values():
        tensor += 1
    assert parts(saved(tensors, zipped=zipped)).layout == before.layout


def test_the_only_bytes_that_change_are_tensors_and_checksums() -> None:
    model = torch.nn.Linear(3, 4)
    first = saved(model.state_dict())
    with torch.no_grad():
        model.weight += 1
    second = saved(model.state_dict())
    found = parts(first)
    kinds = [checksum.kind for checksum in found.layout.checksums]
    assert kinds.count("torch-serialization-id") == 1
    assert kinds[-3:] == ["torch-serialization-id", "crc32", "crc32"]
    rest = [(piece.offset, piece.offset + len(piece.data)) for piece in found.layout.literals]
    assert all(first[start:end] == second[start:end] for start, end in rest)
    assert found.layout == parts(second).layout


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_of_other_weights_has_the_same_layout() -> None:
    model = torch.jit.script(torch.nn.Linear(3, 4))
    layouts = []
    for _ in range(2):
        with torch.no_grad():
            model.weight += 1
        file = io.BytesIO()
        torch.jit.save(model, file)
        layouts.append(parts(file.getvalue()).layout)
    assert layouts[0] == layouts[1]
