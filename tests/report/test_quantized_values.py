"""Quantised weights as the numbers that they stand for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.errors import PackedValueError
from git_theta.model.manifest import Entry, Manifest, Source
from git_theta.model.quantized_weights import quantized_weights
from git_theta.model.tensor import TensorSpec
from git_theta.report import quantized_values
from git_theta.report.distance import Distance, measure
from git_theta.report.quantized_values import PlainValue, QuantizedValue, quantized_pairs
from git_theta.report.side import Side
from tests.helpers.manifests import manifest

Array = NDArray[Any]
Version = Mapping[str, tuple[str, Array]]


class Reader:
    """Reads values from memory, in one piece."""

    def __init__(self, version: Version) -> None:
        self._version = version

    def value(self, entry: Entry) -> Iterator[memoryview]:
        yield memoryview(self._version[entry.name][1].tobytes())

    def skeleton(self) -> memoryview:
        return memoryview(b"")


def side(version: Version) -> Side:
    return Side("m", stored_manifest(version), Reader(version))


def stored_manifest(version: Version) -> Manifest:
    return manifest(
        *(
            Entry(name, TensorSpec(dtype, array.shape), str(hash(array.tobytes())), Source("none", None))
            for name, (dtype, array) in version.items()
        )
    )


def numbers(version: Version) -> Array:
    made = side(version)
    assert made.manifest
    (weight,) = quantized_weights({entry.name: entry.spec for entry in made.manifest.entries})
    blocks = QuantizedValue(weight, made.manifest.by_name, Reader(version)).blocks()
    return np.concatenate(list(blocks))[:, 0]


@pytest.fixture(params=[1 << 18, 64], ids=["whole", "by rows"])
def _blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantized_values, "_BLOCK", request.param)


RANDOM = np.random.default_rng(3)
CODES = RANDOM.integers(-127, 128, (6, 256)).astype("i1")

pytestmark = pytest.mark.usefixtures("_blocks")


@pytest.mark.parametrize("shape", [(), (1,), (6,), (6, 1)])
def test_scales_of_all_or_of_rows(shape: tuple[int, ...]) -> None:
    scales = RANDOM.random(shape).astype("f4")
    found = numbers({"l.weight": ("I8", CODES), "l.weight_scale": ("F32", scales)})
    expected = CODES * scales.astype("f8").reshape(-1, 1)
    np.testing.assert_array_equal(found, expected.ravel())


def test_scales_of_tiles() -> None:
    scales = np.array([[2, 3]], "f4")
    found = numbers({"l.weight": ("I8", CODES), "l.weight_scale_inv": ("F32", scales)}).reshape(6, 256)
    np.testing.assert_array_equal(found[:, :128], CODES[:, :128] * 2.0)
    np.testing.assert_array_equal(found[:, 128:], CODES[:, 128:] * 3.0)


def test_largest_magnitudes_of_rows() -> None:
    largest = np.arange(6, dtype="f4") * 127
    found = numbers({"l.weight": ("I8", CODES), "l.SCB": ("F32", largest)})
    np.testing.assert_array_equal(found, (CODES * np.arange(6.0)[:, None]).ravel())


def test_mxfp4() -> None:
    blocks, scales = np.full((3, 2, 16), 0x71, "u1"), np.full((3, 2), 128, "u1")
    found = numbers({"e.w_blocks": ("U8", blocks), "e.w_scales": ("U8", scales)})
    assert found.tolist() == [1.0, 12.0] * 96


@pytest.mark.parametrize(
    ("names", "whole"),
    [
        (("l.weight", "l.weight_scale", "l.weight_scale_2"), 0.5),
        (("l.weight_packed", "l.weight_scale", "l.weight_global_scale"), 2.0),
    ],
)
def test_nvfp4(names: tuple[str, str, str], whole: float) -> None:
    # 0x38 is 1 and 0x40 is 2 in E4M3.
    scales = np.array([[0x38, 0x40]] * 3, "u1")
    values = (("U8", np.full((3, 16), 0x42, "u1")), ("F8_E4M3", scales), ("F32", np.array(whole, "f4")))
    found = numbers(dict(zip(names, values, strict=True)))
    assert found.tolist() == ([0.5, 1.0] * 8 + [1.0, 2.0] * 8) * 3


@pytest.mark.parametrize(
    "version",
    [
        {"l.weight": ("I8", CODES), "l.weight_scale": ("F32", np.ones(5, "f4"))},
        {
            "l.weight": ("I8", CODES),
            "l.weight_scale": ("F32", np.ones(6, "f4")),
            "l.weight_zero_point": ("I8", np.ones(6, "i1")),
        },
        {
            "l.qweight": ("I32", np.ones((8, 96), "i4")),
            "l.qzeros": ("I32", np.ones((2, 12), "i4")),
            "l.scales": ("F16", np.ones((2, 96), "f2")),
        },
        {"l.qweight": ("I32", np.ones((), "i4")), "l.scales": ("F16", np.ones(1, "f2"))},
    ],
    ids=["odd scales", "zero point", "GPTQ", "odd shapes"],
)
def test_other_schemes_are_not_decoded(version: Version) -> None:
    with pytest.raises(PackedValueError, match="aren't decoded"):
        numbers(version)


def compared(old: Version, new: Version) -> dict[str, Distance | str]:
    before, after = side(old), side(new)
    assert before.manifest
    assert after.manifest
    names = before.manifest.by_name
    pairs = tuple((names[entry.name], entry) for entry in after.manifest.entries if entry.name in names)
    quantized = quantized_pairs(pairs, before, after)
    return measure(pairs, Reader(old), Reader(new), 1, quantized)


def test_figures_are_those_of_the_weights() -> None:
    old = {"l.weight": ("I8", CODES), "l.weight_scale": ("F32", np.float32(2))}
    new = {"l.weight": ("I8", CODES), "l.weight_scale": ("F32", np.float32(1))}
    result = compared(old, new)["l.weight"]
    assert isinstance(result, Distance)
    assert result.relative == pytest.approx(0.5)


def test_a_quantisation_is_compared_with_its_original() -> None:
    original = (CODES * 0.25).astype("f4")
    old = {"l.weight": ("F32", original)}
    new = {"l.weight": ("I8", CODES), "l.weight_scale": ("F32", np.float32(0.25))}
    result = compared(old, new)["l.weight"]
    assert isinstance(result, Distance)
    assert (result.norm, result.changed) == (0, 0)


def test_weights_of_two_shapes() -> None:
    old = {"l.weight": ("I8", CODES), "l.weight_scale": ("F32", np.float32(2))}
    new = {"l.weight": ("I8", CODES[:3]), "l.weight_scale": ("F32", np.float32(1))}
    assert compared(old, new)["l.weight"] == "another shape"


def test_a_plain_weight() -> None:
    array = np.arange(6, dtype="f4").reshape(2, 3)
    entry = Entry("w", TensorSpec("F32", (2, 3)), "0", Source("none", None))
    (block,) = PlainValue(entry, Reader({"w": ("F32", array)})).blocks()
    assert block.ravel().tolist() == array.ravel().tolist()
