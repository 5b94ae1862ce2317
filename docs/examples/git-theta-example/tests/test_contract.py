"""The checks that git-theta publishes for plugins of each kind, and what each plugin is for."""

from pathlib import Path

import numpy as np
from git_theta_example.flat import Flat
from git_theta_example.median import Median, MedianOptions
from git_theta_example.scaled import Scaled
from git_theta_example.toy import HEAD, MAGIC, RECORD, Toy

from git_theta.model.tensor import TensorSpec
from git_theta.store.remote import RemoteContext
from git_theta.strategies.base import Case
from git_theta.strategies.lazy_array import from_array
from git_theta.testing import check_format, check_remote, check_strategy, check_update
from git_theta.updates.base import Base


def toy_file(step: int, **vectors) -> bytes:
    records = (
        RECORD.pack(len(name), len(vector)) + name.encode() + np.array(vector, "<f4").tobytes()
        for name, vector in vectors.items()
    )
    return b"".join((HEAD.pack(MAGIC, step), *records))


def test_toy_keeps_the_contract():
    check_format(Toy(), [toy_file(0), toy_file(7, weight=[1.0, 2.0, 3.0], bias=[0.5])])


def test_toy_finds_tensors_and_the_step():
    data = memoryview(toy_file(7, weight=[1.0, 2.0, 3.0], bias=[0.5]))
    assert [(tensor.name, tensor.spec.shape) for tensor in Toy().locate(data).tensors] == [
        ("weight", (3,)),
        ("bias", (1,)),
    ]
    assert dict(Toy().scalars(data)) == {"step": "7"}


def test_scaled_keeps_the_contract():
    check_update(Scaled())


def test_a_decayed_weight_is_one_number():
    base = np.random.default_rng(0).standard_normal(100_000).astype("f4")
    value = base * np.float32(0.999)

    def pieces(nbytes):
        return iter([memoryview(base).cast("B")])

    spec = TensorSpec("F32", (100_000,))
    payload = b"".join(Scaled().encode(memoryview(value).cast("B"), spec, Base(spec, pieces)))
    assert len(payload) < 100
    assert b"".join(Scaled().decode(memoryview(payload), [pieces], value.nbytes)) == value.tobytes()


def test_median_keeps_the_contract():
    check_strategy(Median())


def test_the_median_of_ours_theirs_and_base():
    ours, theirs, base = (from_array(np.array(numbers)) for numbers in ([3.0, 1.0], [5.0, -1.0], [1.0, 0.0]))
    case = Case("w", (ours, theirs), base)
    assert Median().merge(case, MedianOptions()).array().tolist() == [3.0, 0.0]
    assert Median().merge(case, MedianOptions(scale=0.5)).array().tolist() == [2.0, 0.0]


def test_flat_keeps_the_contract(tmp_path):
    context = RemoteContext(folder=Path(), environment={}, settings={})
    check_remote(Flat().open(f"flat://{tmp_path}", context))
    assert all(len(path.name) == 64 for path in tmp_path.iterdir())
